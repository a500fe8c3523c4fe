package sqlite

import (
	"context"
	"fmt"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	changesSince = `SELECT m.mark, coalesce(c.endpoint_id, ''), ` + store.ChangedColumns + ` FROM ` + markNow + `
		LEFT JOIN trouble_changes c ON c.revision > ? LEFT JOIN troubles t ON t.endpoint_id = c.endpoint_id`
	allStreaks = `SELECT m.mark, '', ` + store.ChangedColumns + ` FROM ` + markNow + ` LEFT JOIN troubles t`

	markNow = `(SELECT coalesce(max(revision), 0) AS mark FROM trouble_changes) m`
)

// StreaksSince tells what changed of streaks since a mark; 0 has all of them
// told.
func (l *Ledger) StreaksSince(ctx context.Context, mark int64) (postback.StreakChanges, error) {
	query, args := changesSince, []any{mark}
	if mark == 0 {
		query, args = allStreaks, nil
	}
	rows, err := collect(ctx, l.reads, store.ChangeDest, query, args...)
	if err != nil {
		return postback.StreakChanges{}, fmt.Errorf("read changes of streaks: %w", err)
	}
	return store.Changes(rows, mark == 0), nil
}
