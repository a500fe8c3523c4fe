package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const selectUnmatched = `SELECT publisher, count(*), min(accepted_at), max(accepted_at), to_json((array_agg(id ORDER BY accepted_at, seq))[:$4])::text
	FROM (SELECT e.publisher, e.accepted_at, e.seq, e.id FROM events e
		WHERE e.unmatched AND e.accepted_at >= $1 AND e.accepted_at < $2 AND NOT e.test AND e.publisher <> '` + postback.Operator + `'
		ORDER BY e.accepted_at, e.seq LIMIT $3) found
	GROUP BY publisher ORDER BY count(*) DESC, publisher`

// Unmatched lists by publisher the events of a time that no endpoint wants.
func (l *Ledger) Unmatched(ctx context.Context, since, until time.Time, limit int) ([]postback.Unmatched, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	found, err := collect(ctx, l.pool, store.UnmatchedDest, selectUnmatched, since, until, limit, postback.MaxNamedEvents)
	if err != nil {
		return nil, fmt.Errorf("read events that no endpoint wants: %w", err)
	}
	return found, nil
}
