package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// claimBytes bounds the event data that one Claim holds in memory.
const claimBytes = 16 << 20

// claimLook is how many deliveries that are due are looked at to see which
// endpoints have any.
const claimLook = 500

const (
	overdueLook = `SELECT endpoint_id, sweep_at FROM waiting WHERE sweep_at >= $1 AND sweep_at <= $2 ORDER BY sweep_at, id LIMIT $3`

	// With more due than that, it steps from one endpoint to the next in the index:
	// a million deliveries of one endpoint cost one look.
	overdueEndpoints = `WITH RECURSIVE turns (id) AS (
			SELECT min(endpoint_id) FROM waiting WHERE sweep_at IS NOT NULL
			UNION ALL
			SELECT (SELECT min(endpoint_id) FROM waiting WHERE sweep_at IS NOT NULL AND endpoint_id > turns.id)
			FROM turns WHERE turns.id IS NOT NULL
		) ` + haveOverdue
	haveOverdue = `SELECT id FROM turns WHERE id IS NOT NULL AND (
			SELECT true FROM waiting WHERE endpoint_id = turns.id AND sweep_at >= $1 AND sweep_at <= $2 ORDER BY sweep_at LIMIT 1)`
	// While that takes long it steps through all endpoints that ever got anything:
	// so it knows them without what is left in the index of what they got.
	overdueAmongAll = `WITH RECURSIVE turns (id) AS (
			SELECT min(endpoint_id) FROM kinds
			UNION ALL
			SELECT (SELECT min(endpoint_id) FROM kinds WHERE endpoint_id > turns.id) FROM turns WHERE turns.id IS NOT NULL
		) ` + haveOverdue

	// What another process is just claiming is passed over. What is beyond the
	// bound stays as it is for the next time. Rows that are locked stay where they
	// are: their places find them whatever the planner thinks of the table. One that was
	// changed since this statement began is at another place, and comes next time.
	claimOverdue = `WITH
		overdue AS (
			SELECT w.* FROM unnest($4::text[]) turns (id) CROSS JOIN LATERAL (
				SELECT ctid AS at, id, sweep_at, sweep_at = next_attempt_at AS unqueued, bytes FROM waiting
				WHERE endpoint_id = turns.id AND sweep_at >= $1 AND sweep_at <= $2
				ORDER BY sweep_at, id LIMIT $5 FOR UPDATE SKIP LOCKED) w),
		summed AS (SELECT *, sum(bytes) OVER (ORDER BY sweep_at, id) - bytes AS before FROM overdue),
		claimed AS (UPDATE waiting SET sweep_at = $3 WHERE ctid = ANY(ARRAY(SELECT at FROM summed WHERE before < $6)) RETURNING id)
		SELECT id, unqueued FROM claimed JOIN overdue USING (id) ORDER BY sweep_at, id`

	// Just before the next attempt: it has been in a queue.
	requeue = `UPDATE waiting SET sweep_at = next_attempt_at - interval '1 microsecond' WHERE ctid = ANY(ARRAY(
			SELECT ctid FROM waiting WHERE sweep_at > next_attempt_at AND sweep_at <= $1
			ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED))`
)

// Claim returns overdue deliveries, earliest first, and sets their SweepAt to
// the time that the claim says. It stops early when their events' data exceeds
// 16 MiB.
func (l *Ledger) Claim(ctx context.Context, claim postback.Claim) (claimed []postback.Due, err error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	// Mostly there is nothing: that costs one look at an index.
	found, first, err := l.overdueEndpoints(ctx, claim.Now)
	chosen, each := l.turns.Next(found, claim)
	if err != nil || len(chosen) == 0 {
		return nil, err
	}
	err = l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		got, err := collect(ctx, tx, claimedDest, claimOverdue, first, claim.Now, claim.Next, chosen, each, claimBytes)
		if err != nil {
			return fmt.Errorf("claim deliveries: %w", err)
		}
		claimed, err = claimedDues(ctx, tx, got)
		return err
	})
	return claimed, err
}

// claimedDues reads what was claimed, in its order.
func claimedDues(ctx context.Context, tx pgx.Tx, got []claimedOne) ([]postback.Due, error) {
	dues, err := duesBy(ctx, tx, column(got, func(c claimedOne) string { return c.id }))
	if err != nil {
		return nil, err
	}
	unqueued := make(map[string]bool, len(got))
	for _, c := range got {
		unqueued[c.id] = c.unqueued
	}
	for i := range dues {
		dues[i].Unqueued = unqueued[dues[i].Delivery.ID]
	}
	return dues, nil
}

// claimedOne is a delivery that claimOverdue claimed.
type claimedOne struct {
	id       string
	unqueued bool
}

func claimedDest(c *claimedOne) []any { return []any{&c.id, &c.unqueued} }

// overdueOne is a delivery that is due.
type overdueOne struct {
	endpointID string
	sweepAt    time.Time
}

// overdueEndpoints lists the endpoints that have deliveries due, some of them
// more than once, and since when the first one is.
func (l *Ledger) overdueEndpoints(ctx context.Context, now time.Time) (endpoints []string, first time.Time, err error) {
	from, since := l.floor.from()
	found, err := collect(ctx, l.pool, func(o *overdueOne) []any { return []any{&o.endpointID, store.At(&o.sweepAt)} }, overdueLook, from, now, claimLook)
	if err != nil {
		return nil, first, fmt.Errorf("look for overdue deliveries: %w", err)
	}
	if len(found) == 0 {
		l.floor.found(now, since)
		return nil, first, nil
	}
	first = found[0].sweepAt
	l.floor.found(first, since)
	if len(found) < claimLook {
		return column(found, func(o overdueOne) string { return o.endpointID }), first, nil
	}
	endpoints, err = l.stepEndpoints(ctx, first, now)
	return endpoints, first, err
}

// stepEndpoints lists the endpoints that have deliveries due from a time on.
func (l *Ledger) stepEndpoints(ctx context.Context, first, now time.Time) ([]string, error) {
	began := time.Now()
	query, wide := l.walks.through(began)
	endpoints, err := collect(ctx, l.pool, one[string], query, first, now)
	if err != nil {
		return nil, fmt.Errorf("list endpoints with overdue deliveries: %w", err)
	}
	if wide {
		l.walks.took(began, time.Now())
	}
	return endpoints, nil
}

// through is how a look steps from endpoint to endpoint, and whether that is one
// which may take long.
func (p *pace) through(now time.Time) (query string, wide bool) {
	if p.due(now) {
		return overdueEndpoints, true
	}
	return overdueAmongAll, false
}

// Requeue makes up to limit deliveries whose task was in a queue that is gone
// overdue just before the time of their next attempt, the earliest ones first, and
// says how many. What was claimed until after before stays.
func (l *Ledger) Requeue(ctx context.Context, before time.Time, limit int) (int, error) {
	defer l.floor.lower() // they were due some time ago
	return l.change(ctx, "requeue deliveries", requeue, before, limit)
}
