package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	// waitingOf counts what is due some time, and what is parked for each of the
	// reasons in $3, up to $2 of each.
	waitingOf = `SELECT state, '', count(*) FROM (
			SELECT state FROM waiting WHERE endpoint_id = $1 AND next_attempt_at IS NOT NULL LIMIT $2) planned
		GROUP BY state
		UNION ALL SELECT 'parked', reason, (SELECT count(*) FROM (
			SELECT FROM waiting w WHERE w.state = 'parked' AND w.reason = reasons.reason AND w.endpoint_id = $1 LIMIT $2) parked)
		FROM unnest($3::text[]) reasons (reason)`
	// Ids order as the deliveries were made. The second is asked for by the id
	// itself, so that it is planned for the partition of its day alone.
	waitingOldest = `SELECT id FROM waiting WHERE endpoint_id = $1 ORDER BY id LIMIT 1`
	madeAt        = `SELECT created_at FROM deliveries WHERE id = $1`
	waitingAll    = `SELECT state, '', count(*) FROM waiting WHERE next_attempt_at IS NOT NULL GROUP BY state
		UNION ALL SELECT state, reason, count(*) FROM waiting WHERE state = 'parked' GROUP BY state, reason`
)

// waitingCount is how many deliveries stand in a state for a reason.
type waitingCount struct {
	state  postback.State
	reason postback.Reason
	count  int
}

func waitingDest(c *waitingCount) []any { return []any{&c.state, &c.reason, &c.count} }

func addUp(all []waitingCount) postback.Waiting {
	waiting := postback.Waiting{Parked: map[postback.Reason]int{}}
	for _, one := range all {
		switch {
		case one.state == postback.Pending:
			waiting.Pending += one.count
		case one.state == postback.Retrying:
			waiting.Retrying += one.count
		case one.count > 0:
			waiting.Parked[one.reason] += one.count
		}
	}
	return waiting
}

// Waiting counts an endpoint's deliveries that have not ended, up to a number of
// a kind.
func (l *Ledger) Waiting(ctx context.Context, endpointID string, limit int) (waiting postback.Waiting, err error) {
	err = l.search(ctx, func(ctx context.Context, db querier) error {
		found, err := collect(ctx, db, waitingDest, waitingOf, endpointID, limit, postback.ParkedReasons())
		if err != nil {
			return err
		}
		waiting = addUp(found)
		oldest, err := collect(ctx, db, one[string], waitingOldest, endpointID)
		if err != nil || len(oldest) == 0 {
			return err
		}
		waiting.Oldest, err = single(ctx, db, "delivery", func(at *time.Time) []any { return []any{store.At(at)} }, madeAt, oldest[0])
		return err
	})
	if err != nil {
		return postback.Waiting{}, fmt.Errorf("count what waits: %w", err)
	}
	return waiting, nil
}

// WaitingAll counts the deliveries of all endpoints that have not ended.
func (l *Ledger) WaitingAll(ctx context.Context) (postback.Waiting, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	found, err := collect(ctx, l.pool, waitingDest, waitingAll)
	if err != nil {
		return postback.Waiting{}, fmt.Errorf("count all that waits: %w", err)
	}
	return addUp(found), nil
}
