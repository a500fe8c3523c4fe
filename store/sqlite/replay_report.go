package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	readOutcomes = `SELECT ` + store.OutcomeCase + `, count(*) FROM replay_items i LEFT JOIN deliveries d ON d.id = i.delivery
		WHERE i.replay = ? AND i.opened IS NOT NULL GROUP BY 1`
	// reopenedDue goes back from the next one in the snapshot, through the key.
	reopenedDue = `SELECT count(*) FROM (SELECT delivery, opened FROM replay_items WHERE replay = ?1
			AND position > (SELECT coalesce(max(position), -1) FROM replay_items WHERE replay = ?1 AND opened IS NULL)
			ORDER BY position LIMIT ?2) i
		JOIN deliveries d ON d.id = i.delivery WHERE d.generation = i.opened AND d.state = 'pending' AND d.sweep_at <= ?3`
	deletedAmong = `SELECT id FROM endpoints WHERE state = 'deleted' AND id IN (SELECT value FROM json_each(?))`
)

// ReopenedDue counts which of the last deliveries that a job reopened are due.
func (l *Ledger) ReopenedDue(ctx context.Context, jobID string, last int, at time.Time) (int, error) {
	return single(ctx, l.reads, "reopened deliveries", func(n *int) []any { return []any{n} }, reopenedDue, jobID, last, micros(at))
}

// ReplayOutcomes counts what became of what a job reopened.
func (l *Ledger) ReplayOutcomes(ctx context.Context, id string) (postback.ReplayOutcomes, error) {
	type outcome struct {
		name  string
		count int
	}
	var all postback.ReplayOutcomes
	var found []outcome
	err := l.search(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		found, err = collect(ctx, tx, func(o *outcome) []any { return []any{&o.name, &o.count} }, readOutcomes, id)
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
	var counts []postback.DeliveryGroup
	var deleted []string
	err := l.search(ctx, func(ctx context.Context, db *sql.Tx) (err error) {
		for _, state := range statesOf(filter) {
			index, where := deliveryQuery(filter, state)
			query := `SELECT d.endpoint_id, d.state, d.reason, count(*) FROM deliveries d INDEXED BY ` + index + ` ` + where.sql() + ` GROUP BY 1, 2, 3`
			found, err := collect(ctx, db, store.GroupDest, query, where.args...)
			if err != nil {
				return fmt.Errorf("count deliveries: %w", err)
			}
			counts = append(counts, found...)
		}
		deleted, err = collect(ctx, db, func(id *string) []any { return []any{id} }, deletedAmong, store.AsJSON(store.EndpointsOf(counts)))
		return err
	})
	if err != nil {
		return nil, err
	}
	return store.Groups(counts, deleted), nil
}
