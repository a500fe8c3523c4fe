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
	var did runCounts
	for seed := first; seed < first+seeds; seed++ {
		result := k.run(t, seed, draw(seed))
		did = did.and(result.did)
		report(t, seed, result)
	}
	t.Log(did)
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
		same(t, seed, one, other)
	}
}

// Guarantee: a run in which the ledger is not asked again while nothing has changed
// is the run in which it is asked each time.
func TestRememberedAnswersAreTheLedgers(t *testing.T) {
	asking := newKit(t, inMemory(t))
	asking.asks = true
	remembering := newKit(t, inMemory(t))
	for seed := uint64(1); seed <= 4; seed++ {
		same(t, seed, remembering.run(t, seed, draw(seed)), asking.run(t, seed, draw(seed)))
	}
}

func same(t *testing.T, seed uint64, one, other outcome) {
	t.Helper()
	if one.sum != other.sum || one.did != other.did {
		t.Errorf("seed %d: %s with sum %x, and then %s with %x", seed, one.did, one.sum, other.did, other.sum)
	}
}
