package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// readOutcomes looks each delivery up by its id. The limit makes it a look at the
// index of one partition, however many there are.
const readOutcomes = `SELECT ` + store.OutcomeCase + `, count(*) FROM replay_items i LEFT JOIN LATERAL (
		SELECT d.id, d.generation, d.attempts, d.attempts_before, d.state, d.completed_at FROM deliveries d WHERE d.id = i.delivery LIMIT 1) d ON true
	WHERE i.replay = $1 AND i.opened IS NOT NULL GROUP BY 1`

// reopenedDue goes back from the next one in the snapshot, through the key. The
// deliveries are looked up as for the outcomes.
const reopenedDue = `SELECT count(*) FROM (SELECT delivery, opened FROM replay_items WHERE replay = $1
		AND delivery < (SELECT min(delivery) FROM replay_items WHERE replay = $1 AND opened IS NULL)
		ORDER BY delivery DESC LIMIT $2) i
	JOIN LATERAL (SELECT d.endpoint_id, d.generation FROM deliveries d WHERE d.id = i.delivery LIMIT 1) d ON d.generation = i.opened
	JOIN waiting w ON w.endpoint_id = d.endpoint_id AND w.id = i.delivery AND w.state = 'pending' AND w.sweep_at <= $3`

// ReopenedDue counts which of the last deliveries that a job reopened are due.
func (l *Ledger) ReopenedDue(ctx context.Context, jobID string, last int, at time.Time) (int, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	due, err := single(ctx, l.pool, "reopened deliveries", one[int], reopenedDue, jobID, last, at)
	if err != nil {
		return 0, fmt.Errorf("count reopened deliveries: %w", err)
	}
	return due, nil
}

// ReplayOutcomes counts what became of what a job reopened.
func (l *Ledger) ReplayOutcomes(ctx context.Context, id string) (postback.ReplayOutcomes, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	type outcome struct {
		name  string
		count int
	}
	var all postback.ReplayOutcomes
	var found []outcome
	err := l.searches.use(ctx, func() (err error) {
		found, err = collect(ctx, l.pool, func(o *outcome) []any { return []any{&o.name, &o.count} }, readOutcomes, id)
		return err
	})
	if err != nil {
		return all, fmt.Errorf("read outcomes of replay: %w", err)
	}
	for _, one := range found {
		store.Outcome(&all, one.name, one.count)
	}
	return all, nil
}

// GroupDeliveries counts what a filter picks by endpoint, state and reason.
func (l *Ledger) GroupDeliveries(ctx context.Context, filter postback.DeliveryFilter) ([]postback.DeliveryGroup, error) {
	counts, err := l.groupCounts(ctx, filter)
	if err != nil || len(counts) == 0 {
		return nil, err
	}
	ctx, cancel := bound(ctx)
	defer cancel()
	deleted, err := collect(ctx, l.pool, one[string], `SELECT id FROM endpoints WHERE id = ANY($1) AND state = 'deleted'`, store.EndpointsOf(counts))
	if err != nil {
		return nil, fmt.Errorf("read deleted endpoints: %w", err)
	}
	return store.Groups(counts, deleted), nil
}

func (l *Ledger) groupCounts(ctx context.Context, filter postback.DeliveryFilter) (counts []postback.DeliveryGroup, err error) {
	if filter.EventID != "" {
		rows, err := l.readDeliveries(ctx, filter, "", maxPerEvent)
		return column(rows, func(r deliveryRow) postback.DeliveryGroup {
			return postback.DeliveryGroup{EndpointID: r.EndpointID, State: r.State, Reason: r.Reason, Count: 1}
		}), err
	}
	err = l.search(ctx, func(ctx context.Context, db querier) error {
		all, some, err := reach(ctx, db, filter, "")
		if err != nil || !some {
			return err
		}
		for _, part := range branches(filter, all) {
			query, args := part.groups(filter, all)
			found, err := collect(ctx, db, store.GroupDest, query, args...)
			if err != nil {
				return fmt.Errorf("count deliveries: %w", err)
			}
			counts = append(counts, found...)
		}
		return nil
	})
	return counts, err
}
