package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// stuckGroups are those groups of an endpoint that have deliveries parked as ordered
	// and nobody at the head who will let them go: no head at all, one that does not
	// wait any more, or one that waits for itself. It steps from one group to the next
	// in the index.
	stuckGroups = `WITH RECURSIVE keys (key) AS (
			SELECT min(order_key) FROM waiting WHERE endpoint_id = $1 AND reason = 'ordered'
			UNION ALL
			SELECT (SELECT min(order_key) FROM waiting WHERE endpoint_id = $1 AND reason = 'ordered' AND order_key > keys.key)
			FROM keys WHERE keys.key IS NOT NULL
		) SELECT keys.key FROM keys WHERE keys.key IS NOT NULL AND NOT EXISTS (` + headOf + `) LIMIT $2`
	headOf = `SELECT FROM order_heads h JOIN waiting w ON w.endpoint_id = h.endpoint_id AND w.id = h.delivery_id
		WHERE h.endpoint_id = $1 AND h.order_key = keys.key AND w.reason <> 'ordered'`

	// lockGroups takes the places of groups, and gives those one that have none.
	lockGroups = `INSERT INTO order_heads (endpoint_id, order_key, delivery_id)
		SELECT $1, key, '?' || pg_backend_pid() || '.' || $1 || '.' || key FROM unnest($2::text[]) keys (key) ORDER BY key COLLATE "C"
		ON CONFLICT (endpoint_id, order_key) DO UPDATE SET delivery_id = order_heads.delivery_id`
	// vacateGroups takes their heads from those groups that are stuck still: whoever
	// lets others go holds their places, so what is seen now is so.
	vacateGroups = `UPDATE order_heads o SET delivery_id = '?' || pg_backend_pid() || '.' || $1 || '.' || o.order_key
		FROM unnest($2::text[]) keys (key) WHERE o.endpoint_id = $1 AND o.order_key = keys.key AND NOT EXISTS (` + headOf + `)
		RETURNING o.order_key`
)

// MendGroups lets the next go of groups of an endpoint in which all wait for somebody
// who will not end.
func (l *Ledger) MendGroups(ctx context.Context, endpointID string, at time.Time, limit int) (mended int, err error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	stuck, err := collect(ctx, l.pool, one[string], stuckGroups, endpointID, limit)
	if err != nil {
		return 0, fmt.Errorf("look for groups that are stuck: %w", err)
	}
	if len(stuck) == 0 {
		return 0, nil
	}
	err = l.persist(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		mended, err = mendIn(ctx, tx, endpointID, stuck, at)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("mend groups: %w", err)
	}
	return mended, nil
}

func mendIn(ctx context.Context, tx transaction, endpointID string, stuck []string, at time.Time) (int, error) {
	if _, err := tx.Exec(ctx, lockGroups, endpointID, stuck); err != nil {
		return 0, fmt.Errorf("lock groups: %w", err)
	}
	still, err := collect(ctx, tx, one[string], vacateGroups, endpointID, stuck)
	if err != nil {
		return 0, fmt.Errorf("vacate groups: %w", err)
	}
	since := make(map[orderingGroup]time.Time, len(still))
	for _, key := range still {
		since[orderingGroup{endpointID, key}] = at
	}
	return len(still), goOn(ctx, tx, since)
}
