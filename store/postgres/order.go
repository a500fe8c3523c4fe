package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/waybillhq/waybill/postback"
)

// Deliveries of a row go one after another: its head may go, the others are
// parked as ordered. Whoever adds to a row or ends its head holds the head's
// place in order_heads until the commit, and ends look for the next one in a
// statement of their own, after they have that place: so none is overlooked
// that is being accepted at the same moment.
//
// Places are locked before deliveries wherever both are, and in their order.
const (
	// lockHeads takes the places of those deliveries that stand at the head.
	lockHeads = `SELECT FROM order_heads WHERE delivery_id = ANY($1) ORDER BY endpoint_id, order_key FOR UPDATE`
	// lockRows takes the places of the rows that deliveries belong to.
	lockRows = `SELECT FROM order_heads h WHERE (h.endpoint_id, h.order_key) IN (
			SELECT d.endpoint_id, d.order_key FROM deliveries d WHERE d.id = ANY($1) AND d.order_key <> '')
		ORDER BY h.endpoint_id, h.order_key FOR UPDATE`
	// takeHeads puts deliveries at the head of rows that have none, and takes the
	// places of the others as they are.
	takeHeads = `INSERT INTO order_heads (endpoint_id, order_key, delivery_id)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) u (endpoint_id, order_key, id)
		ORDER BY u.endpoint_id COLLATE "C", u.order_key COLLATE "C"
		ON CONFLICT (endpoint_id, order_key) DO UPDATE SET delivery_id = order_heads.delivery_id RETURNING delivery_id`
	dropHeads = `DELETE FROM order_heads WHERE delivery_id = ANY($1) RETURNING endpoint_id, order_key, delivery_id`
	nextHeads = `SELECT n.id FROM unnest($1::text[], $2::text[]) k (endpoint_id, order_key) CROSS JOIN LATERAL (
			SELECT w.id FROM waiting w WHERE w.endpoint_id = k.endpoint_id AND w.order_key = k.order_key AND w.reason = 'ordered'
			ORDER BY w.id LIMIT 1) n`
)

// transaction is what works in one: a transaction of the pool, or a connection
// on which one was begun.
type transaction interface {
	querier
	Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
}

// row names deliveries that go one after another.
type row struct{ endpointID, orderKey string }

// head is the delivery of a row that may go.
type head struct {
	row
	id string
}

func headDest(h *head) []any { return []any{&h.endpointID, &h.orderKey, &h.id} }

func rowOf(s *standing) row { return row{s.endpointID, s.orderKey} }

// lineUp puts deliveries that are about to wait into their rows, and returns
// those that stand at the head. Others of their rows wait for them then.
func lineUp(ctx context.Context, tx transaction, coming []*standing) ([]*standing, error) {
	first := map[row]*standing{}
	for _, s := range coming {
		if known := first[rowOf(s)]; known == nil || s.id < known.id {
			first[rowOf(s)] = s
		}
	}
	places := make([]head, 0, len(first))
	for at, s := range first {
		places = append(places, head{at, s.id})
	}
	taken, err := collect(ctx, tx, one[string], takeHeads, headArgs(places)...)
	if err != nil {
		return nil, fmt.Errorf("line deliveries up: %w", err)
	}
	var heads []*standing
	for _, s := range first {
		if slices.Contains(taken, s.id) {
			heads = append(heads, s)
		}
	}
	return heads, nil
}

func headArgs(heads []head) []any {
	return []any{
		texts(heads, func(h head) string { return h.endpointID }),
		texts(heads, func(h head) string { return h.orderKey }),
		texts(heads, func(h head) string { return h.id }),
	}
}

// endedHeads are those of some deliveries that ended just now and may have
// others behind them.
func endedHeads(all map[string]*standing) []*standing {
	var ended []*standing
	for _, s := range all {
		if s.planned && s.state.Ended() && s.orderKey != "" {
			ended = append(ended, s)
		}
	}
	return ended
}

// passOn lets the next of their rows go, now that deliveries have ended.
func passOn(ctx context.Context, tx transaction, ended []*standing) error {
	at := make(map[string]time.Time, len(ended))
	for _, s := range ended {
		at[s.id] = s.completedAt
	}
	left, err := leaveRows(ctx, tx, ended)
	if err != nil {
		return err
	}
	since := make(map[row]time.Time, len(left))
	for _, h := range left {
		since[h.row] = at[h.id]
	}
	for len(since) > 0 {
		rows := make([]head, 0, len(since))
		for r := range since {
			rows = append(rows, head{row: r})
		}
		next, err := collect(ctx, tx, one[string], nextHeads, headArgs(rows)[:2]...)
		if err != nil {
			return fmt.Errorf("find next of rows: %w", err)
		}
		if len(next) == 0 {
			return nil
		}
		if err := moveUp(ctx, tx, next, since); err != nil {
			return fmt.Errorf("move up in rows: %w", err)
		}
	}
	return nil
}

// leaveRows gives up the places of deliveries that ended, where they had them.
func leaveRows(ctx context.Context, tx transaction, ended []*standing) ([]head, error) {
	if len(ended) == 0 {
		return nil, nil
	}
	left, err := collect(ctx, tx, headDest, dropHeads, texts(ended, func(s *standing) string { return s.id }))
	if err != nil {
		return nil, fmt.Errorf("leave rows: %w", err)
	}
	return left, nil
}

// moveUp puts deliveries at the head of their rows and makes them due, and takes
// those rows off the list. One that others ended meanwhile leaves its row there.
func moveUp(ctx context.Context, tx transaction, ids []string, since map[row]time.Time) error {
	var heads []head
	err := relocateIn(ctx, tx, ids, func(s *standing) bool {
		if s.state != postback.Parked || s.reason != postback.ReasonOrdered {
			return false
		}
		heads = append(heads, head{rowOf(s), s.id})
		s.release(since[rowOf(s)])
		delete(since, rowOf(s))
		return true
	})
	if err != nil || len(heads) == 0 {
		return err
	}
	_, err = collect(ctx, tx, one[string], takeHeads, headArgs(heads)...)
	return err
}

// relocateIn locks deliveries and writes where each is to stand, for those that
// change says it changed.
func relocateIn(ctx context.Context, tx transaction, ids []string, change func(*standing) bool) error {
	found, err := lockIn(ctx, tx, ids)
	if err != nil {
		return err
	}
	for id, s := range found {
		if !change(s) {
			delete(found, id)
		}
	}
	return writeIn(ctx, tx, found)
}

// writeIn writes where deliveries stand now.
func writeIn(ctx context.Context, tx transaction, all map[string]*standing) error {
	if len(all) == 0 {
		return nil
	}
	ids := make([]string, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	batch, err := movesBatch(ids, all, nil)
	if err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write moves: %w", err)
	}
	return nil
}
