package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Bounds of forgetting. Nobody waits for a step longer than for the lock and
// for the survivors' move.
const (
	pruneBatch   = 500 // rows that go in one transaction
	maxSurvivors = 500 // rows of a day that are moved so that it can be dropped
	lockWait     = "30ms"
	vacuumWait   = "3s" // more than the server's deadlock_timeout, when a vacuum is cancelled
	lockTries    = 20
	lockPause    = 250 * time.Millisecond
	lockTimeout  = "55P03"
)

// errHeld says that others worked with a table all the time.
var errHeld = errors.New("a long query or transaction holds the ledger's tables; it is tried again")

// Prune forgets one step's worth of what ended before the given time and says
// how many rows went. Days that ended before it are dropped whole; what of them
// must stay moves to the default partitions before. Where that is too much, and
// in the default partitions, rows go in batches.
//
// One caller does so at a time; to the others there is nothing to do.
func (l *Ledger) Prune(ctx context.Context, before time.Time) (gone int, err error) {
	conn, err := l.pool.Acquire(ctx)
	if err != nil {
		return 0, fmt.Errorf("take connection: %w", err)
	}
	defer conn.Release()
	mine, err := single(ctx, conn, "turn", one[bool], `SELECT pg_try_advisory_lock(`+pruneLock+`)`)
	if err != nil || !mine {
		return 0, err
	}
	defer func() {
		if _, unlocked := conn.Exec(ctx, `SELECT pg_advisory_unlock(`+pruneLock+`)`); unlocked != nil {
			_ = conn.Conn().Close(context.WithoutCancel(ctx)) // The lock ends with the session.
		}
	}()
	return l.prune(ctx, before)
}

// pruneLock names this ledger among those of other schemas and databases.
const pruneLock = `hashtext('waybill prune'), 'deliveries'::regclass::oid::integer`

func (l *Ledger) prune(ctx context.Context, before time.Time) (int, error) {
	steps := []func(context.Context, time.Time) (int, error){
		l.dropDetached, l.pruneDays, l.pruneEventDays, l.pruneDefault, l.pruneLoneEvents, l.pruneReplays,
	}
	for _, step := range steps {
		gone, err := step(ctx, before)
		if err != nil {
			return gone, fmt.Errorf("purge expired history: %w", explain(l.pool.Config().ConnConfig, err))
		}
		if gone > 0 {
			return gone, nil
		}
	}
	return 0, nil
}

// old are the days of a table that ended before a time.
func (l *Ledger) old(ctx context.Context, table string, before time.Time) ([]time.Time, error) {
	days, err := daysOf(ctx, l.pool, table)
	if err != nil {
		return nil, err
	}
	for i, day := range days {
		if day.Add(wholeDay).After(before) {
			return days[:i], nil
		}
	}
	return days, nil
}

// pruneDays forgets the deliveries of the first old day that has any to forget.
func (l *Ledger) pruneDays(ctx context.Context, before time.Time) (int, error) {
	days, err := l.old(ctx, "deliveries", before)
	if err != nil {
		return 0, err
	}
	for _, day := range days {
		gone, err := l.pruneDay(ctx, day, before)
		if err != nil || gone > 0 {
			return gone, err
		}
	}
	return 0, nil
}

// survivors are the deliveries that must stay, up to a number.
const survivors = ` WHERE completed_at IS NULL OR completed_at >= $1 LIMIT $2`

func (l *Ledger) pruneDay(ctx context.Context, day, before time.Time) (int, error) {
	deliveries, attempts := partition{families()[0], day}, partition{families()[1], day}
	ofDay := ` WHERE id >= ` + deliveries.from() + ` AND id < ` + deliveries.to()
	ctx, cancel := context.WithTimeout(ctx, scanWait)
	defer cancel()
	// What is noted from here on was reopened after the look.
	if _, err := l.change(ctx, "forget what was reopened", `DELETE FROM reopened WHERE id IN
		(SELECT id FROM reopened`+ofDay+` FOR UPDATE SKIP LOCKED)`); err != nil {
		return 0, err
	}
	var total int
	var stay []string
	err := l.slowly(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if stay, err = collect(ctx, tx, one[string], `SELECT id FROM `+deliveries.table()+survivors, before, maxSurvivors+1); err != nil {
			return fmt.Errorf("look for what must stay: %w", err)
		}
		total, err = single(ctx, tx, "count", one[int], `SELECT count(*) FROM `+deliveries.table())
		return err
	})
	if err != nil {
		return 0, err
	}
	if len(stay) > maxSurvivors {
		return l.pruneRows(ctx, deliveries.table(), before)
	}
	err = l.exclusively(ctx, []partition{deliveries, attempts}, func(ctx context.Context, tx pgx.Tx) error {
		again, err := collect(ctx, tx, one[string], `DELETE FROM reopened`+ofDay+` RETURNING id`)
		if err != nil {
			return fmt.Errorf("look for what was reopened: %w", err)
		}
		stay := append(slices.Clip(stay), again...)
		if err := deliveries.detach(ctx, tx, `id = ANY($1)`, stay); err != nil {
			return err
		}
		return attempts.detach(ctx, tx, `delivery_id = ANY($1)`, stay)
	})
	if err != nil {
		return 0, err
	}
	return max(0, total-len(stay)), l.dropDeliveries(ctx, day, before)
}

// detach detaches a partition and moves the rows that must stay to the default
// one.
func (p partition) detach(ctx context.Context, tx pgx.Tx, which string, stay any) error {
	if _, err := tx.Exec(ctx, `ALTER TABLE `+p.name+` DETACH PARTITION `+p.table()); err != nil {
		return fmt.Errorf("detach partition: %w", err)
	}
	return p.bringBack(ctx, tx, which, stay)
}

// exclusively runs do while nobody else works with the partitions and their
// parents. Whoever comes while it waits for a parent waits too, so it waits
// briefly, and again. It waits longer for the old partitions themselves, which
// hardly anybody needs: long enough for a vacuum to give way.
func (l *Ledger) exclusively(ctx context.Context, partitions []partition, do func(context.Context, pgx.Tx) error) error {
	statements := []string{`SET LOCAL lock_timeout = '` + vacuumWait + `'`}
	for _, p := range partitions {
		statements = append(statements, `LOCK TABLE `+p.table()+` IN ACCESS EXCLUSIVE MODE`)
	}
	statements = append(statements, `SET LOCAL lock_timeout = '`+lockWait+`'`)
	for _, p := range partitions {
		statements = append(statements, `LOCK TABLE ONLY `+p.name+` IN ACCESS EXCLUSIVE MODE`)
	}
	timer := time.NewTicker(lockPause)
	defer timer.Stop()
	for try := 1; ; try++ {
		err := l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			for _, statement := range statements {
				if _, err := tx.Exec(ctx, statement); err != nil {
					return fmt.Errorf("lock old partitions: %w", err)
				}
			}
			return do(ctx, tx)
		})
		if !hasCode(err, lockTimeout) {
			return err
		}
		if try == lockTries {
			return errors.Join(errHeld, err)
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for lock: %w", context.Cause(ctx))
		}
	}
}

// scanWait bounds a look through a whole day.
const scanWait = 30 * time.Minute

// slowly runs reads that may take longer than others.
func (l *Ledger) slowly(ctx context.Context, do func(context.Context, pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL statement_timeout = %d`, scanWait.Milliseconds())); err != nil {
			return fmt.Errorf("allow time: %w", err)
		}
		return do(ctx, tx)
	})
	return err //nolint:wrapcheck // callers say what they were doing
}

// pruneReplays forgets a part of a replay's snapshot, or a replay that has none
// left.
func (l *Ledger) pruneReplays(ctx context.Context, before time.Time) (int, error) {
	const items = `DELETE FROM replay_items WHERE (replay, delivery) IN (SELECT i.replay, i.delivery
		FROM (SELECT id FROM replays WHERE ended_at < $1 ORDER BY ended_at LIMIT 1) r JOIN replay_items i ON i.replay = r.id LIMIT $2)`
	const jobs = `DELETE FROM replays r WHERE ended_at < $1 AND NOT EXISTS (SELECT FROM replay_items i WHERE i.replay = r.id)`
	gone, err := l.change(ctx, "forget snapshots", items, before, pruneBatch)
	if err != nil || gone > 0 {
		return gone, err
	}
	return l.change(ctx, "forget replays", jobs, before)
}
