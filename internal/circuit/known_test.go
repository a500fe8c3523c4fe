package circuit_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/circuit"
	"github.com/waybillhq/waybill/postback"
)

// read is how much a process read at each look.
type read struct {
	*ledger
	counts []int
}

func (r *read) StreaksSince(ctx context.Context, mark int64) (postback.StreakChanges, error) {
	changes, err := r.ledger.StreaksSince(ctx, mark)
	r.counts = append(r.counts, len(changes.Changed)+len(changes.Ended))
	return changes, err
}

// reader is a process whose reading is counted.
func (b *bench) reader(t *testing.T) (*circuit.Breaker, *read) {
	t.Helper()
	reads := &read{ledger: b.ledger}
	return b.process(t, func(o *circuit.Options) { o.Ledger = reads }), reads
}

// A process reads what changed, not all that there is, and all of it now and then.
func TestOnlyWhatChangedIsRead(t *testing.T) {
	t.Parallel()
	const many = 50
	b := setup(t)
	one := b.process(t)
	for i := range many {
		for range 3 {
			one.Failed(t.Context(), fmt.Sprintf("ep_%d", i), "timeout", at(0))
		}
	}
	two, reads := b.reader(t)
	expect := func(want int) {
		t.Helper()
		refresh(t, two)
		if got := reads.counts[len(reads.counts)-1]; got != want {
			t.Errorf("a look read %d streaks, want %d", got, want)
		}
	}
	expect(many)
	expect(0)
	fail(t, one, 7, at(time.Second))
	expect(1)
	if !two.Open("ep_1") {
		t.Error("a circuit that another process opened is closed here")
	}
	one.Succeeded(t.Context(), "ep_1", true, at(2*time.Second))
	one.Succeeded(t.Context(), "ep_2", false, at(2*time.Second))
	expect(2)
	if got := len(two.Streaks()); got != many-2 || two.Open("ep_1") {
		t.Errorf("%d streaks are known, and ep_1 is open: %t", got, two.Open("ep_1"))
	}
	for range 200 {
		refresh(t, two)
	}
	whole := 0
	for _, count := range reads.counts[4:] {
		if count == many-2 {
			whole++
		}
	}
	if whole != 2 {
		t.Errorf("all was read %d times in 200 looks", whole)
	}
}

// late is a ledger in which another process ends the streak between two writes of
// this one.
type late struct {
	*ledger
	between func()
}

func (l *late) OpenCircuit(ctx context.Context, endpointID string, when, probeAt time.Time) (bool, error) {
	l.between()
	return l.ledger.OpenCircuit(ctx, endpointID, when, probeAt)
}

// A circuit that was to be opened when another process saw a success is closed here,
// too, at the next look, though the ledger changes no more.
func TestACircuitThatWasNotOpenedIsClosed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var one *circuit.Breaker
	one = b.process(t, func(o *circuit.Options) {
		o.Ledger = &late{b.ledger, func() {
			if _, _, err := b.ledger.Recover(t.Context(), "ep_1", at(0)); err != nil {
				t.Error(err)
			}
			refresh(t, one) // has read all that there will be
		}}
	})
	fail(t, one, 10, at(0))
	refresh(t, one)
	if one.Open("ep_1") || len(one.Streaks()) != 0 {
		t.Errorf("the circuit is open here and in no ledger: %+v", one.Streaks())
	}
}

// What this process did stays known when nobody else did anything.
func TestWhatWasDoneHereIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one := b.process(t)
	refresh(t, one)
	fail(t, one, 10, at(0))
	for range 3 {
		if !one.Open("ep_1") {
			t.Fatal("the circuit is closed")
		}
		refresh(t, one)
	}
	if got, known := one.Streak("ep_1"); !known || got != b.streak(t) {
		t.Errorf("known is %+v", got)
	}
	one.Succeeded(t.Context(), "ep_1", true, at(time.Second))
	for range 3 {
		if _, known := one.Streak("ep_1"); known {
			t.Fatal("it is failing still")
		}
		refresh(t, one)
	}
}
