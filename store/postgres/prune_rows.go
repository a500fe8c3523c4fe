package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// pruneDefault forgets a batch of the default partition.
func (l *Ledger) pruneDefault(ctx context.Context, before time.Time) (int, error) {
	const ended = `SELECT id FROM deliveries_default WHERE completed_at < $1 ORDER BY completed_at, id LIMIT $2 FOR UPDATE SKIP LOCKED`
	return l.pruneSome(ctx, ended, before, pruneBatch)
}

// pruneRows forgets what ended of a day that has much that must stay: all of it,
// a batch at a time.
func (l *Ledger) pruneRows(ctx context.Context, table string, before time.Time) (total int, err error) {
	for last := ""; ; {
		var ids []string
		err := l.slowly(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			ids, err = collect(ctx, tx, one[string], `SELECT id FROM `+table+` WHERE id > $1 AND completed_at < $2 ORDER BY id LIMIT $3`, last, before, pruneBatch)
			return err
		})
		if err != nil {
			return total, fmt.Errorf("look for what ended: %w", err)
		}
		if len(ids) == 0 {
			return total, nil
		}
		last = ids[len(ids)-1]
		const still = `SELECT id FROM deliveries WHERE id = ANY($1) AND completed_at < $2 ORDER BY id FOR UPDATE SKIP LOCKED`
		gone, err := l.pruneSome(ctx, still, ids, before)
		total += gone
		if err != nil {
			return total, err
		}
	}
}

const (
	dropAttempts   = `DELETE FROM attempts WHERE delivery_id = ANY($1)`
	dropDeliveries = `DELETE FROM deliveries WHERE id = ANY($1) RETURNING event_id`
	// An event goes with the last of its deliveries. Those who take its last ones
	// at the same moment take turns, or each would leave it to the other.
	lockIDs    = `SELECT id, accepted_at, seq, deliveries FROM event_ids WHERE id = ANY($1) ORDER BY id FOR UPDATE`
	dropIDs    = `DELETE FROM event_ids WHERE seq = ANY($1)`
	dropEvents = `DELETE FROM events e USING unnest($1::timestamptz[], $2::bigint[]) k (at, seq)
		WHERE e.accepted_at = k.at AND e.seq = k.seq AND e.accepted_at = ANY($1)`
	leftOf = `SELECT DISTINCT event_seq FROM deliveries WHERE id = ANY($1)`
)

// pruneSome forgets the deliveries that a query locks, with their attempts, and
// the events that have no other.
func (l *Ledger) pruneSome(ctx context.Context, query string, args ...any) (gone int, err error) {
	err = l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		ids, err := collect(ctx, tx, one[string], query, args...)
		if err != nil || len(ids) == 0 {
			return err
		}
		attempts, err := tx.Exec(ctx, dropAttempts, ids)
		if err != nil {
			return fmt.Errorf("forget attempts: %w", err)
		}
		events, err := collect(ctx, tx, one[string], dropDeliveries, ids)
		if err != nil {
			return fmt.Errorf("forget deliveries: %w", err)
		}
		lone, err := forgetEvents(ctx, tx, events)
		gone = len(ids) + int(attempts.RowsAffected()) + lone
		return err
	})
	return gone, err
}

// forgetEvents forgets those events that have no deliveries left.
func forgetEvents(ctx context.Context, tx pgx.Tx, ids []string) (int, error) {
	anchors, err := collect(ctx, tx, anchorDest, lockIDs, ids)
	if err != nil {
		return 0, fmt.Errorf("lock event ids: %w", err)
	}
	var all []string
	for _, a := range anchors {
		all = append(all, a.deliveries...)
	}
	left, err := collect(ctx, tx, one[int64], leftOf, all)
	if err != nil {
		return 0, fmt.Errorf("look for other deliveries: %w", err)
	}
	busy := make(map[int64]bool, len(left))
	for _, seq := range left {
		busy[seq] = true
	}
	var lone []eventKey
	for _, a := range anchors {
		if !busy[a.seq] {
			lone = append(lone, a.eventKey)
		}
	}
	return dropKeys(ctx, tx, lone)
}

func dropKeys(ctx context.Context, tx pgx.Tx, keys []eventKey) (int, error) {
	if len(keys) == 0 {
		return 0, nil
	}
	seqs := column(keys, func(k eventKey) int64 { return k.seq })
	if _, err := tx.Exec(ctx, dropIDs, seqs); err != nil {
		return 0, fmt.Errorf("forget event ids: %w", err)
	}
	tag, err := tx.Exec(ctx, dropEvents, column(keys, func(k eventKey) time.Time { return k.at }), seqs)
	if err != nil {
		return 0, fmt.Errorf("forget events: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// pruneLoneEvents forgets a batch of events that never had a delivery.
func (l *Ledger) pruneLoneEvents(ctx context.Context, before time.Time) (gone int, err error) {
	for _, kind := range []string{`unmatched`, `rejection <> ''`} {
		query := `SELECT id FROM events WHERE ` + kind + ` AND accepted_at < $1 ORDER BY accepted_at, seq LIMIT $2`
		err := l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			ids, err := collect(ctx, tx, one[string], query, before, pruneBatch)
			if err != nil || len(ids) == 0 {
				return err
			}
			gone, err = forgetEvents(ctx, tx, ids)
			return err
		})
		if err != nil || gone > 0 {
			return gone, err
		}
	}
	return 0, nil
}
