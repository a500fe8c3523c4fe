package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// reopen opens the next generation of deliveries that are locked and ended. It
// notes them anew, also where they are noted already: whoever is forgetting the
// notes of a day then waits for this commit, or leaves this one.
const reopen = `WITH before AS (SELECT id, state, reason, completed_at FROM deliveries WHERE id = ANY($1)),
	opened AS (
		UPDATE deliveries SET state = 'pending', reason = '', generation = generation + 1,
			attempts_before = attempts, opened_at = $2, completed_at = NULL
		WHERE id = ANY($1) RETURNING endpoint_id, id, order_key, publisher, event_type, event_at, event_seq, last_status_code),
	noted AS (INSERT INTO reopened (id) SELECT id FROM opened ORDER BY id ON CONFLICT (id) DO UPDATE SET id = excluded.id)
	INSERT INTO waiting (endpoint_id, id, event_seq, order_key, publisher, event_type, state, reason, next_attempt_at, sweep_at, code, bytes,
		ended_state, ended_reason, ended_at)
	SELECT o.endpoint_id, o.id, o.event_seq, o.order_key, o.publisher, o.event_type, 'pending', '', $2, $3, o.last_status_code,
		coalesce((SELECT octet_length(e.data) FROM events e WHERE e.accepted_at = o.event_at AND e.seq = o.event_seq), 0),
		b.state, b.reason, b.completed_at
	FROM opened o JOIN before b ON b.id = o.id`

// lockEndpoints reads the states of endpoints, which nobody changes then before
// this transaction has ended: a deletion finds what it has reopened.
const lockEndpoints = `SELECT id, state FROM endpoints WHERE id = ANY($1) ORDER BY id FOR SHARE`

// Reopen opens the next generation of ended deliveries and answers for each id.
func (l *Ledger) Reopen(ctx context.Context, ids []string, at, sweepAt time.Time) ([]postback.Reopened, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	answers := make([]postback.Reopened, len(ids))
	err := l.persist(ctx, func(ctx context.Context, tx pgx.Tx) error {
		found, err := lockEnded(ctx, tx, ids)
		if err != nil {
			return err
		}
		deleted, err := deletedAmong(ctx, tx, found)
		if err != nil {
			return err
		}
		var ended []*lockedDelivery
		for i, id := range ids {
			answers[i] = postback.Reopened{ID: id, Err: missing("delivery")}
			d, known := found[clean(id)]
			if !known {
				continue
			}
			if answers[i].Err = store.RefuseReplay(id, d.state, d.endpointID, deleted[d.endpointID]); answers[i].Err == nil {
				d.state = postback.Pending // a second time in the call is too late
				ended = append(ended, d)
			}
		}
		return reopenIn(ctx, tx, ended, at, sweepAt, answers)
	})
	if err != nil {
		return nil, err
	}
	return answers, nil
}

// reopenIn reopens deliveries and hands them to the answers without an error.
func reopenIn(ctx context.Context, tx pgx.Tx, ended []*lockedDelivery, at, sweepAt time.Time, answers []postback.Reopened) error {
	if len(ended) == 0 {
		return nil
	}
	if err := reopenAll(ctx, tx, ended, at, sweepAt); err != nil {
		return err
	}
	dues, err := duesBy(ctx, tx, column(ended, func(s *lockedDelivery) string { return s.id }))
	if err != nil {
		return err
	}
	byID := make(map[string]postback.Due, len(dues))
	for _, due := range dues {
		byID[due.Delivery.ID] = due
	}
	for i := range answers {
		if answers[i].Err == nil {
			answers[i].Due = byID[answers[i].ID]
		}
	}
	return nil
}

// reopenAll opens the next generation of deliveries that are locked and ended.
// Those of an ordering group wait in it, unless they become its head.
func reopenAll(ctx context.Context, tx pgx.Tx, ended []*lockedDelivery, at, sweepAt time.Time) error {
	if _, err := tx.Exec(ctx, reopen, column(ended, func(s *lockedDelivery) string { return s.id }), at, sweepAt); err != nil {
		return fmt.Errorf("reopen deliveries: %w", err)
	}
	var coming []*lockedDelivery
	wait := map[string]*lockedDelivery{}
	for _, s := range ended {
		if s.orderKey != "" {
			s.become(postback.Parked, postback.ReasonOrdered)
			coming = append(coming, s)
			wait[s.id] = s
		}
	}
	heads, err := lineUp(ctx, tx, coming)
	if err != nil {
		return err
	}
	for _, s := range heads {
		delete(wait, s.id)
	}
	return writeIn(ctx, tx, wait)
}

// lockEnded locks deliveries that may be reopened, and before them the ordering
// groups that they would join.
func lockEnded(ctx context.Context, tx pgx.Tx, ids []string) (map[string]*lockedDelivery, error) {
	if _, err := tx.Exec(ctx, reserveGroups, texts(ids, func(id string) string { return id })); err != nil {
		return nil, fmt.Errorf("lock ordering groups: %w", err)
	}
	return lockIn(ctx, tx, ids)
}

// deletedAmong says which endpoints of locked deliveries are deleted.
func deletedAmong(ctx context.Context, tx pgx.Tx, found map[string]*lockedDelivery) (map[string]bool, error) {
	ids := make([]string, 0, len(found))
	for _, s := range found {
		ids = append(ids, s.endpointID)
	}
	slices.Sort(ids)
	type endpoint struct {
		id    string
		state postback.EndpointState
	}
	locked, err := collect(ctx, tx, func(e *endpoint) []any { return []any{&e.id, &e.state} }, lockEndpoints, slices.Compact(ids))
	if err != nil {
		return nil, fmt.Errorf("lock endpoints: %w", err)
	}
	deleted := map[string]bool{}
	for _, e := range locked {
		deleted[e.id] = e.state == postback.EndpointDeleted
	}
	return deleted, nil
}

// lockIn locks deliveries in the order of their ids.
func lockIn(ctx context.Context, tx transaction, ids []string) (map[string]*lockedDelivery, error) {
	return lockBy(ctx, tx, lockDeliveries, ids)
}

// lockFree locks those of some deliveries that nobody else holds.
func lockFree(ctx context.Context, tx transaction, ids []string) (map[string]*lockedDelivery, error) {
	return lockBy(ctx, tx, lockDeliveries+` SKIP LOCKED`, ids)
}

func lockBy(ctx context.Context, tx transaction, query string, ids []string) (map[string]*lockedDelivery, error) {
	ordered := texts(ids, func(id string) string { return id })
	slices.Sort(ordered)
	ordered = slices.Compact(ordered)
	found, err := collect(ctx, tx, lockedDest, query, ordered)
	if err != nil {
		return nil, fmt.Errorf("lock deliveries: %w", err)
	}
	return byID(found), nil
}

func byID(found []lockedDelivery) map[string]*lockedDelivery {
	all := make(map[string]*lockedDelivery, len(found))
	for i := range found {
		all[found[i].id] = &found[i]
	}
	return all
}
