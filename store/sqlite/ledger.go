// Package sqlite is the embedded ledger: one SQLite file, nothing to install.
//
// It guarantees that a write that was answered without an error is on disk and
// survives kill -9 and a power cut, that one server at a time uses a file, and
// that a file which it does not understand is refused and left as it is.
// Concurrent writers share transactions, and with them the wait for the disk.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/waybillhq/waybill/store"
)

// readers bounds the connections that read; each costs up to 2 MB of cache.
const readers = 4

// Options say which ledger to open.
type Options struct {
	Path   string       // of the file; it and its directory are made when they are missing
	Logger *slog.Logger // required
}

// Ledger is an open ledger. It is safe for concurrent use.
type Ledger struct {
	lock       *os.File
	writePool  *sql.DB // one connection, the writer's
	reads      *reads
	searchPool *sql.DB // for history
	searchWait time.Duration
	writer     *writer
	schema     store.Schema
	turns      store.Turns
	close      func() error
}

// Open opens the ledger and applies the migrations it lacks. It refuses, with a
// postback.Error that says what to do, a file that another server uses
// (CodeInUse), that a newer program wrote (store.CodeSchema) and that is damaged or
// no ledger at all (CodeCorrupt).
func Open(ctx context.Context, options Options) (*Ledger, error) {
	if options.Path == "" || options.Logger == nil {
		return nil, errors.New("open ledger: Path and Logger are required")
	}
	path, err := filepath.Abs(options.Path)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make ledger directory: %w", err)
	}
	held, err := lock(path)
	if err != nil {
		return nil, err
	}
	ledger := &Ledger{lock: held, searchWait: searchWait}
	ledger.close = sync.OnceValue(ledger.closeAll)
	if err := ledger.open(ctx, path, options.Logger); err != nil {
		return nil, errors.Join(err, ledger.closeAll())
	}
	return ledger, nil
}

// Schema says what opening did to the ledger's tables.
func (l *Ledger) Schema() store.Schema { return l.schema }

func (l *Ledger) open(ctx context.Context, path string, logger *slog.Logger) error {
	fresh, err := createPrivate(path)
	if err != nil {
		return err
	}
	if err := checkFile(ctx, path); err != nil {
		return err
	}
	if l.writePool, err = openPool(path, 1, writing(fresh)); err != nil {
		return err
	}
	if l.schema, err = migrate(ctx, l.writePool, path); err != nil {
		return err
	}
	if err := makeShrinkable(ctx, l.writePool, path, logger); err != nil {
		return err
	}
	if l.reads, err = openReads(path, readers); err != nil {
		return err
	}
	if l.searchPool, err = openPool(path, searchers, reading()); err != nil {
		return err
	}
	db, err := newSession(ctx, l.writePool)
	if err != nil {
		return err
	}
	l.writer = startWriter(ctx, db, path+"-wal", logger)
	return nil
}

// createPrivate makes the file before SQLite does, which gives its -wal and
// -shm files the same mode. It reports whether the file is empty.
func createPrivate(path string) (fresh bool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, fmt.Errorf("open ledger: %w", err)
	}
	info, err := file.Stat()
	if err := errors.Join(err, file.Close()); err != nil {
		return false, fmt.Errorf("open ledger: %w", err)
	}
	return info.Size() == 0, nil
}

// writing are the settings of the connection that writes. A commit waits for
// the disk (synchronous FULL); the writer checkpoints by itself. A new file must
// learn that it will shrink before anything is written to it.
func writing(fresh bool) url.Values {
	settings := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyWait.Milliseconds()),
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
		"wal_autocheckpoint(0)", "cache_size(-8192)",
	}}
	if fresh {
		settings.Set("_auto_vacuum", "INCREMENTAL") // before the others
	}
	return settings
}

// reading are the settings of the connections that read.
func reading() url.Values {
	return url.Values{"mode": {"ro"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyWait.Milliseconds()),
		"query_only(ON)", "cache_size(-2048)",
	}}
}

func openPool(path string, connections int, settings url.Values) (*sql.DB, error) {
	name := url.URL{Scheme: "file", Path: path, RawQuery: settings.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// Identity is made once for a ledger: the queue that was filled from it bears
// it as its epoch.
func (l *Ledger) Identity(ctx context.Context) (string, error) {
	return single(ctx, l.reads, "identity", func(s *string) []any { return []any{s} }, `SELECT value FROM meta WHERE name = 'identity'`)
}

// Identity reads the identity of a ledger that a server uses.
func Identity(ctx context.Context, path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("read identity: %w", err)
	}
	reader := &Ledger{}
	if reader.reads, err = openReads(path, 1); err != nil {
		return "", err
	}
	identity, err := reader.Identity(ctx)
	return identity, errors.Join(err, reader.reads.close())
}

// Now is the time by this host's clock, the only one there is.
func (l *Ledger) Now(context.Context) (time.Time, error) { return time.Now().Round(0).UTC(), nil }

// Ping reports whether the ledger answers.
func (l *Ledger) Ping(ctx context.Context) error {
	_, err := l.Identity(ctx)
	return err
}

// Close commits the writes under way and ends the ledger; later calls fail.
func (l *Ledger) Close() error { return l.close() }

func (l *Ledger) closeAll() error {
	var failures []error
	if l.writer != nil {
		l.writer.group.Stop()
	}
	if l.searchPool != nil {
		failures = append(failures, l.searchPool.Close())
	}
	if l.reads != nil {
		failures = append(failures, l.reads.close())
	}
	if l.writer != nil {
		failures = append(failures, l.writer.db.close())
	}
	if l.writePool != nil {
		failures = append(failures, l.writePool.Close())
	}
	failures = append(failures, l.lock.Close())
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("close ledger: %w", err)
	}
	return nil
}
