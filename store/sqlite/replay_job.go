package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	insertReplay = `INSERT INTO replays
		(id, filter, rate, dry_run, state, matched, collected, replayed, skipped, skips, groups, cursor, created_at, ended_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?)`
	insertItem = `INSERT INTO replay_items (replay, position, delivery, generation)
		SELECT ?1, coalesce(max(position) + 1, 0), ?2, ?3 FROM replay_items WHERE replay = ?1`
	moveCursor   = `UPDATE replays SET cursor = ?, matched = matched + ? WHERE id = ? AND cursor = ? AND collected = 0 AND state = 'running'`
	endCollect   = `UPDATE replays SET collected = 1, matched = ?, state = ?, ended_at = ? WHERE id = ? AND collected = 0 AND state = 'running'`
	nextItems    = `SELECT position, delivery, generation FROM replay_items WHERE replay = ? AND opened IS NULL ORDER BY position DESC LIMIT ?`
	openItem     = `UPDATE replay_items SET opened = generation + 1 WHERE replay = ? AND position = ?`
	dropItems    = `DELETE FROM replay_items WHERE replay = ? AND position >= ? AND opened IS NULL`
	countReplay  = `UPDATE replays SET replayed = ?, skipped = ?, skips = ?, state = ?, ended_at = ? WHERE id = ?`
	countRunning = `SELECT count(*) FROM replays WHERE state = 'running' AND coalesce(filter ->> 'publisher', '') = ?`
	cancelReplay = `UPDATE replays SET state = 'cancelled', ended_at = ? WHERE id = ? AND state = 'running'`
)

const replayColumns = store.ReplayColumns + `, r.cursor, r.seq`

// replayRow is a job with how far it has collected, and what orders it among
// others of the same time.
type replayRow struct {
	postback.ReplayJob
	cursor string
	seq    int64
}

func (r replayRow) job() postback.ReplayJob { return r.ReplayJob }

func replayDest(r *replayRow) []any { return append(store.ReplayDest(&r.ReplayJob), &r.cursor, &r.seq) }

func readReplay(ctx context.Context, db querier, id string) (replayRow, error) {
	return single(ctx, db, "replay", replayDest, `SELECT `+replayColumns+` FROM replays r WHERE r.id = ?`, id)
}

// CreateReplay writes a new job, unless as many of the publisher's run as may.
func (l *Ledger) CreateReplay(ctx context.Context, job postback.ReplayJob, most int) error {
	_, err := write(ctx, l.writer, 1, func(ctx context.Context, db *session) (int64, error) {
		if most > 0 {
			running, err := countRows(ctx, db, countRunning, job.Filter.Publisher)
			if err != nil {
				return 0, err
			}
			if err := store.RoomForReplay(running, most); err != nil {
				return 0, err //nolint:wrapcheck // a domain error
			}
		}
		return db.exec(ctx, insertReplay, job.ID, store.AsJSON(job.Filter), job.Rate, job.DryRun, string(job.State),
			job.Matched, job.Collected, job.Replayed, job.Skipped, store.AsJSON(job.Skips), store.AsJSON(job.Groups), micros(job.CreatedAt), micros(job.EndedAt))
	})
	if err != nil {
		return fmt.Errorf("write replay: %w", err)
	}
	return nil
}

// CollectReplay adds the next part of what the job's filter picks to its
// snapshot. The part is read before the write, which does nothing when another
// process was faster.
func (l *Ledger) CollectReplay(ctx context.Context, id string, limit int, at time.Time) (postback.ReplayJob, error) {
	job, err := readReplay(ctx, l.reads, id)
	if err != nil || job.Collected || job.State != postback.ReplayRunning {
		return job.ReplayJob, err
	}
	after, err := positionOf(store.Deliveries, job.cursor)
	if err != nil {
		return job.ReplayJob, err
	}
	var rows []deliveryRow
	err = inSnapshot(ctx, l.searchPool, func(tx *sql.Tx) error { // for as long as it takes
		rows, err = readDeliveries(ctx, tx, job.Filter, after, limit)
		return err
	})
	if err != nil {
		return job.ReplayJob, fmt.Errorf("read deliveries to replay: %w", err)
	}
	part := partOf(rows, limit)
	return write(ctx, l.writer, limit, func(ctx context.Context, db *session) (postback.ReplayJob, error) {
		if err := collectItems(ctx, db, job, part, at); err != nil {
			return job.ReplayJob, err
		}
		now, err := readReplay(ctx, db, id) // job stays, for another try
		return now.ReplayJob, err
	})
}

// replayPart is what one step adds to a snapshot.
type replayPart struct {
	ended []deliveryRow
	end   string // where the next part begins; empty when there was nothing
	last  bool
}

func partOf(rows []deliveryRow, limit int) replayPart {
	part := replayPart{last: len(rows) < limit}
	if len(rows) > 0 {
		end := rows[len(rows)-1]
		part.end = cursorAt(store.Deliveries, end.CreatedAt, end.seq)
	}
	part.ended = slices.DeleteFunc(rows, func(row deliveryRow) bool { return !row.State.Ended() })
	return part
}

func collectItems(ctx context.Context, db *session, job replayRow, part replayPart, at time.Time) error {
	if part.end != "" {
		moved, err := db.exec(ctx, moveCursor, part.end, len(part.ended), job.ID, job.cursor)
		if err != nil {
			return fmt.Errorf("move replay on: %w", err)
		}
		if moved == 0 {
			return nil // another process was faster
		}
	}
	for _, row := range part.ended {
		if _, err := db.exec(ctx, insertItem, job.ID, row.ID, row.Generation); err != nil {
			return fmt.Errorf("write replay's snapshot: %w", err)
		}
	}
	if !part.last {
		return nil
	}
	found, err := single(ctx, db, "snapshot", func(n *int) []any { return []any{n} },
		`SELECT count(*) FROM replay_items WHERE replay = ?`, job.ID)
	if err != nil {
		return err
	}
	state, endedAt := postback.ReplayRunning, time.Time{}
	if found == 0 {
		state, endedAt = postback.ReplayDone, at
	}
	if _, err := db.exec(ctx, endCollect, found+job.Handled(), string(state), micros(endedAt), job.ID); err != nil {
		return fmt.Errorf("end replay's snapshot: %w", err)
	}
	return nil
}

// AdvanceReplay reopens the next deliveries of the job's snapshot.
func (l *Ledger) AdvanceReplay(ctx context.Context, id string, handled, limit int, at time.Time) (postback.ReplayJob, error) {
	return write(ctx, l.writer, limit, func(ctx context.Context, db *session) (postback.ReplayJob, error) {
		job, err := readReplay(ctx, db, id)
		if err != nil {
			return postback.ReplayJob{}, err
		}
		if !job.Collected || job.State != postback.ReplayRunning || job.Handled() != handled {
			return job.ReplayJob, postback.Failure(postback.CodeConflict, "the replay %s moved on meanwhile", id)
		}
		taken, err := reopenItems(ctx, db, &job.ReplayJob, limit, at)
		if err != nil {
			return job.ReplayJob, err
		}
		if handled+taken >= job.Matched || taken < limit {
			job.State, job.EndedAt = postback.ReplayDone, at
		}
		if err := countIn(ctx, db, job.ReplayJob); err != nil {
			return job.ReplayJob, err
		}
		job, err = readReplay(ctx, db, id)
		return job.ReplayJob, err
	})
}

// countIn writes what a job has handled.
func countIn(ctx context.Context, db *session, job postback.ReplayJob) error {
	if _, err := db.exec(ctx, countReplay, job.Replayed, job.Skipped, store.AsJSON(job.Skips), string(job.State), micros(job.EndedAt), job.ID); err != nil {
		return fmt.Errorf("count replayed: %w", err)
	}
	return nil
}

// replayItem is one delivery of a snapshot.
type replayItem struct {
	position   int
	delivery   string
	generation int
}

// reopenItems takes items off a job's snapshot, reopens what can be, counts all of
// them, and says how many they were.
func reopenItems(ctx context.Context, db *session, job *postback.ReplayJob, limit int, at time.Time) (taken int, err error) {
	items, err := collect(ctx, db, func(i *replayItem) []any { return []any{&i.position, &i.delivery, &i.generation} }, nextItems, job.ID, limit)
	if err != nil {
		return 0, fmt.Errorf("read replay's snapshot: %w", err)
	}
	for _, item := range items {
		if err := reopenItem(ctx, db, job, item, at); err != nil {
			return 0, err
		}
	}
	for _, last := range items[max(0, len(items)-1):] {
		if _, err := db.exec(ctx, dropItems, job.ID, last.position); err != nil {
			return 0, fmt.Errorf("take off replay's snapshot: %w", err)
		}
	}
	return len(items), nil
}

// reopenItem reopens one delivery of a snapshot if it can be, and counts it.
func reopenItem(ctx context.Context, db *session, job *postback.ReplayJob, item replayItem, at time.Time) error {
	before, err := single(ctx, db, "delivery", endedDest, readEnded, item.delivery)
	if err != nil && postback.CodeOf(err) != postback.CodeNotFound {
		return err
	}
	found, refused := err == nil, before.refuse(item.delivery)
	if !found || refused != nil || before.generation != item.generation {
		job.Skipped++
		store.Skip(&job.Skips, found, refused)
		return nil
	}
	job.Replayed++
	if _, err := db.exec(ctx, openItem, job.ID, item.position); err != nil {
		return fmt.Errorf("note what was opened: %w", err)
	}
	return reopenIn(ctx, db, item.delivery, at, at)
}

// CancelReplay ends a running job.
func (l *Ledger) CancelReplay(ctx context.Context, id string, at time.Time) (postback.ReplayJob, error) {
	return write(ctx, l.writer, 1, func(ctx context.Context, db *session) (postback.ReplayJob, error) {
		cancelled, err := db.exec(ctx, cancelReplay, micros(at), id)
		if err != nil {
			return postback.ReplayJob{}, fmt.Errorf("cancel replay: %w", err)
		}
		job, err := readReplay(ctx, db, id)
		if err == nil && cancelled == 0 {
			err = postback.Failure(postback.CodeConflict, "the replay has ended already (%s)", job.State)
		}
		return job.ReplayJob, err
	})
}

// Replay returns one job; CodeNotFound.
func (l *Ledger) Replay(ctx context.Context, id string) (postback.ReplayJob, error) {
	row, err := readReplay(ctx, l.reads, id)
	return row.ReplayJob, err
}

// ReplayJobs lists jobs, newest first, and the next cursor.
func (l *Ledger) ReplayJobs(ctx context.Context, filter postback.ReplayFilter, page postback.Page) ([]postback.ReplayJob, string, error) {
	after, err := positionOf(store.Replays, page.Cursor)
	if err != nil {
		return nil, "", err
	}
	var where conditions
	where.addText(`r.filter ->> 'publisher' = ?`, filter.Publisher)
	where.addAfter(`(r.created_at, r.seq)`, after)
	size := store.Size(page)
	rows, err := collect(ctx, l.reads, replayDest,
		`SELECT `+replayColumns+` FROM replays r `+where.sql()+` ORDER BY r.created_at DESC, r.seq DESC LIMIT ?`, append(where.args, size+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("read replays: %w", err)
	}
	next := ""
	if len(rows) > size {
		rows = rows[:size]
		next = cursorAt(store.Replays, rows[size-1].CreatedAt, rows[size-1].seq)
	}
	return unwrap(rows, replayRow.job), next, nil
}

// RunningReplays lists the jobs that are not ended, oldest first.
func (l *Ledger) RunningReplays(ctx context.Context) ([]postback.ReplayJob, error) {
	const query = `SELECT ` + replayColumns + ` FROM replays r WHERE r.state = 'running' ORDER BY r.created_at, r.seq`
	rows, err := collect(ctx, l.reads, replayDest, query)
	if err != nil {
		return nil, fmt.Errorf("read running replays: %w", err)
	}
	return unwrap(rows, replayRow.job), nil
}
