package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// Each of these reads one index alone, and none of them what it counts.
const (
	waitingDue = `SELECT count(*) FROM (
		SELECT 1 FROM deliveries INDEXED BY deliveries_by_endpoint_state WHERE endpoint_id = ? AND state = ? AND state <> 'succeeded' LIMIT ?)`
	waitingParked = `SELECT count(*) FROM (
		SELECT 1 FROM deliveries INDEXED BY deliveries_parked_why WHERE endpoint_id = ? AND reason = ? AND state = 'parked' LIMIT ?)`
	waitingOldest = `SELECT min(created_at) FROM deliveries INDEXED BY deliveries_by_endpoint_state
		WHERE endpoint_id = ? AND state = ? AND state <> 'succeeded'`
	allDue    = `SELECT count(*) FROM deliveries INDEXED BY deliveries_by_state WHERE state = ? AND state <> 'succeeded'`
	allParked = `SELECT count(*) FROM deliveries INDEXED BY deliveries_parked_why WHERE reason = ? AND state = 'parked'`
)

// Waiting counts an endpoint's deliveries that have not ended, up to a number of
// a kind.
func (l *Ledger) Waiting(ctx context.Context, endpointID string, limit int) (postback.Waiting, error) {
	waiting := postback.Waiting{Parked: map[postback.Reason]int{}}
	err := l.snapshot(ctx, func(db querier) (err error) {
		if waiting.Pending, err = countRows(ctx, db, waitingDue, endpointID, string(postback.Pending), limit); err != nil {
			return err
		}
		if waiting.Retrying, err = countRows(ctx, db, waitingDue, endpointID, string(postback.Retrying), limit-waiting.Pending); err != nil {
			return err
		}
		if waiting.Oldest, err = oldest(ctx, db, endpointID); err != nil {
			return err
		}
		return parkedBy(waiting.Parked, func(reason string) (int, error) {
			return countRows(ctx, db, waitingParked, endpointID, reason, limit)
		})
	})
	if err != nil {
		return postback.Waiting{}, fmt.Errorf("count what waits: %w", err)
	}
	return waiting, nil
}

// oldest is when the first of an endpoint's deliveries that wait was made.
func oldest(ctx context.Context, db querier, endpointID string) (first time.Time, err error) {
	for _, state := range []postback.State{postback.Pending, postback.Retrying, postback.Parked} {
		at, err := single(ctx, db, "age", func(at *time.Time) []any { return []any{store.At(at)} }, waitingOldest, endpointID, string(state))
		if err != nil {
			return first, err
		}
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first, nil
}

// WaitingAll counts the deliveries of all endpoints that have not ended.
func (l *Ledger) WaitingAll(ctx context.Context) (postback.Waiting, error) {
	waiting := postback.Waiting{Parked: map[postback.Reason]int{}}
	err := l.snapshot(ctx, func(db querier) (err error) {
		if waiting.Pending, err = countRows(ctx, db, allDue, string(postback.Pending)); err != nil {
			return err
		}
		if waiting.Retrying, err = countRows(ctx, db, allDue, string(postback.Retrying)); err != nil {
			return err
		}
		return parkedBy(waiting.Parked, func(reason string) (int, error) { return countRows(ctx, db, allParked, reason) })
	})
	if err != nil {
		return postback.Waiting{}, fmt.Errorf("count all that waits: %w", err)
	}
	return waiting, nil
}

// parkedBy counts for each reason; those with none are left out.
func parkedBy(parked map[postback.Reason]int, count func(reason string) (int, error)) error {
	for _, reason := range postback.ParkedReasons() {
		found, err := count(string(reason))
		if err != nil {
			return err
		}
		if found > 0 {
			parked[reason] = found
		}
	}
	return nil
}

func countRows(ctx context.Context, db querier, query string, args ...any) (int, error) {
	return single(ctx, db, "count", func(n *int) []any { return []any{n} }, query, args...)
}
