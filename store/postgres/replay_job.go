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

const (
	insertReplay = `INSERT INTO replays
		(id, filter, publisher, rate, dry_run, state, matched, collected, replayed, skipped, skips, groups, last, created_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', $13, $14)`
	insertItems = `INSERT INTO replay_items (replay, delivery, generation) SELECT $1, * FROM unnest($2::text[], $3::integer[])`
	moveReplay  = `UPDATE replays SET last = $2, matched = matched + $3 WHERE id = $1`
	countItems  = `SELECT count(*) FROM replay_items WHERE replay = $1`
	endCollect  = `UPDATE replays SET collected = true, matched = $2, state = $3, ended_at = $4 WHERE id = $1`
	nextItems   = `SELECT delivery, generation FROM replay_items WHERE replay = $1 AND opened IS NULL ORDER BY delivery LIMIT $2`
	openItems   = `UPDATE replay_items SET opened = generation + 1 WHERE replay = $1 AND delivery = ANY($2)`
	dropItems   = `DELETE FROM replay_items WHERE replay = $1 AND delivery <= $2 AND opened IS NULL`
	countReplay = `UPDATE replays SET replayed = $2, skipped = $3, skips = $4, state = $5, ended_at = $6 WHERE id = $1`
	// lockReplays lets those who start replays of a publisher count one after another.
	lockReplays  = `SELECT pg_advisory_xact_lock(hashtext('waybill replays ' || $1), 'replays'::regclass::oid::integer)`
	countRunning = `SELECT count(*) FROM replays WHERE state = 'running' AND publisher = $1`
	endReplay    = `UPDATE replays SET state = 'cancelled', ended_at = $2 WHERE id = $1`
)

const (
	selectReplays = `SELECT ` + store.ReplayColumns + `, r.last, r.seq FROM replays r `
	readReplay    = selectReplays + `WHERE r.id = $1`
	// lockReplay makes those who work on a job take turns.
	lockReplay = readReplay + ` FOR UPDATE`
)

// replayRow is a job with the delivery that it collected last, and what orders
// it among others of the same time.
type replayRow struct {
	postback.ReplayJob
	last string
	seq  int64
}

func (r replayRow) job() postback.ReplayJob { return r.ReplayJob }

func replayDest(r *replayRow) []any { return append(store.ReplayDest(&r.ReplayJob), &r.last, &r.seq) }

// CreateReplay writes a new job, unless as many of the publisher's run as may.
func (l *Ledger) CreateReplay(ctx context.Context, job postback.ReplayJob, most int) error {
	publisher := clean(job.Filter.Publisher)
	err := l.transactInTurn(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := roomForReplay(ctx, tx, publisher, most); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertReplay, job.ID, store.AsJSON(job.Filter), publisher, job.Rate, job.DryRun, string(job.State),
			job.Matched, job.Collected, job.Replayed, job.Skipped, store.AsJSON(job.Skips), store.AsJSON(job.Groups), moment(job.CreatedAt), moment(job.EndedAt))
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return fmt.Errorf("write replay: %w", err)
	}
	return nil
}

// roomForReplay counts the replays of a publisher that run, one caller of it at a
// time.
func roomForReplay(ctx context.Context, tx pgx.Tx, publisher string, most int) error {
	if most <= 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, lockReplays, publisher); err != nil {
		return err //nolint:wrapcheck // callers say what they were doing
	}
	running, err := single(ctx, tx, "replays", one[int], countRunning, publisher)
	if err != nil {
		return err
	}
	return store.RoomForReplay(running, most) //nolint:wrapcheck // a domain error
}

// CollectReplay adds the next part of what the job's filter picks to its
// snapshot. The part is read before the write, which does nothing when another
// process was faster.
func (l *Ledger) CollectReplay(ctx context.Context, id string, limit int, at time.Time) (postback.ReplayJob, error) {
	before, err := l.readReplay(ctx, id)
	if err != nil || before.Collected || before.State != postback.ReplayRunning {
		return before.ReplayJob, err
	}
	var rows []deliveryRow
	if filter, some := endedOnly(before.Filter); some {
		if rows, err = l.readDeliveries(ctx, filter, before.last, limit); err != nil {
			return before.ReplayJob, fmt.Errorf("read deliveries to replay: %w", err)
		}
	}
	return l.workOn(ctx, id, func(ctx context.Context, tx pgx.Tx, job replayRow) error {
		if job.Collected || job.State != postback.ReplayRunning || job.last != before.last {
			return nil // another process was faster
		}
		return collectItems(ctx, tx, job, rows, len(rows) < limit, at)
	})
}

// endedOnly narrows a filter to deliveries that have ended; false when none can
// match.
func endedOnly(f postback.DeliveryFilter) (postback.DeliveryFilter, bool) {
	asked := f.States
	f.States = nil
	for _, state := range postback.States() {
		if state.Ended() && (len(asked) == 0 || slices.Contains(asked, state)) {
			f.States = append(f.States, state)
		}
	}
	return f, len(f.States) > 0
}

func collectItems(ctx context.Context, tx pgx.Tx, job replayRow, rows []deliveryRow, last bool, at time.Time) error {
	if len(rows) > 0 {
		_, err := tx.Exec(ctx, insertItems, job.ID,
			texts(rows, func(r deliveryRow) string { return r.ID }), column(rows, func(r deliveryRow) int { return r.Generation }))
		if err != nil {
			return fmt.Errorf("write replay's snapshot: %w", err)
		}
		if _, err := tx.Exec(ctx, moveReplay, job.ID, rows[len(rows)-1].ID, len(rows)); err != nil {
			return fmt.Errorf("move replay on: %w", err)
		}
	}
	if !last {
		return nil
	}
	found, err := single(ctx, tx, "snapshot", one[int], countItems, job.ID)
	if err != nil {
		return err
	}
	state, endedAt := postback.ReplayRunning, time.Time{}
	if found == 0 {
		state, endedAt = postback.ReplayDone, at
	}
	if _, err := tx.Exec(ctx, endCollect, job.ID, found+job.Handled(), string(state), moment(endedAt)); err != nil {
		return fmt.Errorf("end replay's snapshot: %w", err)
	}
	return nil
}

// AdvanceReplay reopens the next deliveries of the job's snapshot.
func (l *Ledger) AdvanceReplay(ctx context.Context, id string, handled, limit int, at time.Time) (postback.ReplayJob, error) {
	return l.workOn(ctx, id, func(ctx context.Context, tx pgx.Tx, job replayRow) error {
		if !job.Collected || job.State != postback.ReplayRunning || job.Handled() != handled {
			return postback.Failure(postback.CodeConflict, "the replay %s moved on meanwhile", id)
		}
		taken, err := reopenItems(ctx, tx, &job.ReplayJob, limit, at)
		if err != nil {
			return err
		}
		if handled+taken >= job.Matched || taken < limit {
			job.State, job.EndedAt = postback.ReplayDone, at
		}
		return countIn(ctx, tx, job.ReplayJob)
	})
}

// countIn writes what a job has handled.
func countIn(ctx context.Context, tx pgx.Tx, job postback.ReplayJob) error {
	if _, err := tx.Exec(ctx, countReplay, job.ID, job.Replayed, job.Skipped, store.AsJSON(job.Skips), string(job.State), moment(job.EndedAt)); err != nil {
		return fmt.Errorf("count replayed: %w", err)
	}
	return nil
}

// replayItem is one delivery of a snapshot.
type replayItem struct {
	delivery   string
	generation int
}

// reopenItems takes items off a job's snapshot, reopens what can be, counts all of
// them, and says how many they were.
func reopenItems(ctx context.Context, tx pgx.Tx, job *postback.ReplayJob, limit int, at time.Time) (taken int, err error) {
	items, err := collect(ctx, tx, func(i *replayItem) []any { return []any{&i.delivery, &i.generation} }, nextItems, job.ID, limit)
	if err != nil {
		return 0, fmt.Errorf("read replay's snapshot: %w", err)
	}
	if len(items) == 0 {
		return 0, nil
	}
	found, err := lockEnded(ctx, tx, column(items, func(i replayItem) string { return i.delivery }))
	if err != nil {
		return 0, err
	}
	deleted, err := deletedAmong(ctx, tx, found)
	if err != nil {
		return 0, err
	}
	ended := replayable(job, items, found, deleted)
	if err := reopenAll(ctx, tx, ended, at, at); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, openItems, job.ID, column(ended, func(s *lockedDelivery) string { return s.id })); err != nil {
		return 0, fmt.Errorf("note what was opened: %w", err)
	}
	if _, err := tx.Exec(ctx, dropItems, job.ID, items[len(items)-1].delivery); err != nil {
		return 0, fmt.Errorf("take off replay's snapshot: %w", err)
	}
	return len(items), nil
}

// replayable are the deliveries of items that can be reopened. All are counted.
func replayable(job *postback.ReplayJob, items []replayItem, found map[string]*lockedDelivery, deleted map[string]bool) []*lockedDelivery {
	ended := []*lockedDelivery{}
	for _, item := range items {
		d, known := found[item.delivery]
		if !known {
			store.Skip(&job.Skips, false, nil)
			continue
		}
		refused := store.RefuseReplay(d.id, d.state, d.endpointID, deleted[d.endpointID])
		if refused != nil || d.generation != item.generation {
			store.Skip(&job.Skips, true, refused)
			continue
		}
		ended = append(ended, d)
	}
	job.Replayed += len(ended)
	job.Skipped += len(items) - len(ended)
	return ended
}

// CancelReplay ends a running job.
func (l *Ledger) CancelReplay(ctx context.Context, id string, at time.Time) (postback.ReplayJob, error) {
	return l.workOn(ctx, id, func(ctx context.Context, tx pgx.Tx, job replayRow) error {
		if job.State != postback.ReplayRunning {
			return postback.Failure(postback.CodeConflict, "the replay has ended already (%s)", job.State)
		}
		if _, err := tx.Exec(ctx, endReplay, id, moment(at)); err != nil {
			return fmt.Errorf("cancel replay: %w", err)
		}
		return nil
	})
}

// workOn works on a job that nobody else works on meanwhile, and returns it as
// it is then.
func (l *Ledger) workOn(ctx context.Context, id string, work func(context.Context, pgx.Tx, replayRow) error) (job postback.ReplayJob, err error) {
	err = l.persist(ctx, func(ctx context.Context, tx pgx.Tx) error {
		row, err := single(ctx, tx, "replay", replayDest, lockReplay, id)
		if job = row.ReplayJob; err != nil {
			return err
		}
		if err := work(ctx, tx, row); err != nil {
			return err
		}
		row, err = single(ctx, tx, "replay", replayDest, readReplay, id)
		job = row.ReplayJob
		return err
	})
	return job, err
}

func (l *Ledger) readReplay(ctx context.Context, id string) (replayRow, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	return single(ctx, l.pool, "replay", replayDest, readReplay, id)
}

// Replay returns one job; CodeNotFound.
func (l *Ledger) Replay(ctx context.Context, id string) (postback.ReplayJob, error) {
	row, err := l.readReplay(ctx, id)
	return row.ReplayJob, err
}

// ReplayJobs lists jobs, newest first, and the next cursor.
func (l *Ledger) ReplayJobs(ctx context.Context, filter postback.ReplayFilter, page postback.Page) ([]postback.ReplayJob, string, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	var where conditions
	where.addText(`r.publisher`, filter.Publisher)
	if err := where.addAfter(`r.created_at`, `r.seq`, store.Replays, page.Cursor); err != nil {
		return nil, "", err
	}
	size := store.Size(page)
	query := selectReplays + where.sql() + ` ORDER BY r.created_at DESC, r.seq DESC LIMIT ` + where.value(size+1)
	rows, err := collect(ctx, l.pool, replayDest, query, where.args...)
	if err != nil {
		return nil, "", fmt.Errorf("read replays: %w", err)
	}
	next := ""
	if len(rows) > size {
		rows = rows[:size]
		next = cursorAt(store.Replays, rows[size-1].CreatedAt, rows[size-1].seq)
	}
	return column(rows, replayRow.job), next, nil
}

// RunningReplays lists the jobs that are not ended, oldest first.
func (l *Ledger) RunningReplays(ctx context.Context) ([]postback.ReplayJob, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	rows, err := collect(ctx, l.pool, replayDest, selectReplays+`WHERE r.state = 'running' ORDER BY r.created_at, r.seq`)
	if err != nil {
		return nil, fmt.Errorf("read running replays: %w", err)
	}
	return column(rows, replayRow.job), nil
}
