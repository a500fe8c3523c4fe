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

// Deliveries of an ordering group go one after another, in the order of their events' seq:
// its head may go, the others are parked as ordered. Whoever adds to a group or
// ends its head holds the head's place in order_heads until the commit, and ends
// look for the next one in a statement of their own, after they have that place:
// so none is overlooked that is being accepted at the same moment.
//
// Places are locked before deliveries wherever both are, and in their order. A
// group that has no place yet is given one without a head, which is as good as none.
const (
	// lockHeads takes the places of those deliveries that stand at the head.
	lockHeads = `SELECT delivery_id FROM order_heads WHERE delivery_id = ANY($1) ORDER BY endpoint_id, order_key FOR UPDATE`
	// reserveGroups takes the places of the groups that deliveries belong to.
	reserveGroups = `INSERT INTO order_heads (endpoint_id, order_key, delivery_id)
		SELECT d.endpoint_id, d.order_key, '?' || pg_backend_pid() || '.' || min(d.id)
		FROM deliveries d WHERE d.id = ANY($1) AND d.order_key <> '' GROUP BY 1, 2 ORDER BY 1, 2
		ON CONFLICT (endpoint_id, order_key) DO UPDATE SET delivery_id = order_heads.delivery_id`
	// takeHeads puts deliveries at the head of groups that have none, and takes the
	// places of the others as they are.
	takeHeads = `INSERT INTO order_heads (endpoint_id, order_key, delivery_id)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) u (endpoint_id, order_key, id)
		ORDER BY u.endpoint_id COLLATE "C", u.order_key COLLATE "C"
		ON CONFLICT (endpoint_id, order_key) DO UPDATE
		SET delivery_id = CASE WHEN order_heads.delivery_id LIKE '?%' THEN excluded.delivery_id ELSE order_heads.delivery_id END
		RETURNING delivery_id`
	dropHeads = `DELETE FROM order_heads WHERE delivery_id = ANY($1) RETURNING endpoint_id, order_key, delivery_id`
	// nextHeads are the next of groups, each with the reason of those of its endpoint
	// that are parked, if any are.
	nextHeads = `SELECT n.id, coalesce((SELECT p.reason FROM waiting p
			WHERE p.endpoint_id = k.endpoint_id AND p.state = 'parked' AND p.reason <> 'ordered' ORDER BY p.id LIMIT 1), '')
		FROM unnest($1::text[], $2::text[]) k (endpoint_id, order_key) CROSS JOIN LATERAL (
			SELECT w.id FROM waiting w WHERE w.endpoint_id = k.endpoint_id AND w.order_key = k.order_key AND w.reason = 'ordered'
			ORDER BY w.event_seq LIMIT 1) n`
	// orderedEndpoints steps from one endpoint to the next in the index.
	orderedEndpoints = `WITH RECURSIVE ordered (id) AS (
			SELECT min(endpoint_id) FROM waiting WHERE reason = 'ordered'
			UNION ALL
			SELECT (SELECT min(endpoint_id) FROM waiting WHERE reason = 'ordered' AND endpoint_id > ordered.id)
			FROM ordered WHERE ordered.id IS NOT NULL
		) SELECT id FROM ordered WHERE id IS NOT NULL`
)

// transaction is what works in one: a transaction of the pool, or a connection
// on which one was begun.
type transaction interface {
	querier
	Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
}

// orderingGroup names deliveries that go one after another.
type orderingGroup struct{ endpointID, orderKey string }

// head is the delivery of an ordering group that may go.
type head struct {
	orderingGroup
	id string
}

func headDest(h *head) []any { return []any{&h.endpointID, &h.orderKey, &h.id} }

func groupOf(s *lockedDelivery) orderingGroup { return orderingGroup{s.endpointID, s.orderKey} }

// OrderedEndpoints lists the ids of the endpoints that have deliveries parked as
// ordered.
func (l *Ledger) OrderedEndpoints(ctx context.Context) ([]string, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	ids, err := collect(ctx, l.pool, one[string], orderedEndpoints)
	if err != nil {
		return nil, fmt.Errorf("list endpoints with ordered deliveries: %w", err)
	}
	return ids, nil
}

// lineUp puts deliveries that are about to wait into their groups, and returns
// those that stand at the head. Others of their groups wait for them then.
func lineUp(ctx context.Context, tx transaction, coming []*lockedDelivery) ([]*lockedDelivery, error) {
	if len(coming) == 0 {
		return nil, nil
	}
	first := map[orderingGroup]*lockedDelivery{}
	for _, s := range coming {
		if known := first[groupOf(s)]; known == nil || s.eventSeq < known.eventSeq {
			first[groupOf(s)] = s
		}
	}
	places, byID := make([]head, 0, len(first)), make(map[string]*lockedDelivery, len(first))
	for at, s := range first {
		places, byID[s.id] = append(places, head{at, s.id}), s
	}
	taken, err := collect(ctx, tx, one[string], takeHeads, headArgs(places)...)
	if err != nil {
		return nil, fmt.Errorf("line deliveries up: %w", err)
	}
	var heads []*lockedDelivery
	for _, id := range taken {
		if s, ours := byID[id]; ours {
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
func endedHeads(all map[string]*lockedDelivery) []*lockedDelivery {
	var ended []*lockedDelivery
	for _, s := range all {
		if s.planned && s.state.Ended() && s.orderKey != "" {
			ended = append(ended, s)
		}
	}
	return ended
}

// passOn lets the next of their groups go, now that deliveries have ended.
func passOn(ctx context.Context, tx transaction, ended []*lockedDelivery) error {
	at := make(map[string]time.Time, len(ended))
	for _, s := range ended {
		at[s.id] = s.completedAt
	}
	left, err := leaveGroups(ctx, tx, ended)
	if err != nil {
		return err
	}
	since := make(map[orderingGroup]time.Time, len(left))
	for _, h := range left {
		since[h.orderingGroup] = at[h.id]
	}
	return goOn(ctx, tx, since)
}

// goOn lets the next of groups without a head go, due since a time.
func goOn(ctx context.Context, tx transaction, since map[orderingGroup]time.Time) error {
	for len(since) > 0 {
		groups := make([]head, 0, len(since))
		for group := range since {
			groups = append(groups, head{orderingGroup: group})
		}
		next, err := collect(ctx, tx, func(n *next) []any { return []any{&n.id, &n.behind} }, nextHeads, headArgs(groups)[:2]...)
		if err != nil {
			return fmt.Errorf("find next of groups: %w", err)
		}
		if len(next) == 0 {
			return nil
		}
		if err := moveUp(ctx, tx, next, since); err != nil {
			return fmt.Errorf("move up in groups: %w", err)
		}
	}
	return nil
}

// leaveGroups removes the places of deliveries that ended, where they had them.
func leaveGroups(ctx context.Context, tx transaction, ended []*lockedDelivery) ([]head, error) {
	if len(ended) == 0 {
		return nil, nil
	}
	left, err := collect(ctx, tx, headDest, dropHeads, texts(ended, func(s *lockedDelivery) string { return s.id }))
	if err != nil {
		return nil, fmt.Errorf("leave groups: %w", err)
	}
	return left, nil
}

// next is the next of an ordering group.
type next struct {
	id     string
	behind postback.Reason // of those of its endpoint that are parked; empty when none are
}

// moveUp puts deliveries at the head of their groups, and takes those groups off the
// list. They are due, unless others of their endpoint are parked: then they wait
// with those, or groups that are long would let no other through. One that others
// ended meanwhile leaves its group on the list.
func moveUp(ctx context.Context, tx transaction, all []next, since map[orderingGroup]time.Time) error {
	behind := make(map[string]postback.Reason, len(all))
	for _, n := range all {
		behind[n.id] = n.behind
	}
	var heads []head
	err := relocateIn(ctx, tx, texts(all, func(n next) string { return n.id }), func(s *lockedDelivery) bool {
		if s.state != postback.Parked || s.reason != postback.ReasonOrdered {
			return false
		}
		heads = append(heads, head{groupOf(s), s.id})
		if reason := behind[s.id]; reason != "" {
			s.become(postback.Parked, reason)
		} else {
			s.release(since[groupOf(s)])
		}
		delete(since, groupOf(s))
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
func relocateIn(ctx context.Context, tx transaction, ids []string, change func(*lockedDelivery) bool) error {
	found, err := lockIn(ctx, tx, ids)
	if err != nil {
		return err
	}
	return changeIn(ctx, tx, found, change)
}

// changeIn writes where locked deliveries are to stand, for those that change says
// it changed.
func changeIn(ctx context.Context, tx transaction, found map[string]*lockedDelivery, change func(*lockedDelivery) bool) error {
	for id, s := range found {
		if !change(s) {
			delete(found, id)
		}
	}
	return writeIn(ctx, tx, found)
}

// writeIn writes where deliveries stand now.
func writeIn(ctx context.Context, tx transaction, all map[string]*lockedDelivery) error {
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
