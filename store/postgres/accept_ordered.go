package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
)

// comer is a new delivery that is in an ordering group, and how it stands when it is at
// the head.
type comer struct {
	*postback.Delivery
	first postback.Delivery
}

// orderedOf are those deliveries of some items that are in an ordering group, in their order.
func orderedOf(items []postback.Acceptance) []comer {
	var found []comer
	for _, item := range items {
		for i := range item.Deliveries {
			if d := &item.Deliveries[i]; d.OrderKey != "" && !d.State.Ended() {
				found = append(found, comer{d, *d})
			}
		}
	}
	return found
}

// detach copies what a caller keeps and what another try begins with, where it is
// about to be changed.
func detach(items []postback.Acceptance) []postback.Acceptance {
	items = slices.Clone(items)
	for i := range items {
		if len(orderedOf(items[i:i+1])) > 0 {
			items[i].Deliveries = slices.Clone(items[i].Deliveries)
		}
	}
	return items
}

// insertOrdered writes events some of whose deliveries are in ordering groups. These are
// written as waiting for others, and the heads of their groups released then: only
// when it is written does it show whether an event was there before, and none of
// its deliveries may head a group.
func insertOrdered(ctx context.Context, tx pgx.Tx, items []postback.Acceptance, unknown []string, all []comer) (fresh, error) {
	for _, one := range all {
		wait(one.Delivery)
	}
	rows, err := tx.Query(ctx, acceptEvents, acceptArgs(items, unknown, true)...)
	if err != nil {
		return nil, err //nolint:wrapcheck // writeEvents says what it was doing
	}
	written, err := readFresh(rows)
	if err != nil {
		return nil, err
	}
	return written, letHeadsGo(ctx, tx, all, written)
}

// letHeadsGo lets those of new deliveries go that stand at the head. The others
// are not of new events, or stay as they were written: waiting.
func letHeadsGo(ctx context.Context, tx pgx.Tx, all []comer, written fresh) error {
	var coming []*lockedDelivery
	byID := make(map[string]comer, len(all))
	for _, one := range all {
		if seq, isNew := written[one.EventID]; isNew {
			s := lockedOf(*one.Delivery, seq)
			coming, byID[s.id] = append(coming, s), one
		}
	}
	heads, err := lineUp(ctx, tx, coming)
	if err != nil {
		return err
	}
	moved := make(map[string]*lockedDelivery, len(heads))
	for _, s := range heads {
		first := byID[s.id].first
		s.become(first.State, first.Reason)
		s.nextAttemptAt, s.sweepAt = first.NextAttemptAt, first.SweepAt
		*byID[s.id].Delivery, moved[s.id] = first, s
	}
	return writeIn(ctx, tx, moved)
}

// wait puts a delivery behind others.
func wait(d *postback.Delivery) {
	d.State, d.Reason = postback.Parked, postback.ReasonOrdered
	d.NextAttemptAt, d.SweepAt = time.Time{}, time.Time{}
}

// lockedOf is where a new delivery stands.
func lockedOf(d postback.Delivery, eventSeq int64) *lockedDelivery {
	return &lockedDelivery{
		id: clean(d.ID), endpointID: clean(d.EndpointID), orderKey: clean(d.OrderKey), eventSeq: eventSeq, state: d.State, reason: d.Reason,
		generation: d.Generation, attempts: d.Attempts, attemptsBefore: d.AttemptsBefore,
		lastStatusCode: d.LastStatusCode, lastError: clean(d.LastError), completedAt: d.CompletedAt,
	}
}
