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
	return single(ctx, db, "delivery", dueDest, readDue, id)
}

const saveReplay = `INSERT INTO replays
	(id, filter, rate, dry_run, state, matched, replayed, cursor, created_at, ended_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (id) DO UPDATE SET filter = excluded.filter, rate = excluded.rate, dry_run = excluded.dry_run,
	state = excluded.state, matched = excluded.matched, replayed = excluded.replayed, cursor = excluded.cursor,
	created_at = excluded.created_at, ended_at = excluded.ended_at`

// SaveReplay writes a job, new or changed.
func (l *Ledger) SaveReplay(ctx context.Context, job postback.ReplayJob) error {
	filter, err := encode(job.Filter)
	if err != nil {
		return err
	}
	_, err = l.change(ctx, "write replay", 1, saveReplay, job.ID, filter, job.Rate, job.DryRun, string(job.State),
		job.Matched, job.Replayed, job.Cursor, micros(job.CreatedAt), micros(job.EndedAt))
	return err
}

const replayColumns = `id, filter, rate, dry_run, state, matched, replayed, cursor, created_at, ended_at`

func replayDest(j *postback.ReplayJob) []any {
	return []any{
		&j.ID,
		decoded{&j.Filter},
		&j.Rate, &j.DryRun, &j.State,
		&j.Matched, &j.Replayed, &j.Cursor,
		instant{&j.CreatedAt},
		instant{&j.EndedAt},
	}
}

// Replay returns one job; CodeNotFound.
func (l *Ledger) Replay(ctx context.Context, id string) (postback.ReplayJob, error) {
	return single(ctx, l.readPool, "replay", replayDest, `SELECT `+replayColumns+` FROM replays WHERE id = ?`, id)
}

// RunningReplays lists the jobs that are not ended, oldest first.
func (l *Ledger) RunningReplays(ctx context.Context) ([]postback.ReplayJob, error) {
	const query = `SELECT ` + replayColumns + ` FROM replays WHERE state = 'running' ORDER BY created_at, seq`
	jobs, err := collect(ctx, l.readPool, replayDest, query)
	if err != nil {
		return nil, fmt.Errorf("read running replays: %w", err)
	}
	return jobs, nil
}
