package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	saveTally = `INSERT OR REPLACE INTO traffic (process, ` + store.TallyColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	tallies   = `SELECT ` + store.TallyColumns + ` FROM traffic
		WHERE slot IN (SELECT value FROM json_each(?)) AND endpoint_id = ? ORDER BY slot, process`
	pruneTallies = `DELETE FROM traffic WHERE (slot, endpoint_id, process) IN (
		SELECT slot, endpoint_id, process FROM traffic WHERE slot < ? ORDER BY slot LIMIT ?)`
)

// SaveTallies writes what a process counted, in place of what it wrote before
// for the same slots and endpoints.
func (l *Ledger) SaveTallies(ctx context.Context, process string, tallies []postback.Tally) error {
	_, err := write(ctx, l.writer, len(tallies), func(ctx context.Context, db *session) (int, error) {
		for i := range tallies {
			if err := saveOne(ctx, db, process, tallies[i]); err != nil {
				return 0, fmt.Errorf("save traffic: %w", err)
			}
		}
		return len(tallies), nil
	})
	return err
}

func saveOne(ctx context.Context, db *session, process string, t postback.Tally) error {
	errors, err := encode(t.Errors)
	if err != nil {
		return err
	}
	latencies, err := encode(t.Latencies)
	if err != nil {
		return err
	}
	_, err = db.exec(ctx, saveTally, process, t.EndpointID, micros(t.Slot), t.Attempts, t.Succeeded, errors, latencies,
		micros(t.LastAttemptAt), micros(t.LastSuccessAt))
	return err
}

// Tallies lists what all processes counted for an endpoint in the given slots.
func (l *Ledger) Tallies(ctx context.Context, endpointID string, slots []time.Time) ([]postback.Tally, error) {
	began := make([]int64, len(slots))
	for i, slot := range slots {
		began[i] = slot.UnixMicro()
	}
	list, err := encode(began)
	if err != nil {
		return nil, err
	}
	found, err := collect(ctx, l.readPool, store.TallyDest, tallies, list, endpointID)
	if err != nil {
		return nil, fmt.Errorf("read traffic: %w", err)
	}
	return found, nil
}

// PruneTallies forgets what was counted in slots that began before a time.
func (l *Ledger) PruneTallies(ctx context.Context, before time.Time, limit int) (int, error) {
	return l.change(ctx, "forget traffic", limit, pruneTallies, micros(before), limit)
}
