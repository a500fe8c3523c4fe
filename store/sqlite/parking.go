package sqlite

import (
	"context"
	"time"

	"github.com/waybillhq/waybill/postback"
)

const release = `UPDATE deliveries SET reason = '', next_attempt_at = ?1, sweep_at = ?1,
	state = CASE WHEN attempts = attempts_before THEN 'pending' ELSE 'retrying' END
	WHERE seq IN (
		SELECT seq FROM deliveries INDEXED BY deliveries_by_endpoint_state
		WHERE endpoint_id = ?2 AND state = 'parked' AND state <> 'succeeded' AND reason = ?3
		ORDER BY created_at, seq LIMIT ?4)`

const cancel = `UPDATE deliveries SET state = 'cancelled', reason = ?1, completed_at = ?2, next_attempt_at = NULL, sweep_at = NULL
	WHERE seq IN (
		SELECT seq FROM deliveries INDEXED BY deliveries_by_endpoint_state
		WHERE endpoint_id = ?3 AND state IN ('pending', 'retrying', 'parked') AND state <> 'succeeded'
		LIMIT ?4)`

// Release moves up to limit deliveries of the endpoint that are parked for the
// reason, oldest first, back to pending or retrying, due at the given time.
func (l *Ledger) Release(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error) {
	return l.change(ctx, "release deliveries", limit, release, micros(at), endpointID, string(reason), limit)
}

// Cancel ends up to limit waiting deliveries of the endpoint as cancelled.
func (l *Ledger) Cancel(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error) {
	return l.change(ctx, "cancel deliveries", limit, cancel, string(reason), micros(at), endpointID, limit)
}
