package dispatcher

import (
	"sync/atomic"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// handoff holds what was just written to the ledger and goes to the queue next, so
// that a producer's answer never waits for Redis. The lanes say what may come in.
type handoff struct {
	pending chan postback.Due
	foreign atomic.Bool // the queue is that of another ledger

	failed chan postback.Due // attempts that did not get into the queue
	// lost is when the queue was away and may have lost what it had, or more did
	// not get there than failed can hold, in Unix nanoseconds; 0 when nothing is.
	lost atomic.Int64
}

func newHandoff(size int) *handoff {
	// Room for all that is on its way when the queue begins to refuse: what is
	// handed over, and a step or two of the sweeper.
	return &handoff{pending: make(chan postback.Due, size), failed: make(chan postback.Due, size+2*step)}
}

// refused reports whether the queue takes nothing: then all that is due stays
// where it is until the queue has taken what it refused.
func (h *handoff) refused() bool { return len(h.failed) > 0 || h.lost.Load() != 0 }

// fail remembers an attempt that did not get into the queue.
func (h *handoff) fail(due postback.Due, at time.Time) {
	select {
	case h.failed <- due:
	default:
		h.lose(at)
	}
}

// lose remembers that the queue has to be filled again from the ledger.
func (h *handoff) lose(at time.Time) { h.lost.Store(at.UnixNano()) }

// forget drops what failed: the ledger brings it back with all the rest.
func (h *handoff) forget() {
	for {
		select {
		case <-h.failed:
		default:
			return
		}
	}
}

// reservation is room in the handoff: of which deliveries, and whom they are for.
type reservation map[string]owner

// reserve takes room in the handoff for new deliveries, as far as there is any.
// Those are about to be enqueued, so the sweeper need not look at them soon; the
// others are due in the ledger at once.
func (d *Dispatcher) reserve(items []postback.Acceptance) reservation {
	standAside(items)
	reserved := reservation{}
	if d.handoff.refused() || d.handoff.foreign.Load() {
		return reserved
	}
	for _, item := range items {
		for i := range item.Deliveries {
			delivery := &item.Deliveries[i]
			if delivery.State == postback.Pending && d.lanes.reserve(*delivery) {
				delivery.SweepAt = delivery.NextAttemptAt.Add(d.Grace)
				reserved[delivery.ID] = ownerOf(*delivery)
			}
		}
	}
	return reserved
}

// abreast is how many deliveries of one publisher that come together enter the
// lane of new ones, which is worked off in the order in which it was filled.
const abreast = 16

// standAside has what a publisher gets beyond that go on the lane of those that had
// to wait, by being due a moment later: an event that is fanned out to 64 endpoints,
// or a batch of a thousand, would make the next publisher's wait for all of them.
func standAside(items []postback.Acceptance) {
	ahead := map[string]int{}
	for _, item := range items {
		for i := range item.Deliveries {
			delivery := &item.Deliveries[i]
			if delivery.State != postback.Pending {
				continue
			}
			if ahead[delivery.Publisher]++; ahead[delivery.Publisher] > abreast {
				due := delivery.NextAttemptAt.Add(time.Millisecond)
				delivery.NextAttemptAt, delivery.SweepAt = due, due
			}
		}
	}
}

// handOver hands over what has room and was written, and gives the rest of the
// room back: that of events that were there already, or could not be written. What
// was parked the release sees to.
func (d *Dispatcher) handOver(reserved reservation, written []postback.Acceptance) {
	for _, item := range written {
		for _, delivery := range item.Deliveries {
			if delivery.State == postback.Parked {
				d.Parked()
			}
			if _, room := reserved[delivery.ID]; room && item.Err == nil && delivery.State == postback.Pending {
				d.handoff.pending <- postback.Due{Delivery: delivery, Event: item.Event} // never waits: it has room
				delete(reserved, delivery.ID)
			}
		}
	}
	for _, of := range reserved {
		d.lanes.unreserve(of)
	}
}
