package sim_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/store"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

// place is where the ledger of one run after the other is.
type place struct {
	empty  func() error
	open   func(context.Context) (storetest.Ledger, error)
	peek   func() *peeker // nil: it can only be asked
	shared bool           // by all processes, which cannot open it several times
	byDay  bool           // it purges a day when all of it is old
	hour   time.Duration  // of the day, at which a run begins
}

// peeker looks into a ledger's file behind its back.
type peeker struct {
	db   *sql.DB
	look *sql.Stmt
}

// peeked is when the next delivery is to be looked at, and when the first of those
// that are there ended; zero for never.
type peeked struct{ sweepAt, endedAt time.Time }

func peekInto(path string) *peeker {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(1)
	statement, err := db.PrepareContext(context.Background(),
		`SELECT (SELECT min(sweep_at) FROM deliveries), (SELECT min(completed_at) FROM deliveries)`)
	if err != nil {
		panic(err)
	}
	return &peeker{db: db, look: statement}
}

func (w *world) peek() peeked {
	seen, err := remembered(w, "peek", func() (seen peeked, err error) {
		return seen, w.peeker.look.QueryRowContext(context.Background()).Scan(store.At(&seen.sweepAt), store.At(&seen.endedAt))
	})
	if err != nil {
		panic(err)
	}
	return seen
}

func (p *peeker) close() error { return errors.Join(p.look.Close(), p.db.Close()) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// inMemory is a file in memory, if there is such a directory.
func inMemory(t *testing.T) place {
	t.Helper()
	empty, err := os.ReadFile(testkit.LedgerFile(t))
	if err != nil {
		t.Fatal(err)
	}
	directory, err := os.MkdirTemp(memory(), "sim")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	path := filepath.Join(directory, "ledger.db")
	return place{
		empty: func() error { return os.WriteFile(path, empty, 0o600) },
		open: func(ctx context.Context) (storetest.Ledger, error) {
			return sqlite.Open(ctx, sqlite.Options{Path: path, Logger: quiet()})
		},
		peek:   func() *peeker { return peekInto(path) },
		shared: true,
	}
}

// memory is a directory that is kept in memory, where there is one.
func memory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// server is for runs over PostgreSQL. The first one starts it.
var server testkit.SharedPostgres

// forget empties all tables but those that say what the database is.
const forget = `DO $$ BEGIN
	EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('%I', c.relname), ', ') FROM pg_class c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname NOT IN ('meta', 'revision', 'goose_db_version'));
END $$; DELETE FROM meta WHERE name <> 'identity'`

// inPostgres is a database that each process opens for itself.
func inPostgres(t *testing.T) place {
	t.Helper()
	options := postgres.Options{URL: server.Database(t), Connections: 4, Logger: quiet()}
	if _, err := postgres.Migrate(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	return place{
		empty: func() error {
			server.Exec(t, options.URL, forget)
			return nil
		},
		open:  func(ctx context.Context) (storetest.Ledger, error) { return postgres.Open(ctx, options) },
		byDay: true,
		hour:  24*time.Hour - firstEvent - 2*time.Second, // the day changes in the midst of the work
	}
}
