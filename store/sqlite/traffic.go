package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	saveCounts = `INSERT OR REPLACE INTO traffic (process, ` + store.CountColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	listCounts = `SELECT ` + store.CountColumns + ` FROM traffic
		WHERE slot IN (SELECT value FROM json_each(?)) AND endpoint_id = ? ORDER BY slot, process`
	pruneCounts = `DELETE FROM traffic WHERE (slot, endpoint_id, process) IN (
		SELECT slot, endpoint_id, process FROM traffic WHERE slot < ? ORDER BY slot LIMIT ?)`
)

// SaveCounts writes what a process counted, in place of what it wrote before
// for the same slots and endpoints.
func (l *Ledger) SaveCounts(ctx context.Context, process string, counted []postback.AttemptCounts) error {
	_, err := write(ctx, l.writer, len(counted), func(ctx context.Context, db *session) (int, error) {
		for i := range counted {
			if err := saveOne(ctx, db, process, counted[i]); err != nil {
				return 0, fmt.Errorf("save traffic: %w", err)
			}
		}
		return len(counted), nil
	})
	return err
}

func saveOne(ctx context.Context, db *session, process string, t postback.AttemptCounts) error {
	_, err := db.exec(ctx, saveCounts, process, t.EndpointID, micros(t.Slot), t.Attempts, t.Succeeded, store.AsJSON(t.Errors), store.AsJSON(t.Latencies),
		micros(t.LastAttemptAt), micros(t.LastSuccessAt))
	return err
}

// Counts lists what all processes counted for an endpoint in the given slots.
func (l *Ledger) Counts(ctx context.Context, endpointID string, slots []time.Time) ([]postback.AttemptCounts, error) {
	began := make([]int64, len(slots))
	for i, slot := range slots {
		began[i] = slot.UnixMicro()
	}
	found, err := collect(ctx, l.reads, store.CountDest, listCounts, store.AsJSON(began), endpointID)
	if err != nil {
		return nil, fmt.Errorf("read traffic: %w", err)
	}
	return found, nil
}

// PruneCounts forgets what was counted in slots that began before a time.
func (l *Ledger) PruneCounts(ctx context.Context, before time.Time, limit int) (int, error) {
	return l.change(ctx, "forget traffic", limit, pruneCounts, micros(before), limit)
}
