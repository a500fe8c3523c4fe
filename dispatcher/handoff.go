package dispatcher

import "github.com/waybillhq/waybill/postback"

// reservation is room in the handoff: of which deliveries, and whom they are for.
type reservation map[string]owner

// reserve takes room in the handoff for new deliveries, as far as there is any.
// Those are about to be enqueued, so the sweeper need not look at them soon; the
// others are due in the ledger at once.
func (d *Dispatcher) reserve(items []postback.Acceptance) reservation {
	reserved := reservation{}
	if d.outbox.refused() || d.outbox.foreign.Load() {
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
				d.outbox.pending <- postback.Due{Delivery: delivery, Event: item.Event} // never waits: it has room
				delete(reserved, delivery.ID)
			}
		}
	}
	for _, of := range reserved {
		d.lanes.unreserve(of)
	}
}
