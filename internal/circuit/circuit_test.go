package circuit_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/waybillhq/waybill/internal/circuit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(after time.Duration) time.Time {
	return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC).Add(after)
}

// attempt is one that ended after some time, well or badly.
type attempt struct {
	after  time.Duration
	failed bool
}

// run is n attempts, one each interval from a time on.
func run(n int, from, interval time.Duration, failed bool) []attempt {
	var made []attempt
	for i := range n {
		made = append(made, attempt{from + time.Duration(i)*interval, failed})
	}
	return made
}

func TestACircuitOpensOnAShareOfFailuresInTheWindow(t *testing.T) {
	t.Parallel()
	const second = time.Second
	tests := []struct {
		name string
		all  []attempt
		want int // the attempt that opens it, counted from 1; 0 is none
	}{
		{"ten failures", run(20, 0, second, true), 10},
		{"at the same moment", run(20, 0, 0, true), 10},
		{"nine failures", run(9, 0, second, true), 0},
		{"successes alone", run(1000, 0, second/100, false), 0},
		{"too far apart", run(100, 0, 4*second, true), 0},
		{"just close enough", run(100, 0, 3*second, true), 10},
		{"half of them", append(run(10, 0, 0, false), run(10, second, 0, true)...), 20},
		{"less than half", append(run(12, 0, 0, false), run(11, second, 0, true)...), 0},
		{"after successes that the window forgot", append(run(1000, 0, 0, false), run(10, 31*second, 0, true)...), 1010},
		{"after a silence", append(run(9, 0, 0, true), run(9, time.Hour, 0, true)...), 0},
		{"one that ended earlier and is counted later", append(run(9, 10*second, 0, true), attempt{5 * second, true}), 10},
		{"one from before the window", append(run(9, 100*second, 0, true), attempt{5 * second, true}), 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			monitor := circuit.NewMonitor(circuit.Default())
			opened := 0
			for i, one := range tt.all {
				if monitor.Observe("ep_1", one.failed, at(one.after)) && opened == 0 {
					opened = i + 1
				}
			}
			if opened != tt.want {
				t.Errorf("it opened at attempt %d, want %d", opened, tt.want)
			}
		})
	}
}

func TestEndpointsDoNotCountForEachOther(t *testing.T) {
	t.Parallel()
	monitor := circuit.NewMonitor(circuit.Default())
	for i := range 9 {
		for _, id := range []string{"ep_1", "ep_2", "ep_3"} {
			if monitor.Observe(id, true, at(0)) {
				t.Fatalf("%s opened at failure %d", id, i+1)
			}
		}
	}
}

func TestAfterItOpenedTheWindowBeginsAnew(t *testing.T) {
	t.Parallel()
	monitor := circuit.NewMonitor(circuit.Default())
	opened := 0
	for range 35 {
		if monitor.Observe("ep_1", true, at(0)) {
			opened++
		}
	}
	if opened != 3 {
		t.Errorf("35 failures opened it %d times, want once for each ten", opened)
	}
}

// The monitor agrees with a plain count over all attempts, to the size of a
// part of the window.
func TestTheWindowForgetsNothingYoung(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		policy := circuit.Default()
		policy.Minimum = 1 << 30 // never opens: counts on
		monitor := circuit.NewMonitor(policy)
		now := time.Duration(0)
		var all []time.Duration
		for range rapid.IntRange(1, 60).Draw(t, "attempts") {
			now += time.Duration(rapid.IntRange(0, 20_000).Draw(t, "pause")) * time.Millisecond
			all = append(all, now)
			monitor.Observe("ep_1", true, at(now))
		}
		young, old := 0, 0
		for _, one := range all {
			if now-one <= policy.Window-policy.Window/10 {
				young++
			}
			if now-one < policy.Window {
				old++
			}
		}
		if total := monitor.Counted("ep_1"); total < young || total > old {
			t.Fatalf("%d counted, want %d to %d", total, young, old)
		}
	})
}

func TestProbesAreSpacedOut(t *testing.T) {
	t.Parallel()
	policy := circuit.Default()
	most := func() float64 { return 0 }
	for failed, want := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300} {
		if got := policy.ProbeDelay(failed, most); got != want*time.Second {
			t.Errorf("after %d failed probes: %s, want %ds", failed, got, want)
		}
	}
	if got := policy.ProbeDelay(1000, most); got != 5*time.Minute {
		t.Errorf("after 1000 failed probes: %s", got)
	}
	if got := policy.ProbeDelay(0, func() float64 { return 0.999999 }); got < 3750*time.Millisecond || got > 3751*time.Millisecond {
		t.Errorf("with all of the jitter: %s, want 3.75s", got)
	}
}
