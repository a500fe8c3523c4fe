package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// claimBytes bounds the event data that one Claim or Reopen holds in memory.
const claimBytes = 16 << 20

// claimLook is how many deliveries that are due are looked at to see which
// endpoints have any.
const claimLook = 500

const (
	overdueEndpoints = `SELECT endpoint_id FROM deliveries INDEXED BY deliveries_due WHERE sweep_at <= ? ORDER BY sweep_at LIMIT ?`

	// With more due than that, it steps from one endpoint to the next in the index:
	// a million deliveries of one endpoint cost one look.
	allOverdueEndpoints = `WITH RECURSIVE turns (id) AS (
			SELECT min(endpoint_id) FROM deliveries INDEXED BY deliveries_next WHERE next_attempt_at IS NOT NULL
			UNION ALL
			SELECT (SELECT min(endpoint_id) FROM deliveries INDEXED BY deliveries_next WHERE next_attempt_at IS NOT NULL AND endpoint_id > turns.id)
			FROM turns WHERE turns.id IS NOT NULL
		) SELECT id FROM turns WHERE id IS NOT NULL AND EXISTS (
			SELECT 1 FROM deliveries INDEXED BY deliveries_next WHERE endpoint_id = turns.id AND next_attempt_at <= ?1 AND sweep_at <= ?1)`

	// What is due and is in the queue comes first in the index: that is no more
	// than an endpoint's share.
	overdue = `SELECT ` + dueColumns + `
		FROM deliveries d INDEXED BY deliveries_next CROSS JOIN events e ON e.id = d.event_id
		WHERE d.endpoint_id = ?1 AND d.next_attempt_at <= ?2 AND d.sweep_at <= ?2 ORDER BY d.next_attempt_at LIMIT ?3`
)

// Just before the next attempt, by a microsecond: it has been in a queue.
const requeue = `UPDATE deliveries SET sweep_at = next_attempt_at - 1 WHERE seq IN (
	SELECT seq FROM deliveries INDEXED BY deliveries_queued WHERE sweep_at > next_attempt_at AND sweep_at <= ?
	ORDER BY next_attempt_at LIMIT ?)`

// Claim returns overdue deliveries, earliest first, and sets their SweepAt to
// the time that the claim says. It stops early when their events' data exceeds
// 16 MiB.
func (l *Ledger) Claim(ctx context.Context, claim postback.Claim) ([]postback.Due, error) {
	return write(ctx, l.writer, claim.Limit, func(ctx context.Context, db *session) ([]postback.Due, error) {
		ids, err := endpointsOverdue(ctx, db, claim.Now)
		if err != nil {
			return nil, fmt.Errorf("read endpoints with overdue deliveries: %w", err)
		}
		chosen, each := l.turns.Next(ids, claim)
		claimed, err := readOverdue(ctx, db, claim.Now, chosen, each)
		if err != nil {
			return nil, fmt.Errorf("read overdue deliveries: %w", err)
		}
		for i := range claimed {
			if _, err := db.exec(ctx, `UPDATE deliveries SET sweep_at = ? WHERE id = ?`, micros(claim.Next), claimed[i].Delivery.ID); err != nil {
				return nil, fmt.Errorf("claim delivery: %w", err)
			}
			claimed[i].Unqueued = claimed[i].Delivery.SweepAt.Equal(claimed[i].Delivery.NextAttemptAt)
			claimed[i].Delivery.SweepAt = claim.Next
		}
		return claimed, nil
	})
}

// endpointsOverdue lists the endpoints that have deliveries due, some of them
// more than once.
func endpointsOverdue(ctx context.Context, db querier, now time.Time) ([]string, error) {
	dest := func(id *string) []any { return []any{id} }
	ids, err := collect(ctx, db, dest, overdueEndpoints, now.UnixMicro(), claimLook)
	if err != nil || len(ids) < claimLook {
		return ids, err
	}
	return collect(ctx, db, dest, allOverdueEndpoints, now.UnixMicro())
}

func readOverdue(ctx context.Context, db querier, now time.Time, endpoints []string, each int) ([]postback.Due, error) {
	var found []postback.Due
	size := 0
	for _, endpointID := range endpoints {
		some, err := collect(ctx, db, store.DueDest, overdue, endpointID, now.UnixMicro(), each)
		if err != nil {
			return nil, err
		}
		for _, due := range some {
			if size < claimBytes {
				found = append(found, due)
			}
			size += len(due.Event.Data)
		}
		if size >= claimBytes {
			break
		}
	}
	slices.SortFunc(found, func(a, b postback.Due) int {
		return cmp.Or(a.Delivery.SweepAt.Compare(b.Delivery.SweepAt), cmp.Compare(a.Delivery.ID, b.Delivery.ID))
	})
	return found, nil
}

// Requeue makes up to limit deliveries whose task was in a queue that is gone
// overdue just before the time of their next attempt, the earliest ones first, and
// says how many. What was claimed until after before stays.
func (l *Ledger) Requeue(ctx context.Context, before time.Time, limit int) (int, error) {
	return l.change(ctx, "requeue deliveries", limit, requeue, before.UnixMicro(), limit)
}

// change runs one statement and says how many rows it changed, which is up to
// limit.
func (l *Ledger) change(ctx context.Context, doing string, limit int, query string, args ...any) (int, error) {
	return write(ctx, l.writer, limit, func(ctx context.Context, db *session) (int, error) {
		changed, err := db.exec(ctx, query, args...)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", doing, err)
		}
		return int(changed), nil
	})
}
