package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const insertEvent = `INSERT INTO events
	(id, type, publisher, data, occurred_at, accepted_at, digest, traceparent, test, rejection, unmatched)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`

const insertDelivery = `INSERT INTO deliveries
	(id, event_id, event_type, publisher, endpoint_id, reference, order_key, state, reason, test, generation, attempts, attempts_before,
	 last_status_code, last_error, created_at, opened_at, next_attempt_at, completed_at, sweep_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// Accept writes each event with its deliveries. An event whose id is stored
// already is answered with what is stored, or with CodeConflict when its
// content differs.
func (l *Ledger) Accept(ctx context.Context, items []postback.Acceptance) ([]postback.Acceptance, error) {
	if len(items) == 0 {
		return nil, nil
	}
	rows := len(items)
	for _, item := range items {
		rows += len(item.Deliveries)
	}
	return write(ctx, l.writer, rows, func(ctx context.Context, db *session) ([]postback.Acceptance, error) {
		answers := make([]postback.Acceptance, len(items))
		for i, item := range items {
			var err error
			if answers[i], err = accept(ctx, db, item); err != nil {
				return nil, err
			}
		}
		return answers, nil
	})
}

func accept(ctx context.Context, db *session, item postback.Acceptance) (postback.Acceptance, error) {
	e := item.Event
	unmatched := len(item.Deliveries) == 0 && e.Rejection == ""
	written, err := db.exec(ctx, insertEvent, e.ID, e.Type, e.Publisher, string(e.Data), micros(e.OccurredAt),
		micros(e.AcceptedAt), e.Digest, e.TraceParent, e.Test, e.Rejection, unmatched)
	if err != nil {
		return item, fmt.Errorf("write event: %w", err)
	}
	if written == 0 {
		return repeated(ctx, db, item)
	}
	item.Deliveries = slices.Clone(item.Deliveries) // the caller's stay as they are
	for i := range item.Deliveries {
		if err := writeDelivery(ctx, db, &item.Deliveries[i]); err != nil {
			return item, err
		}
	}
	return item, nil
}

// writeDelivery writes a new delivery, which may have to wait for others.
func writeDelivery(ctx context.Context, db *session, d *postback.Delivery) error {
	if err := lineUp(ctx, db, d); err != nil {
		return err
	}
	_, err := db.exec(ctx, insertDelivery, d.ID, d.EventID, d.EventType, d.Publisher, d.EndpointID, d.Reference, d.OrderKey,
		string(d.State), string(d.Reason), d.Test, d.Generation, d.Attempts, d.AttemptsBefore,
		d.LastStatusCode, d.LastError, micros(d.CreatedAt), micros(d.OpenedAt),
		micros(d.NextAttemptAt), micros(d.CompletedAt), micros(d.SweepAt))
	if err != nil {
		return fmt.Errorf("write delivery: %w", err)
	}
	if d.State == postback.Dead {
		return noteDeadLetter(ctx, db, d.ID)
	}
	return nil
}

const readListedEvent = `SELECT ` + store.ListedEventColumns + ` FROM events e WHERE e.id = ?`

// repeated answers for an event whose id is stored already. Its data is not read: that
// of a batch of large ones would be much, while others wait to be written.
func repeated(ctx context.Context, db *session, item postback.Acceptance) (postback.Acceptance, error) {
	stored, err := single(ctx, db, "event", store.EventDest, readListedEvent, item.Event.ID)
	if err != nil {
		return item, err
	}
	deliveries, err := deliveriesOf(ctx, db, stored.ID)
	if err != nil {
		return item, err
	}
	return item.Answer(stored, deliveries), nil
}

func readEvent(ctx context.Context, db querier, id string) (postback.Event, error) {
	return single(ctx, db, "event", store.EventDest, `SELECT `+store.EventColumns+` FROM events e WHERE e.id = ?`, id)
}

func deliveriesOf(ctx context.Context, db querier, eventID string) ([]postback.Delivery, error) {
	const query = `SELECT ` + deliveryColumns + ` FROM deliveries d WHERE d.event_id = ? ORDER BY d.seq`
	deliveries, err := collect(ctx, db, store.DeliveryDest, query, eventID)
	if err != nil {
		return nil, fmt.Errorf("read deliveries of event: %w", err)
	}
	return deliveries, nil
}
