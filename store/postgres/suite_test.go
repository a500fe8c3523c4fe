package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// server is for all tests that need no server of their own.
var server testkit.SharedPostgres

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(server.Around(m))
}

// migrated is a database with the newest schema, made once; tests copy it.
var migrated struct {
	once sync.Once
	url  string
}

// database is a migrated database of the test's own.
func database(tb testing.TB) string {
	tb.Helper()
	migrated.once.Do(func() {
		migrated.url = server.Database(tb)
		migrate(tb, migrated.url)
	})
	return server.Copy(tb, migrated.url)
}

// leases are databases for tests that leave the schema as it is: an emptied one
// is had sooner than a new one.
type leases struct {
	mu   sync.Mutex
	free []string
}

const empty = `DELETE FROM event_ids; DELETE FROM event_types; DELETE FROM kinds; DELETE FROM events; DELETE FROM deliveries; DELETE FROM waiting;
	DELETE FROM attempts; DELETE FROM endpoint_secrets; DELETE FROM endpoints; DELETE FROM replay_items; DELETE FROM replays;
	DELETE FROM api_keys; DELETE FROM schemes; DELETE FROM reopened; DELETE FROM order_heads; DELETE FROM troubles; DELETE FROM trouble_changes; DELETE FROM blocks; DELETE FROM outages; DELETE FROM traffic; DELETE FROM notices; DELETE FROM alert_pace; DELETE FROM deaths; DELETE FROM meta WHERE name <> 'identity'`

// lease is an empty, migrated database, until the test ends.
func (l *leases) lease(tb testing.TB) string {
	tb.Helper()
	l.mu.Lock()
	url := ""
	if last := len(l.free) - 1; last >= 0 {
		url, l.free = l.free[last], l.free[:last]
	}
	l.mu.Unlock()
	if url == "" {
		url = database(tb)
		prepare(tb, url, storetest.Noon())
	}
	tb.Cleanup(func() {
		server.Exec(tb, url, empty)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.free = append(l.free, url)
	})
	return url
}

func migrate(tb testing.TB, url string) store.Schema {
	tb.Helper()
	schema, err := postgres.Migrate(tb.Context(), options(url))
	if err != nil {
		tb.Fatal(err)
	}
	return schema
}

// prepare makes the tables of a day.
func prepare(tb testing.TB, url string, day time.Time) {
	tb.Helper()
	ledger, err := postgres.Open(tb.Context(), options(url))
	if err == nil {
		err = errors.Join(postgres.PrepareDays(tb.Context(), ledger, day, day), ledger.Close())
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func options(url string) postgres.Options {
	return postgres.Options{URL: url, Connections: 8, Logger: slog.New(slog.DiscardHandler)}
}

// open opens a ledger that the test's end closes.
func open(tb testing.TB, url string) *postgres.Ledger {
	tb.Helper()
	ledger, err := postgres.Open(tb.Context(), options(url))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := ledger.Close(); err != nil {
			tb.Error(err)
		}
	})
	return ledger
}

func TestLedger(t *testing.T) {
	t.Parallel()
	var databases leases
	storetest.Run(t, func(t *testing.T) storetest.Ledger {
		t.Helper()
		return postgres.LookWhole(open(t, databases.lease(t)))
	})
}

// pair is two processes that share a database, each asked in turn.
type pair struct {
	storetest.Ledger // the first
	second           storetest.Ledger
	calls            atomic.Int64
}

func (p *pair) next() storetest.Ledger {
	if p.calls.Add(1)%2 == 0 {
		return p.second
	}
	return p.Ledger
}

func (p *pair) Accept(ctx context.Context, items []postback.Acceptance) ([]postback.Acceptance, error) {
	return p.next().Accept(ctx, items)
}

func (p *pair) Record(ctx context.Context, move postback.Transition) error {
	return p.next().Record(ctx, move)
}

func (p *pair) Claim(ctx context.Context, claim postback.Claim) ([]postback.Due, error) {
	return p.next().Claim(ctx, claim)
}

func (p *pair) Reopen(ctx context.Context, ids []string, at, sweepAt time.Time) ([]storetest.Reopened, error) {
	return p.next().Reopen(ctx, ids, at, sweepAt)
}

func (p *pair) SaveEndpoint(ctx context.Context, endpoint postback.Endpoint) (postback.Endpoint, error) {
	return p.next().SaveEndpoint(ctx, endpoint)
}

func (p *pair) Release(ctx context.Context, endpointID string, at time.Time, window, limit int) (int, error) {
	return p.next().Release(ctx, endpointID, at, window, limit)
}

func (p *pair) Probe(ctx context.Context, streak postback.FailureStreak, at, next time.Time) (bool, error) {
	return p.next().Probe(ctx, streak, at, next)
}

func (p *pair) Recover(ctx context.Context, endpointID string, at time.Time) (postback.FailureStreak, bool, error) {
	return p.next().Recover(ctx, endpointID, at)
}

func (p *pair) SumDeadLetters(ctx context.Context, before time.Time) error {
	return p.next().SumDeadLetters(ctx, before)
}

func (p *pair) NoteBlock(ctx context.Context, block postback.Block) error {
	return p.next().NoteBlock(ctx, block)
}

func (p *pair) CreateReplay(ctx context.Context, job postback.ReplayJob, most int) error {
	return p.next().CreateReplay(ctx, job, most)
}

func (p *pair) ForgetNotice(ctx context.Context, id string) (bool, error) {
	return p.next().ForgetNotice(ctx, id)
}

func (p *pair) SaveCounts(ctx context.Context, process string, counted []postback.AttemptCounts) error {
	return p.next().SaveCounts(ctx, process, counted)
}

func (p *pair) PruneCounts(ctx context.Context, before time.Time, limit int) (int, error) {
	return p.next().PruneCounts(ctx, before, limit)
}

func (p *pair) Prune(ctx context.Context, before time.Time) (int, error) {
	return p.next().Prune(ctx, before)
}

// TestTwoProcesses runs the suite with two processes, over partitions of the days
// that its rows are of; TestLedger's rows are in the partition for all others.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	var databases leases
	const day = 24 * time.Hour
	storetest.Run(t, func(t *testing.T) storetest.Ledger {
		t.Helper()
		url := databases.lease(t)
		first, second := open(t, url), open(t, url)
		if err := postgres.PrepareDays(t.Context(), first, storetest.After(-2*day), storetest.After(11*day)); err != nil {
			t.Fatal(err)
		}
		return &pair{Ledger: postgres.LookWhole(first), second: postgres.LookWhole(second)}
	})
}
