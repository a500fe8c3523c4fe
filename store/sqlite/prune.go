package sqlite

import (
	"context"
	"fmt"
	"os"
	"time"
)

// Bounds of forgetting. A step works for pruneTime, and then for one more piece
// at most: everybody else who writes waits for it, and for its commit.
const (
	pruneTime     = 10 * time.Millisecond
	prunePiece    = 8        // deliveries, attempts or events that go at once
	pruneItems    = 100      // of a replay's snapshot that go at once; they are small
	pruneLongLog  = 64 << 20 // bytes of write-ahead log that forgetting does not add to
	endedBefore   = `SELECT seq, event_id FROM deliveries INDEXED BY deliveries_ended WHERE completed_at < ? ORDER BY completed_at LIMIT ?`
	dropAttempts  = `DELETE FROM attempts WHERE seq IN (SELECT seq FROM attempts WHERE delivery = ? LIMIT ?)`
	dropDelivery  = `DELETE FROM deliveries WHERE seq = ?`
	dropEvent     = `DELETE FROM events WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event_id = ?1)`
	dropUnmatched = `DELETE FROM events WHERE seq IN (
		SELECT e.seq FROM events e INDEXED BY events_unmatched WHERE e.unmatched = 1 AND e.accepted_at < ?
			AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id) ORDER BY e.accepted_at LIMIT ?)`
	dropRejected = `DELETE FROM events WHERE seq IN (
		SELECT e.seq FROM events e INDEXED BY events_rejected WHERE e.rejection <> '' AND e.accepted_at < ?
			AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id) ORDER BY e.accepted_at LIMIT ?)`
	endedReplays = `SELECT id FROM replays INDEXED BY replays_by_time WHERE created_at < ?1 AND ended_at < ?1 ORDER BY created_at LIMIT 1`
	dropSnapshot = `DELETE FROM replay_items WHERE replay = ?1
		AND position < ?2 + (SELECT min(position) FROM replay_items WHERE replay = ?1)`
	dropReplay = `DELETE FROM replays WHERE id = ?`
)

// Prepare does nothing: a file needs no preparation.
func (l *Ledger) Prepare(context.Context, time.Time) error { return nil }

// Prune forgets one step's worth of what ended before the given time and says
// how many rows went. When nothing is left to forget it shortens the file, which
// may take a while, in steps as short as the others. Attempts of a delivery that
// has many may go before it does.
func (l *Ledger) Prune(ctx context.Context, before time.Time) (int, error) {
	if info, err := os.Stat(l.writer.logPath); err == nil && info.Size() > pruneLongLog {
		return 0, fmt.Errorf("purge expired history: the write-ahead log has %d MB and cannot be shortened while somebody reads the ledger; end what reads it",
			info.Size()>>20)
	}
	gone, err := l.forget(ctx, before)
	if err != nil || gone > 0 {
		return gone, err
	}
	return 0, l.shrink(ctx)
}

func (l *Ledger) forget(ctx context.Context, before time.Time) (int, error) {
	return write(ctx, l.writer, maxGroupRows, func(ctx context.Context, db *session) (int, error) {
		return pruning{db: db, before: before.UnixMicro()}.step(ctx)
	})
}

// pruning is one step.
type pruning struct {
	db     *session
	before int64 // microseconds
}

// step takes one piece after the other until its time is over.
func (p pruning) step(ctx context.Context) (gone int, err error) {
	end := time.Now().Add(pruneTime)
	for _, forget := range []func(context.Context) (int, error){p.deliveries, p.unmatched, p.rejected, p.replay} {
		for {
			n, err := forget(ctx)
			gone += n
			if err != nil {
				return gone, fmt.Errorf("purge expired history: %w", err)
			}
			if n == 0 {
				break
			}
			if time.Now().After(end) {
				return gone, nil
			}
		}
	}
	return gone, nil
}

// ended is a delivery that may go.
type ended struct {
	seq     int64
	eventID string
}

// deliveries forgets one piece of what ended.
func (p pruning) deliveries(ctx context.Context) (gone int, err error) {
	old, err := collect(ctx, p.db, func(e *ended) []any { return []any{&e.seq, &e.eventID} }, endedBefore, p.before, prunePiece)
	if err != nil {
		return 0, err
	}
	left := prunePiece // of the attempts that may go in this piece
	for _, one := range old {
		attempts, err := p.db.exec(ctx, dropAttempts, one.seq, left)
		gone, left = gone+int(attempts), left-int(attempts)
		if err != nil || left <= 0 {
			return gone, err // The delivery waits for the next piece: it may have more.
		}
		rows, err := p.delivery(ctx, one)
		gone += rows
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// delivery forgets a delivery that has no attempts left, and its event with the
// last of its deliveries. An event is older than what its deliveries led to, so
// its own time need not be asked for; and if clocks went wrong, no event stays
// behind that nothing leads to.
func (p pruning) delivery(ctx context.Context, one ended) (int, error) {
	if _, err := p.db.exec(ctx, dropDelivery, one.seq); err != nil {
		return 0, err
	}
	events, err := p.db.exec(ctx, dropEvent, one.eventID)
	return 1 + int(events), err
}

func (p pruning) unmatched(ctx context.Context) (int, error) {
	gone, err := p.db.exec(ctx, dropUnmatched, p.before, prunePiece)
	return int(gone), err
}

func (p pruning) rejected(ctx context.Context) (int, error) {
	gone, err := p.db.exec(ctx, dropRejected, p.before, prunePiece)
	return int(gone), err
}

// replay forgets one piece of a replay: of its snapshot first, then itself.
func (p pruning) replay(ctx context.Context) (int, error) {
	old, err := collect(ctx, p.db, func(id *string) []any { return []any{id} }, endedReplays, p.before)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	gone, err := p.db.exec(ctx, dropSnapshot, old[0], pruneItems)
	if err != nil || gone > 0 {
		return int(gone), err
	}
	gone, err = p.db.exec(ctx, dropReplay, old[0])
	return int(gone), err
}
