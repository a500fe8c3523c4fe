package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// addDeliveries writes deliveries of an event that is recorded and locked. Their
// ids are of its day; they are noted as reopened, so that the day is not dropped
// before they have ended.
const (
	lockEvent     = `SELECT id, accepted_at, seq, deliveries FROM event_ids WHERE id = $1 FOR UPDATE`
	addDeliveries = `WITH
	d AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
			$8::text[], $9::boolean[], $10::integer[], $11::integer[], $12::integer[], $13::integer[], $14::text[],
			$15::timestamptz[], $16::timestamptz[], $17::timestamptz[], $18::timestamptz[], $19::timestamptz[], $20::integer[], $21::text[]) WITH ORDINALITY
		AS d (id, event_id, event_type, publisher, endpoint_id, reference, state,
			reason, test, generation, attempts, attempts_before, last_status_code, last_error,
			created_at, opened_at, next_attempt_at, completed_at, sweep_at, bytes, order_key, place)),
	fresh AS (UPDATE event_ids SET deliveries = deliveries || (SELECT array_agg(id ORDER BY place) FROM d) WHERE id = $22 RETURNING id, seq, accepted_at),
	matched AS (UPDATE events e SET unmatched = false FROM fresh WHERE e.accepted_at = fresh.accepted_at AND e.seq = fresh.seq),
	noted AS (INSERT INTO reopened (id) SELECT id FROM d ORDER BY id ON CONFLICT (id) DO UPDATE SET id = excluded.id),
	` + writeDeliveries + `
	SELECT id FROM fresh`
)

// Deliver adds deliveries to an event that is recorded, for endpoints that it has
// none for, and returns those that it wrote.
func (l *Ledger) Deliver(ctx context.Context, eventID string, deliveries []postback.Delivery) (written []postback.Delivery, err error) {
	err = l.persist(ctx, func(ctx context.Context, tx pgx.Tx) error {
		written, err = deliver(ctx, tx, eventID, deliveries)
		return err
	})
	if err != nil {
		return nil, err
	}
	return written, nil
}

func deliver(ctx context.Context, tx pgx.Tx, eventID string, deliveries []postback.Delivery) ([]postback.Delivery, error) {
	locked, err := collect(ctx, tx, anchorDest, lockEvent, clean(eventID))
	if err != nil {
		return nil, fmt.Errorf("lock event: %w", err)
	}
	recorded, err := readAccepted(ctx, tx, readEvents, []string{clean(eventID)})
	if err != nil {
		return nil, err
	}
	before, found := recorded[clean(eventID)]
	if !found || len(locked) == 0 {
		return nil, missing("event")
	}
	added := []postback.Acceptance{{Event: before.Event, Deliveries: store.Missing(before.Deliveries, deliveries)}}
	if len(added[0].Deliveries) == 0 {
		return nil, nil
	}
	coming := orderedOf(added)
	for _, one := range coming {
		wait(one.Delivery)
	}
	rows := make([]made, len(added[0].Deliveries))
	for i, d := range added[0].Deliveries {
		rows[i] = made{d, len(before.Event.Data)}
	}
	if _, err := tx.Exec(ctx, addDeliveries, append(deliveryArgs(rows), clean(eventID))...); err != nil {
		return nil, fmt.Errorf("write deliveries: %w", err)
	}
	return added[0].Deliveries, letHeadsGo(ctx, tx, coming, fresh{eventID: locked[0].seq})
}
