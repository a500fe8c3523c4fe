package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// Bounds of shortening the file.
const (
	shrinkTime  = 10 * time.Millisecond
	shrinkRests = 4  // as many times as long as it worked
	spareShare  = 16 // one page of so many may be free: what comes next takes it without growing the file
)

// incremental is the mode of a file whose free pages can be given back.
const incremental = 2

const freePages = `SELECT f.freelist_count, p.page_count FROM pragma_freelist_count f, pragma_page_count p`

// shrink gives the pages that are free, but for a share, back to the file
// system. It works in short steps with rests between them: others go first.
func (l *Ledger) shrink(ctx context.Context) error {
	given := 0
	for {
		start := time.Now()
		step, err := write(ctx, l.writer, maxGroupRows, giveBack)
		if err != nil {
			return err
		}
		given += step.given
		if !step.more {
			break
		}
		if err := rest(ctx, shrinkRests*time.Since(start)); err != nil {
			return err
		}
	}
	if given == 0 {
		return nil
	}
	// The file itself gets shorter when the log is copied into it.
	_, err := write(ctx, l.writer, 1, func(context.Context, *session) (int, error) {
		l.writer.checkpointAt = 0
		return 0, nil
	})
	return err
}

func rest(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("shorten ledger: %w", context.Cause(ctx))
	}
}

// shrinking is what one step did.
type shrinking struct {
	given int // pages
	more  bool
}

func giveBack(ctx context.Context, db *session) (done shrinking, err error) {
	end := time.Now().Add(shrinkTime)
	for last := -1; ; {
		free, pages, err := countPages(ctx, db)
		if err != nil {
			return done, err
		}
		if last >= 0 {
			done.given += last - free
		}
		if free <= pages/spareShare || free == last {
			return done, nil
		}
		if last = free; time.Now().After(end) {
			done.more = true
			return done, nil
		}
		if _, err := db.exec(ctx, "PRAGMA incremental_vacuum(16)"); err != nil {
			return done, fmt.Errorf("shorten ledger: %w", err)
		}
	}
}

func countPages(ctx context.Context, db *session) (free, pages int, err error) {
	type counts struct{ free, pages int }
	found, err := single(ctx, db, "page count", func(c *counts) []any { return []any{&c.free, &c.pages} }, freePages)
	return found.free, found.pages, err
}

// makeShrinkable rewrites a file that was made before files could shrink, once.
// It may fail for want of space: then the ledger works as before, and space that
// becomes free is used again but never given back.
func makeShrinkable(ctx context.Context, db *sql.DB, path string, logger *slog.Logger) error {
	var mode int
	if err := db.QueryRowContext(ctx, "PRAGMA auto_vacuum").Scan(&mode); err != nil {
		return fmt.Errorf("open ledger: %w", err)
	}
	if mode == incremental {
		return nil
	}
	size := int64(0)
	if info, err := os.Stat(path); err == nil {
		size = info.Size()
	}
	logger.InfoContext(ctx, "ledger rewrite started, so that its file can shrink; takes about a minute for each 2 GB",
		slog.String("path", path), slog.Int64("bytes", size))
	start := time.Now()
	for _, statement := range []string{"PRAGMA auto_vacuum = INCREMENTAL", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			logger.WarnContext(ctx, "ledger not rewritten, its file cannot shrink: free twice the file's size; the next start tries again",
				slog.String("path", path), slog.Any("error", err))
			return nil
		}
	}
	logger.InfoContext(ctx, "ledger rewritten", slog.Duration("took", time.Since(start)))
	return nil
}
