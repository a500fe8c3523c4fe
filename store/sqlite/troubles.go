package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

const (
	noteFailures = `INSERT INTO troubles (endpoint_id, since, failures, last_error, probes) VALUES (?, ?, ?, ?, 0)
		ON CONFLICT (endpoint_id) DO UPDATE SET since = min(since, excluded.since), failures = failures + excluded.failures,
		last_error = excluded.last_error`
	openCircuit = `UPDATE troubles SET opened_at = ?1, tried_at = ?1, probes = 0, probe_at = ?2 WHERE endpoint_id = ?3 AND opened_at IS NULL`
	sendProbe   = `UPDATE troubles SET probes = probes + 1, tried_at = ?, probe_at = ? WHERE endpoint_id = ? AND probe_at = ?`
	probeOldest = `UPDATE deliveries SET ` + released + ` WHERE seq IN (
		SELECT seq FROM deliveries INDEXED BY deliveries_parked
		WHERE endpoint_id = ?2 AND state = 'parked' AND reason <> 'ordered'
		ORDER BY created_at, seq LIMIT 1)
		RETURNING id`
	markProbe = `UPDATE deliveries SET probe = 1 WHERE id = ?`
	forget    = `DELETE FROM troubles WHERE endpoint_id = ?` // of an endpoint that is deleted
)

const troubleColumns = `endpoint_id, since, failures, last_error, opened_at, tried_at, probes, probe_at`

func troubleDest(t *postback.Trouble) []any {
	return []any{&t.EndpointID, instant{&t.Since}, &t.Failures, &t.LastError, instant{&t.OpenedAt}, instant{&t.TriedAt}, &t.Probes, instant{&t.ProbeAt}}
}

// NoteFailures counts failures of an endpoint since a time.
func (l *Ledger) NoteFailures(ctx context.Context, endpointID string, since time.Time, failures int, lastError string) error {
	_, err := l.change(ctx, "note failures", 1, noteFailures, endpointID, micros(since), failures, lastError)
	return err
}

// OpenCircuit marks a failing endpoint as left alone; false when it is already,
// or does not fail any more.
func (l *Ledger) OpenCircuit(ctx context.Context, endpointID string, at, probeAt time.Time) (bool, error) {
	opened, err := l.change(ctx, "open circuit", 1, openCircuit, micros(at), micros(probeAt), endpointID)
	return opened > 0, err
}

// Probe releases the endpoint's oldest parked delivery as a probe.
func (l *Ledger) Probe(ctx context.Context, trouble postback.Trouble, at, next time.Time) (bool, error) {
	return write(ctx, l.writer, 1, func(ctx context.Context, db *session) (bool, error) {
		now, err := collect(ctx, db, troubleDest, `SELECT `+troubleColumns+` FROM troubles WHERE endpoint_id = ?`, trouble.EndpointID)
		if err != nil {
			return false, fmt.Errorf("read trouble: %w", err)
		}
		if len(now) == 0 || !now[0].ProbeAt.Equal(trouble.ProbeAt) {
			return false, nil // another process was faster
		}
		ids, err := collect(ctx, db, func(id *string) []any { return []any{id} }, probeOldest, micros(at), trouble.EndpointID)
		if err != nil {
			return false, fmt.Errorf("release probe: %w", err)
		}
		for _, id := range ids {
			if _, err := db.exec(ctx, markProbe, id); err != nil {
				return false, fmt.Errorf("mark probe: %w", err)
			}
			if _, err := db.exec(ctx, sendProbe, micros(at), micros(next), trouble.EndpointID, micros(trouble.ProbeAt)); err != nil {
				return false, fmt.Errorf("set next probe: %w", err)
			}
		}
		return len(ids) > 0, nil
	})
}

// Recover forgets an endpoint's trouble and returns it; false when there was
// none.
func (l *Ledger) Recover(ctx context.Context, endpointID string) (postback.Trouble, bool, error) {
	type answer struct {
		postback.Trouble
		found bool
	}
	got, err := write(ctx, l.writer, 1, func(ctx context.Context, db *session) (answer, error) {
		was, err := collect(ctx, db, troubleDest, `DELETE FROM troubles WHERE endpoint_id = ? RETURNING `+troubleColumns, endpointID)
		if err != nil || len(was) == 0 {
			return answer{}, err
		}
		return answer{was[0], true}, nil
	})
	if err != nil {
		return postback.Trouble{}, false, fmt.Errorf("forget trouble: %w", err)
	}
	return got.Trouble, got.found, nil
}

// Trouble returns an endpoint's trouble; false when there is none.
func (l *Ledger) Trouble(ctx context.Context, endpointID string) (postback.Trouble, bool, error) {
	found, err := collect(ctx, l.readPool, troubleDest, `SELECT `+troubleColumns+` FROM troubles WHERE endpoint_id = ?`, endpointID)
	if err != nil {
		return postback.Trouble{}, false, fmt.Errorf("read trouble: %w", err)
	}
	if len(found) == 0 {
		return postback.Trouble{}, false, nil
	}
	return found[0], true, nil
}

// Troubles lists the endpoints that fail.
func (l *Ledger) Troubles(ctx context.Context) ([]postback.Trouble, error) {
	found, err := collect(ctx, l.readPool, troubleDest, `SELECT `+troubleColumns+` FROM troubles ORDER BY endpoint_id`)
	if err != nil {
		return nil, fmt.Errorf("read troubles: %w", err)
	}
	return found, nil
}
