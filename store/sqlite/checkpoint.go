package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"os"
)

// checkpoint copies a long write-ahead log into the database and truncates it.
// Nothing can truncate it behind the place from which somebody reads: then it grows,
// which is logged, and this tries again a little later.
func (w *writer) checkpoint(ctx context.Context) {
	info, err := os.Stat(w.logPath)
	if err != nil || info.Size() < w.checkpointAt {
		return
	}
	w.checkpointAt = checkpointLog
	copied, err := w.copyLog(ctx)
	if err != nil {
		w.logger.WarnContext(ctx, "ledger checkpoint failed", slog.Any("error", err))
	}
	if err != nil || !copied {
		w.checkpointAt = info.Size() + checkpointGap
		w.warnHeld(ctx, info.Size())
		return
	}
	if w.heldAt > heldLog {
		w.logger.InfoContext(ctx, "ledger write-ahead log truncated again", slog.Int64("bytes", info.Size()))
	}
	w.heldAt = 0
}

// copyLog copies and truncates the log; false while a reader holds it. It waits
// for readers that come and go, but not long each time for one that was logged
// because it goes on and on: that would hold up everybody who writes.
func (w *writer) copyLog(ctx context.Context) (bool, error) {
	wait := checkpointWait
	if w.heldAt > heldLog {
		wait = heldWait
	}
	var busy, logPages, copied int
	err := w.db.withBusyTimeout(ctx, wait, func() error {
		row := w.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
		return row.Scan(&busy, &logPages, &copied)
	})
	if err != nil {
		return false, fmt.Errorf("copy write-ahead log: %w", err)
	}
	return busy == 0, nil
}

// warnHeld warns of a log that grows because somebody reads, each time that it is
// twice as long.
func (w *writer) warnHeld(ctx context.Context, size int64) {
	w.heldAt = max(w.heldAt, heldLog)
	if size < w.heldAt {
		return
	}
	w.logger.WarnContext(ctx, "ledger write-ahead log grows: something reads the ledger without an end, such as an open sqlite3 shell or a backup; end it",
		slog.String("path", w.logPath), slog.Int64("bytes", size))
	w.heldAt = 2 * size
}
