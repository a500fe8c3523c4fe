package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// claimBytes bounds the event data that one Claim or Reopen holds in memory.
const claimBytes = 16 << 20

const overdue = `SELECT ` + dueColumns + `
	FROM deliveries d INDEXED BY deliveries_due CROSS JOIN events e ON e.id = d.event_id
	WHERE d.sweep_at <= ? ORDER BY d.sweep_at, d.id LIMIT ?`

const requeue = `UPDATE deliveries SET sweep_at = next_attempt_at WHERE seq IN (
	SELECT seq FROM deliveries INDEXED BY deliveries_queued WHERE sweep_at > next_attempt_at AND sweep_at <= ?
	ORDER BY next_attempt_at LIMIT ?)`

// Claim returns overdue deliveries, earliest first, and sets their SweepAt to
// next. It stops before the limit when their events' data exceeds 16 MiB.
func (l *Ledger) Claim(ctx context.Context, now, next time.Time, limit int) ([]postback.Due, error) {
	return write(ctx, l.writer, limit, func(ctx context.Context, db *session) ([]postback.Due, error) {
		claimed, err := readOverdue(ctx, db, now, limit)
		if err != nil {
			return nil, fmt.Errorf("read overdue deliveries: %w", err)
		}
		for i := range claimed {
			if _, err := db.exec(ctx, `UPDATE deliveries SET sweep_at = ? WHERE id = ?`, micros(next), claimed[i].Delivery.ID); err != nil {
				return nil, fmt.Errorf("claim delivery: %w", err)
			}
			claimed[i].Delivery.SweepAt = next
		}
		return claimed, nil
	})
}

func readOverdue(ctx context.Context, db querier, now time.Time, limit int) ([]postback.Due, error) {
	rows, err := db.QueryContext(ctx, overdue, now.UnixMicro(), limit)
	if err != nil {
		return nil, err //nolint:wrapcheck // Claim says what it was reading
	}
	defer rows.Close()
	var found []postback.Due
	for size := 0; size < claimBytes && rows.Next(); {
		var due postback.Due
		if err := rows.Scan(dueDest(&due)...); err != nil {
			return nil, err //nolint:wrapcheck // Claim says what it was reading
		}
		size += len(due.Event.Data)
		found = append(found, due)
	}
	return found, rows.Err() //nolint:wrapcheck // Claim says what it was reading
}

// Requeue makes up to limit deliveries whose task was in a queue that is gone
// overdue at the time of their next attempt, the earliest ones first, and says
// how many. What was claimed until after before stays.
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
