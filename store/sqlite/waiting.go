package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Each of these reads one index alone, and none of them what it counts.
const (
	waitingDue = `SELECT state, '', count(*) FROM (
			SELECT state FROM deliveries INDEXED BY deliveries_by_endpoint_state
			WHERE endpoint_id = ? AND state IN ('pending', 'retrying') AND state <> 'succeeded' LIMIT ?)
		GROUP BY state`
	waitingParked = `SELECT 'parked', ?, count(*) FROM (
			SELECT 1 FROM deliveries INDEXED BY deliveries_parked_why WHERE state = 'parked' AND reason = ? AND endpoint_id = ? LIMIT ?)`
	waitingOldest = `SELECT min(created_at) FROM deliveries INDEXED BY deliveries_by_endpoint_state
		WHERE endpoint_id = ? AND state = ? AND state <> 'succeeded'`
	waitingDueAll = `SELECT state, '', count(*) FROM deliveries INDEXED BY deliveries_by_state
		WHERE state IN ('pending', 'retrying') AND state <> 'succeeded' GROUP BY state`
	waitingParkedAll = `SELECT 'parked', reason, count(*) FROM deliveries INDEXED BY deliveries_parked_why
		WHERE state = 'parked' GROUP BY reason`
)

// standing is how many deliveries stand in a state for a reason.
type standing struct {
	state  postback.State
	reason postback.Reason
	count  int
}

func standingDest(s *standing) []any { return []any{&s.state, &s.reason, &s.count} }

func addUp(waiting *postback.Waiting, all []standing) {
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
}

// Waiting counts an endpoint's deliveries that have not ended, up to a number of
// a kind.
func (l *Ledger) Waiting(ctx context.Context, endpointID string, limit int) (postback.Waiting, error) {
	waiting := postback.Waiting{Parked: map[postback.Reason]int{}}
	err := l.snapshot(ctx, func(db querier) error {
		found, err := collect(ctx, db, standingDest, waitingDue, endpointID, limit)
		if err != nil {
			return err
		}
		addUp(&waiting, found)
		for _, reason := range postback.ParkedReasons() {
			found, err := collect(ctx, db, standingDest, waitingParked, string(reason), string(reason), endpointID, limit)
			if err != nil {
				return err
			}
			addUp(&waiting, found)
		}
		waiting.Oldest, err = oldest(ctx, db, endpointID)
		return err
	})
	if err != nil {
		return postback.Waiting{}, fmt.Errorf("count what waits: %w", err)
	}
	return waiting, nil
}

// oldest is when the first of an endpoint's deliveries that wait was made.
func oldest(ctx context.Context, db querier, endpointID string) (first time.Time, err error) {
	for _, state := range []postback.State{postback.Pending, postback.Retrying, postback.Parked} {
		at, err := single(ctx, db, "age", func(at *time.Time) []any { return []any{instant{at}} }, waitingOldest, endpointID, string(state))
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
	err := l.snapshot(ctx, func(db querier) error {
		for _, query := range []string{waitingDueAll, waitingParkedAll} {
			found, err := collect(ctx, db, standingDest, query)
			if err != nil {
				return err
			}
			addUp(&waiting, found)
		}
		return nil
	})
	if err != nil {
		return postback.Waiting{}, fmt.Errorf("count all that waits: %w", err)
	}
	return waiting, nil
}
