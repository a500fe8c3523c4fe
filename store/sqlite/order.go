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
		WHERE endpoint_id = ? AND order_key = ? AND reason = 'ordered' ORDER BY created_at, seq LIMIT 1`
	moveUp = `UPDATE deliveries SET ` + released + ` WHERE id = ?2`
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

// lineUp puts a delivery that is about to wait at the end of its row, if it is
// one of a row: it is parked unless it stands at the head.
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

// row names deliveries that go one after another.
type row struct{ endpointID, orderKey string }

// passOn lets the next of a row go, now that its head has ended.
func passOn(ctx context.Context, db *session, deliveryID string, at time.Time) error {
	left, err := collect(ctx, db, func(r *row) []any { return []any{&r.endpointID, &r.orderKey} }, dropHead, deliveryID)
	if err != nil {
		return fmt.Errorf("leave row: %w", err)
	}
	for _, one := range left {
		next, err := collect(ctx, db, func(id *string) []any { return []any{id} }, nextHead, one.endpointID, one.orderKey)
		if err != nil {
			return fmt.Errorf("find next of row: %w", err)
		}
		for _, id := range next {
			if _, err := db.exec(ctx, takeHead, one.endpointID, one.orderKey, id); err != nil {
				return fmt.Errorf("move up in row: %w", err)
			}
			if _, err := db.exec(ctx, moveUp, micros(at), id); err != nil {
				return fmt.Errorf("move up in row: %w", err)
			}
		}
	}
	return nil
}
