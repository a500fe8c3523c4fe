package dispatcher

import (
	"time"

	"github.com/waybillhq/waybill/postback"
)

// handoffStage passes on what was just written to the ledger and goes to the queue
// next, so that a producer's answer never waits for Redis.
type handoffStage struct {
	lanes    *lanes // say what may come in
	pending  chan<- postback.Due
	failures *failures
	release  *releaseStage
	grace    time.Duration
}

// reservation is room in the handoff: of which deliveries, and whom they are for.
type reservation map[string]owner

// reserve takes room in the handoff for new deliveries, as far as there is any.
// Those are about to be enqueued, so they are due in the ledger after the grace;
// the others are due at once.
func (s *handoffStage) reserve(items []postback.Acceptance) reservation {
	reserved := reservation{}
	if s.failures.closed() {
		return reserved
	}
	for _, item := range items {
		for i := range item.Deliveries {
			delivery := &item.Deliveries[i]
			if delivery.State == postback.Pending && s.lanes.reserve(*delivery) {
				delivery.SweepAt = delivery.NextAttemptAt.Add(s.grace)
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
// room back: that of events that were there already, or could not be written. The
// release handles what was parked.
func (s *handoffStage) handOver(reserved reservation, written []postback.Acceptance) {
	for _, item := range written {
		for _, delivery := range item.Deliveries {
			if delivery.State == postback.Parked {
				s.release.parked()
			}
			if _, room := reserved[delivery.ID]; room && item.Err == nil && delivery.State == postback.Pending {
				s.pending <- postback.Due{Delivery: delivery, Event: item.Event} // never waits: it has room
				delete(reserved, delivery.ID)
			}
		}
	}
	for _, of := range reserved {
		s.lanes.unreserve(of)
	}
}
