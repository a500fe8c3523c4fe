package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	noteFailures = `INSERT INTO troubles (endpoint_id, since, failed_at, failures, last_error, probes) VALUES (?, ?, ?, ?, ?, 0)
		ON CONFLICT (endpoint_id) DO UPDATE SET since = min(since, excluded.since), failed_at = max(coalesce(failed_at, 0), excluded.failed_at),
		failures = failures + excluded.failures, last_error = excluded.last_error`
	openCircuit = `UPDATE troubles SET opened_at = ?1, tried_at = ?1, probes = 0, probe_at = ?2 WHERE endpoint_id = ?3 AND opened_at IS NULL`
	// What openCircuit did, and what Recover is about to do.
	failingNews   = `SELECT 'endpoint.failing', endpoint_id, opened_at, since, failures, last_error, '' FROM troubles WHERE endpoint_id = ?`
	recoveredNews = `SELECT 'endpoint.recovered', endpoint_id, ?1, since, failures, last_error, ''
		FROM troubles WHERE endpoint_id = ?2 AND opened_at IS NOT NULL`
	sendProbe   = `UPDATE troubles SET probes = probes + 1, tried_at = ?, probe_at = ? WHERE endpoint_id = ? AND probe_at = ?`
	probeOldest = `UPDATE deliveries SET ` + released + ` WHERE seq IN (
		SELECT seq FROM deliveries INDEXED BY deliveries_parked
		WHERE endpoint_id = ?2 AND state = 'parked' AND reason <> 'ordered'
		ORDER BY created_at, seq LIMIT 1)
		RETURNING id`
	markProbe    = `UPDATE deliveries SET probe = 1 WHERE id = ?`
	forgetStreak = `DELETE FROM troubles WHERE endpoint_id = ?` // of an endpoint that begins anew
)

// NoteFailures counts failures of an endpoint: those of a failure streak.
func (l *Ledger) NoteFailures(ctx context.Context, more postback.FailureStreak) error {
	_, err := l.change(ctx, "note failures", 1, noteFailures,
		more.EndpointID, micros(more.Since), micros(more.FailedAt), more.Failures, more.LastError)
	return err
}

// OpenCircuit marks a failing endpoint as left alone, and notes that; false when
// it is already, or does not fail any more.
func (l *Ledger) OpenCircuit(ctx context.Context, endpointID string, at, probeAt time.Time) (bool, error) {
	return write(ctx, l.writer, 2, func(ctx context.Context, db *session) (bool, error) {
		opened, err := db.exec(ctx, openCircuit, micros(at), micros(probeAt), endpointID)
		if err != nil {
			return false, fmt.Errorf("open circuit: %w", err)
		}
		if opened == 0 {
			return false, nil
		}
		return true, note(ctx, db, failingNews, endpointID)
	})
}

// Probe releases the endpoint's oldest parked delivery as a probe.
func (l *Ledger) Probe(ctx context.Context, streak postback.FailureStreak, at, next time.Time) (bool, error) {
	return write(ctx, l.writer, 1, func(ctx context.Context, db *session) (bool, error) {
		now, err := collect(ctx, db, store.StreakDest, `SELECT `+store.StreakColumns+` FROM troubles WHERE endpoint_id = ?`, streak.EndpointID)
		if err != nil {
			return false, fmt.Errorf("read streak: %w", err)
		}
		if len(now) == 0 || !now[0].ProbeAt.Equal(streak.ProbeAt) {
			return false, nil // another process was faster
		}
		ids, err := collect(ctx, db, func(id *string) []any { return []any{id} }, probeOldest, micros(at), streak.EndpointID)
		if err != nil {
			return false, fmt.Errorf("release probe: %w", err)
		}
		for _, id := range ids {
			if _, err := db.exec(ctx, markProbe, id); err != nil {
				return false, fmt.Errorf("mark probe: %w", err)
			}
			if _, err := db.exec(ctx, sendProbe, micros(at), micros(next), streak.EndpointID, micros(streak.ProbeAt)); err != nil {
				return false, fmt.Errorf("set next probe: %w", err)
			}
		}
		return len(ids) > 0, nil
	})
}

// Recover forgets an endpoint's streak and returns it; false when there was
// none. That its circuit was open and closes is noted.
func (l *Ledger) Recover(ctx context.Context, endpointID string, at time.Time) (postback.FailureStreak, bool, error) {
	type answer struct {
		postback.FailureStreak
		found bool
	}
	got, err := write(ctx, l.writer, 2, func(ctx context.Context, db *session) (answer, error) {
		if err := note(ctx, db, recoveredNews, micros(at), endpointID); err != nil {
			return answer{}, err
		}
		was, err := collect(ctx, db, store.StreakDest, `DELETE FROM troubles WHERE endpoint_id = ? RETURNING `+store.StreakColumns, endpointID)
		if err != nil || len(was) == 0 {
			return answer{}, err
		}
		return answer{was[0], true}, nil
	})
	if err != nil {
		return postback.FailureStreak{}, false, fmt.Errorf("forget streak: %w", err)
	}
	return got.FailureStreak, got.found, nil
}

// FailureStreak returns an endpoint's streak; false when there is none.
func (l *Ledger) FailureStreak(ctx context.Context, endpointID string) (postback.FailureStreak, bool, error) {
	found, err := collect(ctx, l.reads, store.StreakDest, `SELECT `+store.StreakColumns+` FROM troubles WHERE endpoint_id = ?`, endpointID)
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
	found, err := collect(ctx, l.reads, store.StreakDest, `SELECT `+store.StreakColumns+` FROM troubles ORDER BY endpoint_id`)
	if err != nil {
		return nil, fmt.Errorf("read streaks: %w", err)
	}
	return found, nil
}

// switched does what a new state of an endpoint brings with it: one that is
// disabled is noted, and one that is deleted, or enabled again, begins anew.
func switched(ctx context.Context, db *session, before postback.EndpointState, now postback.Endpoint) error {
	switch wasDisabled := before == postback.EndpointDisabled; {
	case now.State == postback.EndpointDisabled && !wasDisabled:
		return note(ctx, db, disabledNews, now.ID)
	case now.State == postback.EndpointDeleted, now.State == postback.EndpointEnabled && wasDisabled:
		if _, err := db.exec(ctx, dropWaitingNews, now.ID, micros(now.UpdatedAt)); err != nil {
			return fmt.Errorf("drop alert: %w", err)
		}
		for _, forget := range []string{forgetStreak, forgetBlock} {
			if _, err := db.exec(ctx, forget, now.ID); err != nil {
				return fmt.Errorf("forget streak: %w", err)
			}
		}
	}
	return nil
}
