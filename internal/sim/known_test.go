package sim_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// knownFault is a fault that Waybill had. Put back, it behaves as it did then.
type knownFault string

const (
	// cutOff: a producer that went away in the middle of a commit was taken for one
	// whose event was not written. Nobody queued what was.
	cutOff knownFault = "accepting is cut off"
	// overflow: deliveries for which the handoff had no room made all that was
	// queued due again.
	overflow knownFault = "the handoff overflows"
	// oneLane: replays and backlogs went in front of new deliveries, as many as
	// there were.
	oneLane knownFault = "everything goes on one lane"
	// putOff: what could not be sent was put off again and again.
	putOff knownFault = "what cannot be sent never ends"
	// ownHead: the head of an ordering group waited for itself when the first try
	// of its insert had failed.
	ownHead knownFault = "a head waits for itself"
	// clockAhead: the age of history went by the clock of the process, which could
	// be ahead of the ledger's.
	clockAhead knownFault = "purging goes by a clock that is ahead"
)

// has reports whether a fault was put back.
func (s scenario) has(f knownFault) bool { return s.fault == f }

// Guarantee: the simulation finds the faults that it was made for.
func TestKnownFaults(t *testing.T) {
	tests := []struct {
		fault knownFault
		ready func(*scenario) // has what the fault needs
		finds string
	}{
		{cutOff, func(s *scenario) {
			s.calm = true
			for i := range s.batches {
				s.batches[i].cancel = time.Duration(50+i%10*20) * time.Microsecond
			}
		}, "nobody takes it"},
		{overflow, func(s *scenario) { s.calm = true; s.handoff = 8 }, "made due again"},
		{oneLane, func(s *scenario) { s.calm = true; s.maxQueued = 64; s.workers = 5; s.skews = s.skews[:1] }, "nobody takes it"},
		{putOff, func(s *scenario) { s.add("pub_1", sealed); s.add("pub_2", sealed) }, "waits for ever"},
		{ownHead, func(s *scenario) { s.add("pub_1", ordered); s.add("pub_2", ordered); s.calm, s.errors = false, 0.3 }, "had to be mended"},
		{clockAhead, func(s *scenario) { s.keep = 2 * time.Second }, "was purged"},
	}
	k := newKit(t, inMemory(t))
	for _, tt := range tests {
		const most = 12
		found := uint64(0)
		for seed := uint64(1); seed <= most && found == 0; seed++ {
			s := drawWith(seed, tt.fault, tt.ready)
			result := k.run(t, seed, s)
			if slices.ContainsFunc(result.broken, func(line string) bool { return strings.Contains(line, tt.finds) }) {
				found = seed
			}
		}
		if found == 0 {
			t.Errorf("%s: %d seeds do not find it", tt.fault, most)
		}
	}
}

// drawWith is the scenario of a seed with a fault put back.
func drawWith(seed uint64, f knownFault, ready func(*scenario)) scenario {
	s := draw(seed)
	s.fault = f
	if f == oneLane {
		s.crowd()
	}
	ready(&s)
	for i := range s.batches {
		s.batches[i].place %= len(s.skews)
	}
	for i := range s.replays {
		s.replays[i].place %= len(s.skews)
	}
	if s.calm {
		s.crashes, s.wipes, s.losses, s.outages, s.errors, s.stalls = nil, nil, nil, nil, 0, 0
	}
	return s
}

// withFault does to an acceptance what the fault does. The answer is nil when
// the fault has none.
func (g gated) withFault(ctx context.Context, items []postback.Acceptance) []postback.Acceptance {
	switch {
	case g.world.scenario.has(ownHead) && g.world.faulty() && g.world.chance.of(items[0].Event.ID+"first try") < 0.3:
		return leftOrdered(items)
	case g.world.scenario.has(overflow) && deliveriesOf(items) > g.world.scenario.handoff:
		n, err := g.Ledger.Requeue(context.WithoutCancel(ctx), time.Now().Add(time.Hour), 1000)
		if err != nil {
			panic(err)
		}
		g.world.model.requeued(n)
	}
	return items
}

func deliveriesOf(items []postback.Acceptance) (n int) {
	for _, item := range items {
		n += len(item.Deliveries)
	}
	return n
}

// leftOrdered are items as a failed try left them: whatever belongs to an
// ordering group waits for another.
func leftOrdered(items []postback.Acceptance) []postback.Acceptance {
	altered := slices.Clone(items)
	for i := range altered {
		altered[i].Deliveries = slices.Clone(altered[i].Deliveries)
		for j := range altered[i].Deliveries {
			if d := &altered[i].Deliveries[j]; d.OrderKey != "" {
				d.State, d.Reason, d.NextAttemptAt, d.SweepAt = postback.Parked, postback.ReasonOrdered, time.Time{}, time.Time{}
			}
		}
	}
	return altered
}

// putOffAgain is a transition as the fault makes it: what would end without ever
// having been sent comes again.
func (g gated) putOffAgain(move postback.Transition) postback.Transition {
	if !g.world.scenario.has(putOff) || !move.To.Ended() || move.Attempt != nil {
		return move
	}
	move.To, move.Reason = postback.Pending, ""
	move.NextAttemptAt = g.process.now().Add(15 * time.Second)
	move.SweepAt = move.NextAttemptAt
	return move
}

// pruneTime is the time before which a purge takes what has ended.
func (s scenario) pruneTime(before time.Time) time.Time {
	if s.has(clockAhead) {
		return before.Add(time.Minute)
	}
	return before
}
