package sim_test

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Uint64("sim.seed", 0, "run this seed alone and print its trace")
	flag.Uint64("sim.first", 1, "run seeds from this one on")
	flag.Int("sim.seeds", 5, "run so many seeds")
	flag.Bool("sim.trace", false, "keep every step in traces, the quiet ones too")
	flag.Int("sim.postgres", 2, "run so many seeds over PostgreSQL")
	flag.Bool("sim.apart", true, "run seeds in processes of their own, one for each core")
	flag.Parse()
	code := server.Around(m).Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func flagOf(name string) string { return flag.Lookup(name).Value.String() }

func number(t *testing.T, name string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(flagOf(name), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Guarantee: whatever fails and in whatever order, what was accepted ends once,
// and nothing that is due waits for long.
func TestSeeds(t *testing.T) {
	seed, first, seeds := number(t, "sim.seed"), number(t, "sim.first"), number(t, "sim.seeds")
	switch {
	case seed != 0:
		oneAlone(t, newKit(t, inMemory(t)), seed)
	case flagOf("sim.apart") == "true":
		spread(t, first, seeds)
	default:
		oneByOne(t, newKit(t, inMemory(t)), first, seeds)
	}
}

// Guarantee: the same over PostgreSQL, which each process knows by itself.
func TestOverPostgres(t *testing.T) {
	seed, first, seeds := number(t, "sim.seed"), number(t, "sim.first"), number(t, "sim.postgres")
	k := newKit(t, inPostgres(t))
	if seed != 0 {
		oneAlone(t, k, seed)
		return
	}
	oneByOne(t, k, first, seeds)
}

func oneAlone(t *testing.T, k *kit, seed uint64) {
	t.Helper()
	result := k.run(t, seed, draw(seed))
	t.Logf("%s%s", result.scenario, result.trace)
	report(t, seed, result)
}

func oneByOne(t *testing.T, k *kit, first, seeds uint64) {
	t.Helper()
	steps := 0
	for seed := first; seed < first+seeds; seed++ {
		result := k.run(t, seed, draw(seed))
		steps += result.steps
		report(t, seed, result)
	}
	t.Logf("%d steps", steps)
}

func report(t *testing.T, seed uint64, result outcome) {
	t.Helper()
	if len(result.broken) > 0 {
		t.Errorf("seed %d, after %s:\n  %s\nrun it alone with: go test ./internal/sim -run %s -v -sim.seed=%d",
			seed, result.took, strings.Join(result.broken, "\n  "), t.Name(), seed)
	}
}

// Guarantee: the same seed is the same run.
func TestTheSameSeedIsTheSameRun(t *testing.T) {
	k := newKit(t, inMemory(t))
	for seed := uint64(1); seed <= 2; seed++ {
		one, other := k.run(t, seed, draw(seed)), k.run(t, seed, draw(seed))
		if one.sum != other.sum || one.steps != other.steps {
			t.Errorf("seed %d: %d steps with sum %x, and then %d with %x", seed, one.steps, one.sum, other.steps, other.sum)
		}
	}
}
