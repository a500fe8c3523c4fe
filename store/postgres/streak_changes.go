package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// A mark is the oldest transaction that was under way when it was read: what a
// later look finds by it is all that was written by that one and by those that
// began after it, whenever they commit. What is ahead of all transactions is of
// another server, from which this database was copied.
const (
	changesSince = `SELECT m.mark::text::bigint, coalesce(c.endpoint_id, ''), ` + store.ChangedColumns + `
		FROM ` + markNow + ` LEFT JOIN trouble_changes c ON c.changed >= $1::text::xid8 AND c.changed < m.ahead
		LEFT JOIN troubles t ON t.endpoint_id = c.endpoint_id`
	allStreaks = `SELECT m.mark::text::bigint, '', ` + store.ChangedColumns + ` FROM ` + markNow + ` LEFT JOIN troubles t ON true`

	markNow = `(SELECT pg_snapshot_xmin(s.now) AS mark, pg_snapshot_xmax(s.now) AS ahead FROM pg_current_snapshot() s (now)) m`
)

// StreaksSince tells what changed of streaks since a mark; 0 has all of them
// told. A mark that is ahead is of a server that is gone, with what it wrote last.
func (l *Ledger) StreaksSince(ctx context.Context, mark int64) (postback.StreakChanges, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	if mark > 0 {
		rows, err := collect(ctx, l.pool, store.ChangeDest, changesSince, strconv.FormatInt(mark, 10))
		if err != nil {
			return postback.StreakChanges{}, fmt.Errorf("read changes of streaks: %w", err)
		}
		if rows[0].Mark >= mark {
			return store.Changes(rows, false), nil
		}
	}
	rows, err := collect(ctx, l.pool, store.ChangeDest, allStreaks)
	if err != nil {
		return postback.StreakChanges{}, fmt.Errorf("read streaks: %w", err)
	}
	return store.Changes(rows, true), nil
}
