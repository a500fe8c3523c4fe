package sim_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// spread runs seeds in processes of their own, one for each core. A run takes all
// randomness of its process, and wakes one goroutine after the other: with one
// core to itself it is done sooner than with two.
func spread(t *testing.T, first, seeds uint64) {
	t.Helper()
	processes := min(uint64(runtime.GOMAXPROCS(0)), seeds)
	for i := range processes {
		from, to := first+seeds*i/processes, first+seeds*(i+1)/processes
		t.Run(fmt.Sprintf("from %d", from), func(t *testing.T) {
			t.Parallel()
			apart(t, from, to-from)
		})
	}
}

// apart runs seeds in a process of its own.
func apart(t *testing.T, first, seeds uint64) {
	t.Helper()
	limit := time.Duration(0)
	if deadline, some := t.Deadline(); some {
		limit = time.Until(deadline)
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSeeds$", "-test.v", "-test.timeout="+limit.String(),
		"-sim.first="+strconv.FormatUint(first, 10), "-sim.seeds="+strconv.FormatUint(seeds, 10), "-sim.apart=false")
	command.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=400")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, output)
		return
	}
	t.Logf("%s", output)
}
