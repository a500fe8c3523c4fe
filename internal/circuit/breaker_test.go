package circuit_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/circuit"
)

func TestACircuitOpensOnceForAllProcesses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two, three := b.process(t), b.process(t), b.process(t)
	var group sync.WaitGroup
	for _, process := range []*circuit.Breaker{one, two} {
		for range 10 {
			group.Go(func() { fail(t, process, 1, at(0)) })
		}
	}
	group.Wait()
	if !one.Open("ep_1") || !two.Open("ep_1") || three.Open("ep_1") {
		t.Error("the circuit is not open where it was opened, or it is elsewhere")
	}
	b.expectNotices(t, "ep_1 endpoint.failing: timeout after 0s")
	if got := b.streak(t); !got.Open() || !got.Since.Equal(at(0)) || got.Failures != 20 {
		t.Errorf("the ledger has %+v", got)
	}
	refresh(t, one, two, three)
	if !three.Open("ep_1") || three.Open("ep_2") {
		t.Error("the other process did not learn of it")
	}

	two.Succeeded(t.Context(), "ep_1", true, at(time.Minute))
	one.Succeeded(t.Context(), "ep_1", true, at(time.Minute))
	if one.Open("ep_1") || two.Open("ep_1") {
		t.Error("the circuit is open after a probe succeeded")
	}
	refresh(t, three)
	if three.Open("ep_1") {
		t.Error("the other process did not learn that it is closed")
	}
	b.expectNotices(t, "ep_1 endpoint.failing: timeout after 0s", "ep_1 endpoint.recovered: timeout after 1m0s")
	fail(t, one, 8, at(time.Minute)) // with the probe that is one short of ten
	if one.Open("ep_1") {
		t.Error("it opened again, with what was before")
	}
}

// What was under way when the circuit opened says nothing of how it is since.
func TestOnlyAProbeClosesACircuit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one := b.process(t)
	fail(t, one, 10, at(0))
	one.Succeeded(t.Context(), "ep_1", false, at(time.Second))
	if !one.Open("ep_1") || b.ledger.count("recover") != 0 {
		t.Error("an attempt from before closed it")
	}
	// A probe counts where the circuit is not known yet, too.
	b.process(t).Succeeded(t.Context(), "ep_1", true, at(6*time.Second))
	refresh(t, one)
	if one.Open("ep_1") {
		t.Error("the probe did not close it")
	}
}

func TestFailuresAreNotedInGroups(t *testing.T) {
	t.Parallel()
	never := func(o *circuit.Options) { o.Policy.Minimum = 1 << 30 }
	tests := []struct {
		name    string
		outcome func(i int) bool // whether attempt i fails, one each 25 ms for 25 s
		notes   int
	}{
		{"all", func(int) bool { return true }, 3}, // after three, and twice ten seconds later
		{"single ones", func(i int) bool { return i%3 == 0 }, 0},
		{"three in a row, now and then", func(i int) bool { return i%4 != 0 }, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			one := b.process(t, never)
			for i := range 1000 {
				when := at(time.Duration(i) * 25 * time.Millisecond)
				if tt.outcome(i) {
					fail(t, one, 1, when)
				} else {
					one.Succeeded(t.Context(), "ep_1", false, when)
				}
			}
			if got := b.ledger.count("note"); got != tt.notes {
				t.Errorf("%d notes, want %d", got, tt.notes)
			}
			if got := b.ledger.count("recover"); got > tt.notes {
				t.Errorf("%d ends of streaks", got)
			}
			b.expectNotices(t)
		})
	}
}

// Three failures are a failure streak, and the next success ends it.
func TestAStreakBeginsAndEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one := b.process(t)
	fail(t, one, 2, at(0))
	if got := b.ledger.count("note"); got != 0 {
		t.Errorf("%d notes after two failures", got)
	}
	fail(t, one, 1, at(time.Second))
	if got := b.streak(t); got.Failures != 3 || got.LastError != "timeout" || !got.Since.Equal(at(0)) || got.Open() {
		t.Errorf("got %+v", got)
	}
	one.Succeeded(t.Context(), "ep_1", false, at(2*time.Second))
	if all, err := b.ledger.FailureStreaks(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%d streaks after a success, %v", len(all), err)
	}
	b.expectNotices(t)
}

// While the ledger is away attempts go on; when it is back it learns of what was
// meanwhile.
func TestTheLedgerIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one := b.process(t)
	b.ledger.setAway(true)
	fail(t, one, 15, at(0))
	one.Succeeded(t.Context(), "ep_1", true, at(0))
	if one.Open("ep_1") {
		t.Error("a circuit is open that no other process knows of")
	}
	fail(t, one, 15, at(20*time.Second))
	if got := b.ledger.count("note"); got > 6 {
		t.Errorf("the ledger was asked %d times", got)
	}
	b.ledger.setAway(false)
	fail(t, one, 15, at(40*time.Second))
	if got := b.streak(t); !one.Open("ep_1") || !got.Open() || !got.Since.Equal(at(20*time.Second)) || got.Failures < 20 {
		t.Errorf("open here: %t; the ledger has %+v", one.Open("ep_1"), got)
	}
	b.ledger.setAway(true)
	one.Succeeded(t.Context(), "ep_1", true, at(50*time.Second))
	if !one.Open("ep_1") {
		t.Error("it is closed here and open for others")
	}
	b.ledger.setAway(false)
	one.Succeeded(t.Context(), "ep_1", true, at(60*time.Second))
	if one.Open("ep_1") {
		t.Error("the next probe did not close it")
	}
	b.expectNotices(t, "ep_1 endpoint.failing: timeout after 20s", "ep_1 endpoint.recovered: timeout after 40s")
	if logged := b.logs.String(); !strings.Contains(logged, "endpoint failure not recorded") || !strings.Contains(logged, errAway.Error()) {
		t.Errorf("the log says %s", logged)
	}
}

func TestWhatIsIdleIsForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one := b.process(t)
	for i := range 1000 {
		one.Failed(t.Context(), fmt.Sprintf("ep_%d", i), "timeout", at(0))
		one.Succeeded(t.Context(), fmt.Sprintf("ep_w%d", i), false, at(0))
	}
	fail(t, one, 1, at(time.Hour))
	if windows, rows := one.Remembered(); windows != 1 || rows != 1000 {
		t.Errorf("%d windows and %d rows of failures after an hour", windows, rows)
	}
	fail(t, one, 1, at(25*time.Hour-time.Second))
	if windows, rows := one.Remembered(); windows != 1 || rows != 1 {
		t.Errorf("%d windows and %d rows of failures after a day", windows, rows)
	}
}
