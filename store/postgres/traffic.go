package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	saveCounts = `INSERT INTO traffic (process, ` + store.CountColumns + `)
		SELECT $1, * FROM unnest($2::text[], $3::timestamptz[], $4::int[], $5::int[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[])
		ON CONFLICT (slot, endpoint_id, process) DO UPDATE SET attempts = excluded.attempts, succeeded = excluded.succeeded,
		errors = excluded.errors, latencies = excluded.latencies,
		last_attempt_at = excluded.last_attempt_at, last_success_at = excluded.last_success_at`
	countsOf = `SELECT ` + store.CountColumns + ` FROM traffic WHERE endpoint_id = $1 AND slot = ANY($2) ORDER BY slot, process`
	// Others may forget the same at the same time.
	pruneCounts = `DELETE FROM traffic WHERE (slot, endpoint_id, process) IN (
		SELECT slot, endpoint_id, process FROM traffic WHERE slot < $1 ORDER BY slot LIMIT $2 FOR UPDATE SKIP LOCKED)`
)

// SaveCounts writes what a process counted, in place of what it wrote before
// for the same slots and endpoints.
func (l *Ledger) SaveCounts(ctx context.Context, process string, counted []postback.AttemptCounts) error {
	errors, err := store.TextsOf(column(counted, func(t postback.AttemptCounts) map[string]int { return t.Errors }))
	if err != nil {
		return fmt.Errorf("save traffic: %w", err)
	}
	latencies, err := store.TextsOf(column(counted, func(t postback.AttemptCounts) map[int]int { return t.Latencies }))
	if err != nil {
		return fmt.Errorf("save traffic: %w", err)
	}
	_, err = l.change(ctx, "save traffic", saveCounts, process,
		texts(counted, func(t postback.AttemptCounts) string { return t.EndpointID }),
		times(counted, func(t postback.AttemptCounts) time.Time { return t.Slot }),
		column(counted, func(t postback.AttemptCounts) int { return t.Attempts }),
		column(counted, func(t postback.AttemptCounts) int { return t.Succeeded }),
		errors, latencies,
		times(counted, func(t postback.AttemptCounts) time.Time { return t.LastAttemptAt }),
		times(counted, func(t postback.AttemptCounts) time.Time { return t.LastSuccessAt }))
	return err
}

// Counts lists what all processes counted for an endpoint in the given slots.
func (l *Ledger) Counts(ctx context.Context, endpointID string, slots []time.Time) ([]postback.AttemptCounts, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	found, err := collect(ctx, l.pool, store.CountDest, countsOf, endpointID, slots)
	if err != nil {
		return nil, fmt.Errorf("read traffic: %w", err)
	}
	return found, nil
}

// PruneCounts forgets what was counted in slots that began before a time.
func (l *Ledger) PruneCounts(ctx context.Context, before time.Time, limit int) (int, error) {
	return l.change(ctx, "forget traffic", pruneCounts, before, limit)
}
