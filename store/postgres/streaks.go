package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	noteFailures = `INSERT INTO troubles AS t (endpoint_id, since, failed_at, failures, last_error, probes) VALUES ($1, $2, $3, $4, $5, 0)
		ON CONFLICT (endpoint_id) DO UPDATE SET since = least(t.since, excluded.since), failed_at = greatest(t.failed_at, excluded.failed_at),
		failures = t.failures + excluded.failures, last_error = excluded.last_error`
	openCircuit = `WITH opened AS (
			UPDATE troubles SET opened_at = $4, tried_at = $4, probes = 0, probe_at = $5 WHERE endpoint_id = $1 AND opened_at IS NULL RETURNING *),
		news AS (SELECT 'endpoint.failing' AS type, endpoint_id, opened_at AS at, since, failures AS count, last_error, '' AS reason FROM opened),
		` + noteNews + `SELECT FROM opened`
	takeProbe   = `UPDATE troubles SET probes = probes + 1, tried_at = $3, probe_at = $4 WHERE endpoint_id = $1 AND probe_at = $2`
	oldestWaits = `SELECT id FROM waiting WHERE endpoint_id = $1 AND id >= $2 AND state = 'parked' AND reason <> 'ordered' ORDER BY id LIMIT 1`
	recovery    = `WITH ended AS (DELETE FROM troubles WHERE endpoint_id = $1 RETURNING ` + store.StreakColumns + `),
		news AS (SELECT 'endpoint.recovered' AS type, endpoint_id, $4::timestamptz AS at, since, failures AS count, last_error, '' AS reason
			FROM ended WHERE opened_at IS NOT NULL),
		` + noteNews + `SELECT ` + store.StreakColumns + ` FROM ended`
)

// NoteFailures counts failures of an endpoint: those of a failure streak.
func (l *Ledger) NoteFailures(ctx context.Context, more postback.FailureStreak) error {
	_, err := l.change(ctx, "note failures", noteFailures, more.EndpointID, more.Since, more.FailedAt, more.Failures, clean(more.LastError))
	return err
}

// OpenCircuit marks a failing endpoint as left alone, and notes that; false when
// it is already, or does not fail any more.
func (l *Ledger) OpenCircuit(ctx context.Context, endpointID string, at, probeAt time.Time) (bool, error) {
	opened, err := l.change(ctx, "open circuit", openCircuit, endpointID, store.AlertEvery, store.AlertCredit, at, probeAt)
	return opened > 0, err
}

// Probe releases the endpoint's oldest parked delivery as a probe.
func (l *Ledger) Probe(ctx context.Context, streak postback.FailureStreak, at, next time.Time) (sent bool, err error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	tx, err := l.pool.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("probe endpoint: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // It does nothing after the commit.
	taken, err := tx.Exec(ctx, takeProbe, streak.EndpointID, moment(streak.ProbeAt), at, next)
	if err != nil || taken.RowsAffected() == 0 {
		return false, probing(err)
	}
	sent, err = l.probeOldest(ctx, tx, streak.EndpointID, at)
	if err != nil || !sent {
		return false, probing(err) // The time of the probe stays as it was.
	}
	return true, probing(tx.Commit(ctx))
}

// probeOldest releases an endpoint's oldest parked delivery as a probe, and says
// whether there was one.
func (l *Ledger) probeOldest(ctx context.Context, tx transaction, endpointID string, at time.Time) (sent bool, err error) {
	ids, err := collect(ctx, tx, one[string], oldestWaits, endpointID, l.parked.from(endpointID))
	if err != nil || len(ids) == 0 {
		return false, err
	}
	err = relocateIn(ctx, tx, ids, func(s *lockedDelivery) bool {
		if sent = s.releasable(); sent {
			s.release(at)
			s.probe = true
		}
		return sent
	})
	return sent, err
}

func probing(err error) error {
	if err != nil {
		return fmt.Errorf("probe endpoint: %w", err)
	}
	return nil
}

// Recover forgets an endpoint's streak and returns it; false when there was
// none. That its circuit was open and closes is noted.
func (l *Ledger) Recover(ctx context.Context, endpointID string, at time.Time) (postback.FailureStreak, bool, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	was, err := collect(ctx, l.pool, store.StreakDest, recovery, endpointID, store.AlertEvery, store.AlertCredit, at)
	if err != nil {
		return postback.FailureStreak{}, false, fmt.Errorf("forget streak: %w", err)
	}
	if len(was) == 0 {
		return postback.FailureStreak{}, false, nil
	}
	return was[0], true, nil
}

// FailureStreak returns an endpoint's streak; false when there is none.
func (l *Ledger) FailureStreak(ctx context.Context, endpointID string) (postback.FailureStreak, bool, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	found, err := collect(ctx, l.pool, store.StreakDest, `SELECT `+store.StreakColumns+` FROM troubles WHERE endpoint_id = $1`, endpointID)
	if err != nil {
		return postback.FailureStreak{}, false, fmt.Errorf("read streak: %w", err)
	}
	if len(found) == 0 {
		return postback.FailureStreak{}, false, nil
	}
	return found[0], true, nil
}

// FailureStreaks lists the endpoints that fail.
func (l *Ledger) FailureStreaks(ctx context.Context) ([]postback.FailureStreak, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	found, err := collect(ctx, l.pool, store.StreakDest, `SELECT `+store.StreakColumns+` FROM troubles ORDER BY endpoint_id`)
	if err != nil {
		return nil, fmt.Errorf("read streaks: %w", err)
	}
	return found, nil
}

// switched does what a new state of an endpoint brings with it: one that is
// disabled is noted, and one that is deleted, or enabled again, begins anew.
func switched(ctx context.Context, tx pgx.Tx, before postback.EndpointState, now postback.Endpoint) error {
	switch wasDisabled := before == postback.EndpointDisabled; {
	case now.State == postback.EndpointDisabled && !wasDisabled:
		if _, err := tx.Exec(ctx, noteDisabled, now.ID, store.AlertEvery, store.AlertCredit); err != nil {
			return fmt.Errorf("note disabled endpoint: %w", err)
		}
		return nil
	case now.State == postback.EndpointDeleted, now.State == postback.EndpointEnabled && wasDisabled:
		if _, err := tx.Exec(ctx, dropWaitingNews, now.ID, now.UpdatedAt); err != nil {
			return fmt.Errorf("drop alert: %w", err)
		}
		return forgetStreak(ctx, tx, now.ID)
	default:
		return nil
	}
}

// forgetStreak forgets the streak of an endpoint that begins anew, and what
// blocked it.
func forgetStreak(ctx context.Context, tx pgx.Tx, endpointID string) error {
	for _, forget := range []string{`DELETE FROM troubles WHERE endpoint_id = $1`, forgetBlock} {
		if _, err := tx.Exec(ctx, forget, endpointID); err != nil {
			return fmt.Errorf("forget streak: %w", err)
		}
	}
	return nil
}
