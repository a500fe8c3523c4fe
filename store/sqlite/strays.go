package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const selectUnmatched = `SELECT publisher, count(*), min(accepted_at), max(accepted_at), json_group_array(id ORDER BY place) FILTER (WHERE place <= ?4)
	FROM (SELECT publisher, accepted_at, id, row_number() OVER (PARTITION BY publisher ORDER BY accepted_at, seq) AS place
		FROM (SELECT e.publisher, e.accepted_at, e.seq, e.id FROM events e INDEXED BY events_unmatched
			WHERE e.unmatched = 1 AND e.accepted_at >= ?1 AND e.accepted_at < ?2 AND e.test = 0 AND e.publisher <> '` + postback.Operator + `'
			ORDER BY e.accepted_at, e.seq LIMIT ?3))
	GROUP BY publisher ORDER BY count(*) DESC, publisher`

// Unmatched lists by publisher the events of a time that no endpoint wants.
func (l *Ledger) Unmatched(ctx context.Context, since, until time.Time, limit int) ([]postback.Unmatched, error) {
	var found []postback.Unmatched
	err := l.search(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		found, err = collect(ctx, tx, store.UnmatchedDest, selectUnmatched, micros(since), micros(until), limit, postback.MaxNamedEvents)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read events that no endpoint wants: %w", err)
	}
	return found, nil
}
