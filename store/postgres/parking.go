package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

const (
	// parkedEndpoints steps from one endpoint to the next in the index, so that a
	// million parked deliveries of one endpoint cost one look.
	parkedEndpoints = `WITH RECURSIVE parked (id) AS (
			SELECT min(endpoint_id) FROM waiting WHERE state = 'parked'
			UNION ALL
			SELECT (SELECT min(endpoint_id) FROM waiting WHERE state = 'parked' AND endpoint_id > parked.id)
			FROM parked WHERE parked.id IS NOT NULL
		) SELECT id FROM parked WHERE id IS NOT NULL`

	parkedDeliveries  = `SELECT id FROM waiting WHERE endpoint_id = $1 AND state = 'parked' AND reason = $2 ORDER BY id LIMIT $3`
	waitingDeliveries = `SELECT id FROM waiting WHERE endpoint_id = $1 ORDER BY id LIMIT $2`
)

// ParkedEndpoints lists the ids of the endpoints that have parked deliveries.
func (l *Ledger) ParkedEndpoints(ctx context.Context) ([]string, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	ids, err := collect(ctx, l.pool, one[string], parkedEndpoints)
	if err != nil {
		return nil, fmt.Errorf("list endpoints with parked deliveries: %w", err)
	}
	return ids, nil
}

// Release moves up to limit deliveries of the endpoint that are parked for the
// reason, oldest first, back to pending or retrying, due at the given time.
func (l *Ledger) Release(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error) {
	return l.step(ctx, "release deliveries", func(s *standing) bool {
		if s.state != postback.Parked || s.reason != reason {
			return false
		}
		state := postback.Retrying
		if s.attempts == s.attemptsBefore {
			state = postback.Pending
		}
		s.become(state, "")
		s.nextAttemptAt, s.sweepAt = at, at
		return true
	}, parkedDeliveries, endpointID, string(reason), limit)
}

// Cancel ends up to limit waiting deliveries of the endpoint as cancelled.
func (l *Ledger) Cancel(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error) {
	return l.step(ctx, "cancel deliveries", func(s *standing) bool {
		if s.state.Ended() {
			return false
		}
		s.become(postback.Cancelled, reason)
		s.completedAt = at
		return true
	}, waitingDeliveries, endpointID, limit)
}

// step changes the deliveries that a query picks, once they are locked, and says
// how many it changed: none means that there is none.
func (l *Ledger) step(ctx context.Context, doing string, change func(*standing) bool, query string, args ...any) (int, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	for {
		ids, err := collect(ctx, l.pool, one[string], query, args...)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", doing, err)
		}
		if len(ids) == 0 {
			return 0, nil
		}
		changed := 0
		err = l.relocate(ctx, ids, func(found map[string]*standing) []postback.Attempt {
			for _, s := range found {
				if change(s) {
					changed++
				}
			}
			return nil
		})
		if err != nil {
			return 0, fmt.Errorf("%s: %w", doing, err)
		}
		if changed > 0 {
			return changed, nil
		}
		// Others were faster with all of them.
	}
}
