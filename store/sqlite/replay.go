package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

const reopen = `UPDATE deliveries SET state = 'pending', reason = '', generation = generation + 1,
	attempts_before = attempts, opened_at = ?, next_attempt_at = ?, sweep_at = ?, completed_at = NULL WHERE id = ?`

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
	due, err := single(ctx, db, "delivery", dueDest, readDue, id)
	if err != nil {
		return postback.Due{}, err
	}
	if !due.Delivery.State.Ended() {
		return postback.Due{}, postback.Failure(postback.CodeNotEnded,
			"the delivery %s is %s; only a delivery that ended can be replayed", id, due.Delivery.State)
	}
	if _, err := db.exec(ctx, reopen, micros(at), micros(at), micros(sweepAt), id); err != nil {
		return postback.Due{}, fmt.Errorf("reopen delivery: %w", err)
	}
	if err := lineUpAgain(ctx, db, id); err != nil {
		return postback.Due{}, err
	}
	return single(ctx, db, "delivery", dueDest, readDue, id)
}
