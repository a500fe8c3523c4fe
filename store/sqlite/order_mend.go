package sqlite

import (
	"context"
	"fmt"
	"time"
)

const (
	// stuckGroups are those groups of an endpoint that have deliveries parked as ordered
	// and nobody at the head who will let them go: no head at all, one that does not
	// wait any more, or one that waits for itself. It steps from one group to the next
	// in the index.
	stuckGroups = `WITH RECURSIVE keys (key) AS (
			SELECT min(order_key) FROM deliveries INDEXED BY deliveries_ordered WHERE endpoint_id = ?1 AND reason = 'ordered'
			UNION ALL
			SELECT (SELECT min(order_key) FROM deliveries INDEXED BY deliveries_ordered
				WHERE endpoint_id = ?1 AND reason = 'ordered' AND order_key > keys.key)
			FROM keys WHERE keys.key IS NOT NULL
		) SELECT keys.key FROM keys WHERE keys.key IS NOT NULL AND NOT EXISTS (
			SELECT 1 FROM order_heads h JOIN deliveries d ON d.id = h.delivery
			WHERE h.endpoint_id = ?1 AND h.order_key = keys.key AND d.reason <> 'ordered' AND d.state IN ('pending', 'retrying', 'parked'))
		LIMIT ?2`
	vacateGroup = `DELETE FROM order_heads WHERE endpoint_id = ? AND order_key = ?`
)

// MendGroups lets the next go of groups of an endpoint in which all wait for somebody
// who will not end.
func (l *Ledger) MendGroups(ctx context.Context, endpointID string, at time.Time, limit int) (int, error) {
	stuck, err := readStuck(ctx, l.reads, endpointID, limit)
	if err != nil || len(stuck) == 0 {
		return 0, err
	}
	return write(ctx, l.writer, 2*len(stuck), func(ctx context.Context, db *session) (int, error) {
		stuck, err := readStuck(ctx, db, endpointID, limit)
		if err != nil {
			return 0, err
		}
		for _, key := range stuck {
			if err := mend(ctx, db, orderingGroup{endpointID, key}, at); err != nil {
				return 0, fmt.Errorf("mend group: %w", err)
			}
		}
		return len(stuck), nil
	})
}

func readStuck(ctx context.Context, db querier, endpointID string, limit int) ([]string, error) {
	stuck, err := collect(ctx, db, func(key *string) []any { return []any{key} }, stuckGroups, endpointID, limit)
	if err != nil {
		return nil, fmt.Errorf("look for groups that are stuck: %w", err)
	}
	return stuck, nil
}

func mend(ctx context.Context, db *session, group orderingGroup, at time.Time) error {
	if _, err := db.exec(ctx, vacateGroup, group.endpointID, group.orderKey); err != nil {
		return fmt.Errorf("vacate group: %w", err)
	}
	return goOn(ctx, db, group, at)
}
