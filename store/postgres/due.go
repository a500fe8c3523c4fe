package postgres

import (
	"context"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// dueSize is what a delivery that is read counts in a group: of the largest events
// no more than 16 MiB are in memory at a time.
const dueSize = maxGroupSize / 64

// found is what was read of one delivery.
type found struct {
	postback.Due
	missing bool
}

// Due returns the delivery and its event if ref is still the attempt that the
// delivery waits for; otherwise CodeConflict, or CodeNotFound. What is asked for
// at the same time is read at once.
func (l *Ledger) Due(ctx context.Context, ref postback.Ref) (postback.Due, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	read, err := l.reads.Do(ctx, clean(ref.DeliveryID), dueSize)
	switch {
	case err != nil:
		return postback.Due{}, err
	case read.missing:
		return postback.Due{}, missing("delivery")
	case read.Delivery.Ref() != ref || !store.Waits(read.Delivery.State):
		return postback.Due{}, movedOn(ref)
	}
	return read.Due, nil
}

// readDues reads deliveries with their events.
func (l *Ledger) readDues(ctx context.Context, ids []string) ([]found, error) {
	read, err := duesBy(ctx, l.pool, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]postback.Due, len(read))
	for _, due := range read {
		byID[due.Delivery.ID] = due
	}
	return column(ids, func(id string) found {
		due, there := byID[id]
		return found{due, !there}
	}), nil
}
