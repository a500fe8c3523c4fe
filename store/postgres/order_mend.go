package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// stuckRows are those rows of an endpoint that have deliveries parked as ordered
	// and nobody at the head who will let them go: no head at all, one that does not
	// wait any more, or one that waits for itself. It steps from one row to the next
	// in the index.
	stuckRows = `WITH RECURSIVE keys (key) AS (
			SELECT min(order_key) FROM waiting WHERE endpoint_id = $1 AND reason = 'ordered'
			UNION ALL
			SELECT (SELECT min(order_key) FROM waiting WHERE endpoint_id = $1 AND reason = 'ordered' AND order_key > keys.key)
			FROM keys WHERE keys.key IS NOT NULL
		) SELECT keys.key FROM keys WHERE keys.key IS NOT NULL AND NOT EXISTS (` + headOf + `) LIMIT $2`
	headOf = `SELECT FROM order_heads h JOIN waiting w ON w.endpoint_id = h.endpoint_id AND w.id = h.delivery_id
		WHERE h.endpoint_id = $1 AND h.order_key = keys.key AND w.reason <> 'ordered'`

	// lockRows takes the places of rows, and gives those one that have none.
	lockRows = `INSERT INTO order_heads (endpoint_id, order_key, delivery_id)
		SELECT $1, key, '?' || pg_backend_pid() || '.' || $1 || '.' || key FROM unnest($2::text[]) keys (key) ORDER BY key COLLATE "C"
		ON CONFLICT (endpoint_id, order_key) DO UPDATE SET delivery_id = order_heads.delivery_id`
	// vacateRows takes their heads from those rows that are stuck still: whoever
	// lets others go holds their places, so what is seen now is so.
	vacateRows = `UPDATE order_heads o SET delivery_id = '?' || pg_backend_pid() || '.' || $1 || '.' || o.order_key
		FROM unnest($2::text[]) keys (key) WHERE o.endpoint_id = $1 AND o.order_key = keys.key AND NOT EXISTS (` + headOf + `)
		RETURNING o.order_key`
)

// MendGroups lets the next go of rows of an endpoint in which all wait for somebody
// who will not end.
func (l *Ledger) MendGroups(ctx context.Context, endpointID string, at time.Time, limit int) (mended int, err error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	stuck, err := collect(ctx, l.pool, one[string], stuckRows, endpointID, limit)
	if err != nil {
		return 0, fmt.Errorf("look for rows that are stuck: %w", err)
	}
	if len(stuck) == 0 {
		return 0, nil
	}
	err = l.persist(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		mended, err = mendIn(ctx, tx, endpointID, stuck, at)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("mend rows: %w", err)
	}
	return mended, nil
}

func mendIn(ctx context.Context, tx transaction, endpointID string, stuck []string, at time.Time) (int, error) {
	if _, err := tx.Exec(ctx, lockRows, endpointID, stuck); err != nil {
		return 0, fmt.Errorf("lock rows: %w", err)
	}
	still, err := collect(ctx, tx, one[string], vacateRows, endpointID, stuck)
	if err != nil {
		return 0, fmt.Errorf("vacate rows: %w", err)
	}
	since := make(map[row]time.Time, len(still))
	for _, key := range still {
		since[row{endpointID, key}] = at
	}
	return len(still), goOn(ctx, tx, since)
}
