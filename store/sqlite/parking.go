package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

const (
	// One endpoint's deliveries that are due or under way, up to a number.
	countDue = `SELECT count(*) FROM (
		SELECT 1 FROM deliveries INDEXED BY deliveries_next WHERE endpoint_id = ? AND next_attempt_at <= ? LIMIT ?)`
	release = `UPDATE deliveries SET ` + released + ` WHERE seq IN (
		SELECT seq FROM deliveries INDEXED BY deliveries_parked
		WHERE endpoint_id = ?2 AND state = 'parked' AND reason <> 'ordered'
		ORDER BY created_at, seq LIMIT ?3)`
	cancel = `UPDATE deliveries SET state = ` + unsent + `ended_state ELSE 'cancelled' END, reason = ` + unsent + `ended_reason ELSE ?1 END,
			completed_at = ` + unsent + `ended_at ELSE ?2 END, probe = 0, next_attempt_at = NULL, sweep_at = NULL
		WHERE seq IN (
			SELECT seq FROM deliveries INDEXED BY deliveries_by_endpoint_state
			WHERE endpoint_id = ?3 AND state IN ('pending', 'retrying', 'parked') AND state <> 'succeeded'
			LIMIT ?4)`
	dropHeads = `DELETE FROM order_heads WHERE endpoint_id = ?`
	// None is opened before it is made, so that bounds what is looked at.
	expire = `UPDATE deliveries SET state = 'dead', reason = 'max_age', completed_at = ?1
		WHERE seq IN (
			SELECT seq FROM deliveries INDEXED BY deliveries_by_endpoint_state
			WHERE endpoint_id = ?2 AND state = 'parked' AND state <> 'succeeded' AND created_at < ?3 AND opened_at < ?3
			ORDER BY created_at, seq LIMIT ?4)
		RETURNING id`
)

// Release makes up to limit of the endpoint's oldest parked deliveries due,
// until as many as the window says are due or under way.
func (l *Ledger) Release(ctx context.Context, endpointID string, at time.Time, window, limit int) (int, error) {
	return write(ctx, l.writer, min(window, limit), func(ctx context.Context, db *session) (int, error) {
		due, err := single(ctx, db, "count", func(n *int) []any { return []any{n} }, countDue, endpointID, micros(at), window)
		if err != nil {
			return 0, err
		}
		freed, err := db.exec(ctx, release, micros(at), endpointID, min(window-due, limit))
		if err != nil {
			return 0, fmt.Errorf("release deliveries: %w", err)
		}
		return int(freed), nil
	})
}

// Cancel ends up to limit waiting deliveries of the endpoint as cancelled.
func (l *Ledger) Cancel(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error) {
	return write(ctx, l.writer, limit, func(ctx context.Context, db *session) (int, error) {
		ended, err := db.exec(ctx, cancel, string(reason), micros(at), endpointID, limit)
		if err != nil {
			return 0, fmt.Errorf("cancel deliveries: %w", err)
		}
		if _, err := db.exec(ctx, dropHeads, endpointID); err != nil {
			return 0, fmt.Errorf("dissolve rows: %w", err)
		}
		return int(ended), nil
	})
}

// Expire ends parked deliveries that were opened too long ago as dead letters.
func (l *Ledger) Expire(ctx context.Context, endpointID string, openedBefore, at time.Time, limit int) (int, error) {
	return write(ctx, l.writer, limit, func(ctx context.Context, db *session) (int, error) {
		ids, err := collect(ctx, db, func(id *string) []any { return []any{id} }, expire, micros(at), endpointID, micros(openedBefore), limit)
		if err != nil {
			return 0, fmt.Errorf("expire deliveries: %w", err)
		}
		for _, id := range ids {
			if err := followEnd(ctx, db, ending{id: id, state: postback.Dead, at: at}); err != nil {
				return 0, err
			}
		}
		return len(ids), nil
	})
}
