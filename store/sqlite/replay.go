package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	reopen = `UPDATE deliveries SET state = 'pending', reason = '', generation = generation + 1,
		attempts_before = attempts, opened_at = ?, next_attempt_at = ?, sweep_at = ?, completed_at = NULL,
		ended_state = state, ended_reason = reason, ended_at = completed_at WHERE id = ?`
	readEnded = `SELECT d.state, d.generation, d.endpoint_id,
		EXISTS (SELECT 1 FROM endpoints p WHERE p.id = d.endpoint_id AND p.state = 'deleted') FROM deliveries d WHERE d.id = ?`
	// unsent chooses what holds for a delivery that a replay opened and for which
	// nothing was sent.
	unsent = `CASE WHEN ended_state IS NOT NULL AND attempts = attempts_before THEN `
	// takeBack ends such a delivery as it had ended before the replay.
	takeBack = `UPDATE deliveries SET state = ended_state, reason = ended_reason, completed_at = ended_at
		WHERE id = ? AND ended_state IS NOT NULL AND attempts = attempts_before`
)

// endedDelivery is a delivery that is to be reopened.
type endedDelivery struct {
	state      postback.State
	generation int
	endpointID string
	deleted    bool // its endpoint
}

func endedDest(e *endedDelivery) []any {
	return []any{&e.state, &e.generation, &e.endpointID, &e.deleted}
}

func (e endedDelivery) refuse(id string) error {
	return store.RefuseReplay(id, e.state, e.endpointID, e.deleted) //nolint:wrapcheck // a domain error
}

// Reopen opens the next generation of ended deliveries and answers for each id.
func (l *Ledger) Reopen(ctx context.Context, ids []string, at, sweepAt time.Time) ([]postback.Reopened, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return write(ctx, l.writer, len(ids), func(ctx context.Context, db *session) ([]postback.Reopened, error) {
		answers := make([]postback.Reopened, len(ids))
		for i, id := range ids {
			due, err := reopenOne(ctx, db, id, at, sweepAt)
			var refused *postback.Error
			if err != nil && !errors.As(err, &refused) {
				return nil, err
			}
			answers[i] = postback.Reopened{ID: id, Due: due, Err: err}
		}
		return answers, nil
	})
}

func reopenOne(ctx context.Context, db *session, id string, at, sweepAt time.Time) (postback.Due, error) {
	before, err := single(ctx, db, "delivery", endedDest, readEnded, id)
	if err != nil {
		return postback.Due{}, err
	}
	if err := before.refuse(id); err != nil {
		return postback.Due{}, err
	}
	if err := reopenIn(ctx, db, id, at, sweepAt); err != nil {
		return postback.Due{}, err
	}
	return single(ctx, db, "delivery", store.DueDest, readDue, id)
}

// reopenIn reopens a delivery that can be.
func reopenIn(ctx context.Context, db *session, id string, at, sweepAt time.Time) error {
	if _, err := db.exec(ctx, reopen, micros(at), micros(at), micros(sweepAt), id); err != nil {
		return fmt.Errorf("reopen delivery: %w", err)
	}
	return lineUpAgain(ctx, db, id)
}
