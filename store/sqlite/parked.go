package sqlite

import (
	"context"
	"fmt"
)

// parkedEndpoints steps from one endpoint to the next in the index, so that a
// million parked deliveries of one endpoint cost one look.
const parkedEndpoints = `WITH RECURSIVE parked (id) AS (
		SELECT min(endpoint_id) FROM deliveries INDEXED BY deliveries_parked WHERE state = 'parked' AND reason <> 'ordered'
		UNION ALL
		SELECT (SELECT min(endpoint_id) FROM deliveries INDEXED BY deliveries_parked WHERE state = 'parked' AND reason <> 'ordered' AND endpoint_id > parked.id)
		FROM parked WHERE parked.id IS NOT NULL
	) SELECT id FROM parked WHERE id IS NOT NULL`

// ParkedEndpoints lists the ids of the endpoints that have parked deliveries.
func (l *Ledger) ParkedEndpoints(ctx context.Context) ([]string, error) {
	return l.endpointIDs(ctx, parkedEndpoints)
}

func (l *Ledger) endpointIDs(ctx context.Context, query string) ([]string, error) {
	ids, err := collect(ctx, l.reads, func(id *string) []any { return []any{id} }, query)
	if err != nil {
		return nil, fmt.Errorf("list endpoints with parked deliveries: %w", err)
	}
	return ids, nil
}
