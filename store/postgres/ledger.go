// Package postgres is the ledger for more than one machine: PostgreSQL 14 or
// later, shared by any number of processes.
//
// It guarantees that a write that was answered without an error is on the
// server's disk, that a call never waits for a server that hangs, and that a
// database which it does not understand is refused and left as it is.
// Concurrent writers share transactions, and with them the wait for the disk.
// Events, deliveries and attempts are partitioned by day: what is old is dropped
// by the day.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
	"github.com/waybillhq/waybill/store/commit"
)

// How long things may take.
const (
	connectWait   = 10 * time.Second
	statementWait = 30 * time.Second
	answerWait    = 35 * time.Second // the server cancels before the client gives up
)

// DefaultConnections is the size of the pool when Options leave it open.
const DefaultConnections = 16

// minConnections are one that writes and one that reads meanwhile; with fewer than
// there are writers these wait for each other's.
const minConnections = 2

// Options say which ledger to open.
type Options struct {
	URL         string // postgres://..., or the key=value form of libpq
	Connections int    // at most; 0 is DefaultConnections
	Logger      *slog.Logger
}

// Ledger is an open ledger. It is safe for concurrent use.
type Ledger struct {
	pool   pool
	logger *slog.Logger
	schema store.Schema
	types  knownTypes
	days   knownDays
	turns  store.Turns
	floor  floor  // of all that is due to be looked at
	dues   floors // of what is due or under way, by endpoint
	walks  pace   // of looks through all that waits for endpoints that have some due
	parked parkings

	cancelled, expired steps

	intake  *commit.Committer[[]postback.Acceptance, []postback.Acceptance]
	ordered *commit.Committer[[]postback.Acceptance, []postback.Acceptance] // of what is in ordering groups: the others never wait for a group's place

	successes *commit.Committer[postback.Transition, bool] // most moves
	moves     *commit.Committer[postback.Transition, error]

	releases *commit.Committer[release, int]
	reads    *commit.Committer[string, found]
	searches slots // of clients, through history
	changes  slots // of clients
	close    func()
}

// Open opens the ledger. It refuses, with a postback.Error that says what to do,
// a server that does not answer or lets nobody in (CodeUnreachable), a database
// whose schema is older or newer than this program's (store.CodeSchema), and a role
// that lacks a right (CodeRights).
func Open(ctx context.Context, options Options) (*Ledger, error) {
	if options.URL == "" || options.Logger == nil {
		return nil, errors.New("open ledger: URL and Logger are required")
	}
	config, err := poolConfig(options)
	if err != nil {
		return nil, err
	}
	first, found, err := approach(ctx, config.ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", explain(config.ConnConfig, err))
	}
	_ = first.Close(ctx) // It has shown the way.
	found.warn(ctx, options.Logger, config.ConnConfig)
	renew := &renewer{}
	config.ConnConfig.Tracer = renew
	connections, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	renew.pool.Store(connections)
	ledger := &Ledger{pool: pool{connections}, logger: options.Logger, types: knownTypes{seen: map[string]bool{}}, dues: floors{byEndpoint: map[string]*floor{}}}
	if ledger.schema, err = checkSchema(ctx, config.ConnConfig, connections); err != nil {
		connections.Close()
		return nil, fmt.Errorf("open ledger: %w", explain(config.ConnConfig, err))
	}
	ledger.searches, ledger.changes = slotsOf(config.MaxConns, searchShare), slotsOf(config.MaxConns, changeShare)
	ledger.intake = startCommitter(ctx, options.Logger, 1, ledger.acceptAll)
	ledger.ordered = startCommitter(ctx, options.Logger, 1, ledger.acceptAll)
	ledger.successes = startCommitter(ctx, options.Logger, 1, ledger.succeedAll)
	ledger.moves = startCommitter(ctx, options.Logger, 1, ledger.recordAll)
	ledger.releases = startCommitter(ctx, options.Logger, 1, ledger.releaseAll)
	ledger.reads = startCommitter(ctx, options.Logger, 2, ledger.readDues)
	ledger.close = sync.OnceFunc(ledger.closeAll)
	return ledger, nil
}

// Schema is the version of the ledger's tables.
func (l *Ledger) Schema() store.Schema { return l.schema }

// Identity is made once for a ledger: the queue that was filled from it bears
// it as its epoch.
func (l *Ledger) Identity(ctx context.Context) (string, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	return single(ctx, l.pool, "identity", one[string], `SELECT value FROM meta WHERE name = 'identity'`)
}

// takesWrites reads what must be there, and whether it could be changed.
const takesWrites = `SELECT current_setting('transaction_read_only') = 'off' FROM meta WHERE name = 'identity'`

// Now is the time by the server's clock.
func (l *Ledger) Now(ctx context.Context) (time.Time, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	return single(ctx, l.pool, "clock", one[time.Time], readClock)
}

const readClock = `SELECT clock_timestamp()`

// Ping reports whether the ledger answers, and takes writes.
func (l *Ledger) Ping(ctx context.Context) error {
	ctx, cancel := bound(ctx)
	defer cancel()
	writes, err := single(ctx, l.pool, "identity", one[bool], takesWrites)
	if err == nil && !writes {
		l.pool.Reset() // Another host may take them by now.
		err = readOnly(l.pool.Config().ConnConfig)
	}
	return err
}

// Close commits the writes under way and ends the ledger; later calls fail.
func (l *Ledger) Close() error {
	l.close()
	return nil
}

func (l *Ledger) closeAll() {
	l.intake.Stop()
	l.ordered.Stop()
	l.successes.Stop()
	l.moves.Stop()
	l.releases.Stop()
	l.reads.Stop()
	l.pool.Close()
}

// bound ends a call that the server leaves without an answer.
func bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, answerWait, errNoAnswer())
}

func errNoAnswer() error {
	return fmt.Errorf("the ledger did not answer within %v", answerWait)
}
