package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
)

// claimBytes bounds the event data that one Claim holds in memory.
const claimBytes = 16 << 20

const (
	anyOverdue = `SELECT EXISTS (SELECT FROM waiting WHERE sweep_at <= $1)`

	// What another process is just claiming is passed over. What is beyond the
	// bound stays as it is for the next time.
	claimOverdue = `WITH
		overdue AS (SELECT endpoint_id, id, sweep_at, bytes FROM waiting WHERE sweep_at <= $1 ORDER BY sweep_at, id LIMIT $3 FOR UPDATE SKIP LOCKED),
		summed AS (SELECT *, sum(bytes) OVER (ORDER BY sweep_at, id) - bytes AS before FROM overdue),
		claimed AS (
			UPDATE waiting w SET sweep_at = $2 FROM summed s
			WHERE w.endpoint_id = s.endpoint_id AND w.id = s.id AND s.before < $4
			RETURNING w.id, s.sweep_at)
		SELECT id FROM claimed ORDER BY sweep_at, id`

	// A plain subquery would run again for each row that it is joined with, and
	// pick others each time.
	requeue = `WITH q AS MATERIALIZED (
			SELECT endpoint_id, id FROM waiting WHERE sweep_at > next_attempt_at AND sweep_at <= $1
			ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
		UPDATE waiting w SET sweep_at = next_attempt_at FROM q WHERE w.endpoint_id = q.endpoint_id AND w.id = q.id`
)

// Claim returns overdue deliveries, earliest first, and sets their SweepAt to
// next. It stops before the limit when their events' data exceeds 16 MiB.
func (l *Ledger) Claim(ctx context.Context, now, next time.Time, limit int) (claimed []postback.Due, err error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	// Mostly there is nothing: that costs one look at an index.
	found, err := single(ctx, l.pool, "overdue deliveries", one[bool], anyOverdue, now)
	if err != nil || !found {
		return nil, err
	}
	err = l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		ids, err := collect(ctx, tx, one[string], claimOverdue, now, next, limit, claimBytes)
		if err != nil {
			return fmt.Errorf("claim deliveries: %w", err)
		}
		claimed, err = duesBy(ctx, tx, ids)
		return err
	})
	return claimed, err
}

// Requeue makes up to limit deliveries whose task was in a queue that is gone
// overdue at the time of their next attempt, the earliest ones first, and says
// how many. What was claimed until after before stays.
func (l *Ledger) Requeue(ctx context.Context, before time.Time, limit int) (int, error) {
	return l.change(ctx, "requeue deliveries", requeue, before, limit)
}
