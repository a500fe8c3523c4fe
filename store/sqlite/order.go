package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

const (
	takeHead = `INSERT INTO order_heads (endpoint_id, order_key, delivery) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`
	dropHead = `DELETE FROM order_heads WHERE delivery = ? RETURNING endpoint_id, order_key`
	nextHead = `SELECT id FROM deliveries INDEXED BY deliveries_ordered
		WHERE endpoint_id = ? AND order_key = ? AND reason = 'ordered' ORDER BY seq LIMIT 1`
	moveUp = `UPDATE deliveries SET ` + released + ` WHERE id = ?2`
	// moveBehind leaves a delivery parked, for the reason of those of its endpoint
	// that are parked already; it does nothing when none are.
	moveBehind = `UPDATE deliveries SET reason = p.reason FROM (
			SELECT reason FROM deliveries INDEXED BY deliveries_parked
			WHERE endpoint_id = ?1 AND state = 'parked' AND reason <> 'ordered' ORDER BY created_at, seq LIMIT 1) p
		WHERE deliveries.id = ?2`
	// orderedEndpoints steps from one endpoint to the next in the index.
	orderedEndpoints = `WITH RECURSIVE ordered (id) AS (
			SELECT min(endpoint_id) FROM deliveries INDEXED BY deliveries_ordered WHERE reason = 'ordered'
			UNION ALL
			SELECT (SELECT min(endpoint_id) FROM deliveries INDEXED BY deliveries_ordered WHERE reason = 'ordered' AND endpoint_id > ordered.id)
			FROM ordered WHERE ordered.id IS NOT NULL
		) SELECT id FROM ordered WHERE id IS NOT NULL`
)

// Both do nothing for a delivery without an order key.
const (
	takeHeadAgain = `INSERT INTO order_heads (endpoint_id, order_key, delivery)
		SELECT endpoint_id, order_key, id FROM deliveries WHERE id = ? AND order_key <> '' ON CONFLICT DO NOTHING`
	waitAgain = `UPDATE deliveries SET state = 'parked', reason = 'ordered', next_attempt_at = NULL, sweep_at = NULL
		WHERE id = ?1 AND order_key <> '' AND NOT EXISTS (SELECT 1 FROM order_heads h WHERE h.delivery = ?1)`
)

// released is what sets a parked delivery due at ?1.
const released = `reason = '', probe = 0, next_attempt_at = ?1, sweep_at = ?1,
	state = CASE WHEN attempts = attempts_before THEN 'pending' ELSE 'retrying' END`

// lineUp puts a delivery that is about to wait at the end of its group, if it is
// one of an ordering group: it is parked unless it stands at the head.
func lineUp(ctx context.Context, db *session, d *postback.Delivery) error {
	if d.OrderKey == "" || d.State.Ended() {
		return nil
	}
	first, err := db.exec(ctx, takeHead, d.EndpointID, d.OrderKey, d.ID)
	if err != nil {
		return fmt.Errorf("line delivery up: %w", err)
	}
	if first == 0 {
		d.State, d.Reason = postback.Parked, postback.ReasonOrdered
		d.NextAttemptAt, d.SweepAt = time.Time{}, time.Time{}
	}
	return nil
}

// lineUpAgain is lineUp for a delivery that was reopened just now.
func lineUpAgain(ctx context.Context, db *session, deliveryID string) error {
	for _, step := range []string{takeHeadAgain, waitAgain} {
		if _, err := db.exec(ctx, step, deliveryID); err != nil {
			return fmt.Errorf("line delivery up again: %w", err)
		}
	}
	return nil
}

// orderingGroup names deliveries that go one after another.
type orderingGroup struct{ endpointID, orderKey string }

// passOn lets the next of an ordering group go, now that its head has ended.
func passOn(ctx context.Context, db *session, deliveryID string, at time.Time) error {
	left, err := collect(ctx, db, func(group *orderingGroup) []any { return []any{&group.endpointID, &group.orderKey} }, dropHead, deliveryID)
	if err != nil {
		return fmt.Errorf("leave group: %w", err)
	}
	for _, one := range left {
		if err := goOn(ctx, db, one, at); err != nil {
			return err
		}
	}
	return nil
}

// goOn lets the next of an ordering group without a head go.
func goOn(ctx context.Context, db *session, group orderingGroup, at time.Time) error {
	next, err := collect(ctx, db, func(id *string) []any { return []any{id} }, nextHead, group.endpointID, group.orderKey)
	if err != nil {
		return fmt.Errorf("find next of group: %w", err)
	}
	for _, id := range next {
		if err := moveToHead(ctx, db, group, id, at); err != nil {
			return fmt.Errorf("move up in group: %w", err)
		}
	}
	return nil
}

// moveToHead puts a delivery at the head of its group. It is due, unless others of
// its endpoint are parked: then it waits with those, or groups that are long would
// let no other through.
func moveToHead(ctx context.Context, db *session, group orderingGroup, deliveryID string, at time.Time) error {
	if _, err := db.exec(ctx, takeHead, group.endpointID, group.orderKey, deliveryID); err != nil {
		return err
	}
	waits, err := db.exec(ctx, moveBehind, group.endpointID, deliveryID)
	if err != nil || waits > 0 {
		return err
	}
	_, err = db.exec(ctx, moveUp, micros(at), deliveryID)
	return err
}

// OrderedEndpoints lists the ids of the endpoints that have deliveries parked as
// ordered.
func (l *Ledger) OrderedEndpoints(ctx context.Context) ([]string, error) {
	return l.endpointIDs(ctx, orderedEndpoints)
}
