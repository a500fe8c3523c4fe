package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waybillhq/waybill/postback"
)

const (
	// lockDeliveries locks them in the order of their ids, so that transactions that
	// lock the same ones cannot deadlock. Those that wait in an ordering group come
	// last, because whoever ends the head of a group locks its next one then. The ids themselves say which partitions it is: a range between the first
	// and the last would be read from end to end.
	lockDeliveries = `SELECT d.id, d.endpoint_id, d.order_key, d.event_seq, d.state, d.reason, d.generation, d.attempts, d.attempts_before,
			d.last_status_code, d.last_error, d.completed_at, d.test
		FROM deliveries d WHERE d.id = ANY($1) ORDER BY (d.reason = 'ordered'), d.id FOR UPDATE OF d`

	moveDeliveries = `UPDATE deliveries d SET state = u.state, reason = u.reason, attempts = u.attempts,
			last_status_code = u.last_status_code, last_error = u.last_error, completed_at = u.completed_at
		FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[], $7::timestamptz[])
			u (id, state, reason, attempts, last_status_code, last_error, completed_at)
		WHERE d.id = u.id AND d.id = ANY($1)`

	moveWaiting = `UPDATE waiting w SET state = u.state, reason = u.reason, next_attempt_at = u.next_attempt_at, sweep_at = u.sweep_at,
			probe = u.probe, code = u.code
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::boolean[], $8::integer[])
			u (endpoint_id, id, state, reason, next_attempt_at, sweep_at, probe, code)
		WHERE w.endpoint_id = u.endpoint_id AND w.id = u.id`

	// takeBack ends replayed deliveries as they had ended before the replay.
	takeBack = `UPDATE deliveries d SET state = w.ended_state, reason = w.ended_reason, completed_at = w.ended_at
		FROM waiting w, unnest($1::text[], $2::text[]) u (endpoint_id, id)
		WHERE w.endpoint_id = u.endpoint_id AND w.id = u.id AND d.id = u.id AND w.ended_state IS NOT NULL`

	endWaiting = `DELETE FROM waiting w USING unnest($1::text[], $2::text[]) u (endpoint_id, id)
		WHERE w.endpoint_id = u.endpoint_id AND w.id = u.id`

	// A worker that got no answer may record an attempt again.
	insertAttempts = `INSERT INTO attempts (` + attemptParts + `)
		SELECT * FROM ` + givenAttempts + ` ON CONFLICT DO NOTHING`
)

// Record appends the transition's attempt, if it has one, and moves the delivery
// on. CodeConflict says that only the attempt was written.
func (l *Ledger) Record(ctx context.Context, move postback.Transition) error {
	if plain(move) {
		recorded, err := l.successes.Do(ctx, move, sizeOfMove(move))
		if err != nil || recorded {
			return err
		}
	}
	refused, err := l.moves.Do(ctx, move, sizeOfMove(move))
	if err != nil {
		return err
	}
	return refused
}

// sizeOfMove is what a move counts in a group.
func sizeOfMove(move postback.Transition) int {
	size := 1
	if move.Attempt != nil {
		size += 1 + len(move.Attempt.Request.Body)/sizeUnit
		if move.Attempt.Response != nil {
			size += len(move.Attempt.Response.Body) / sizeUnit
		}
	}
	return size
}

func movedOn(ref postback.Ref) error {
	return postback.Failure(postback.CodeConflict,
		"the delivery %s does not wait for attempt %d of generation %d", ref.DeliveryID, ref.Attempt, ref.Generation)
}

// recordAll records the moves of several callers. It takes two round trips: one
// that locks and reads the deliveries, one that writes what came of them.
func (l *Ledger) recordAll(ctx context.Context, moves []postback.Transition) ([]error, error) {
	answers := make([]error, len(moves))
	ids := texts(moves, func(m postback.Transition) string { return m.Ref.DeliveryID })
	err := l.relocate(ctx, ids, func(locked map[string]*lockedDelivery) (attempts []postback.Attempt) {
		for i, move := range moves {
			d, found := locked[clean(move.Ref.DeliveryID)]
			if !found {
				answers[i] = missing("delivery")
				continue
			}
			if !d.move(move) {
				answers[i] = movedOn(move.Ref)
			}
			if move.Attempt != nil {
				attempts = append(attempts, *move.Attempt)
			}
		}
		return attempts
	})
	return answers, err
}

// relocate locks deliveries, has it decided where they are to stand, and writes
// that, with the attempts that led there.
func (l *Ledger) relocate(ctx context.Context, ids []string, decide func(map[string]*lockedDelivery) []postback.Attempt) error {
	conn, err := l.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("take connection: %w", err)
	}
	defer conn.Release() // It closes a connection whose transaction is open.
	slices.Sort(ids)
	ids = slices.Compact(ids)
	locked, err := lockAll(ctx, conn, ids)
	if err != nil {
		return errors.Join(fmt.Errorf("lock deliveries: %w", err), rollback(ctx, conn))
	}
	attempts := decide(locked)
	batch, err := movesBatch(ids, locked, attempts)
	if err != nil {
		return errors.Join(err, rollback(ctx, conn))
	}
	if ended := endedHeads(locked); len(ended) > 0 {
		if err := sendAndPassOn(ctx, conn, batch, ended); err != nil {
			return errors.Join(err, rollback(ctx, conn))
		}
		batch = &pgx.Batch{}
	}
	batch.Queue("COMMIT")
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return errors.Join(fmt.Errorf("write moves: %w", err), rollback(ctx, conn))
	}
	l.parked.addMoved(locked)
	return nil
}

func sendAndPassOn(ctx context.Context, tx transaction, batch *pgx.Batch, ended []*lockedDelivery) error {
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write moves: %w", err)
	}
	return passOn(ctx, tx, ended)
}

// rollback ends a transaction that failed, if the server is still there.
func rollback(ctx context.Context, conn *pgxpool.Conn) error {
	if conn.Conn().IsClosed() {
		return nil
	}
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// lockAll begins a transaction and locks the deliveries, and before them the ordering
// groups that they head.
func lockAll(ctx context.Context, conn *pgxpool.Conn, ids []string) (map[string]*lockedDelivery, error) {
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	batch.Queue(lockHeads, ids)
	batch.Queue(lockDeliveries, ids)
	results := conn.SendBatch(ctx, batch)
	for range 2 {
		if _, err := results.Exec(); err != nil {
			return nil, errors.Join(err, results.Close())
		}
	}
	rows, err := results.Query()
	if err != nil {
		return nil, errors.Join(err, results.Close())
	}
	found, err := scanAll(rows, lockedDest)
	if err := errors.Join(err, results.Close()); err != nil {
		return nil, err
	}
	return byID(found), nil
}
