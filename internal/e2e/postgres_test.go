package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/internal/testkit"
)

// A PostgreSQL ledger is migrated by command alone; what is wrong with one is
// said without its password.
func TestPostgresIsMigratedByCommand(t *testing.T) {
	t.Parallel()
	postgres, queue := testkit.StartPostgres(t), testkit.StartRedis(t)
	places := []string{"--data-dir", t.TempDir(), "--database", postgres.Database() + "&password=hunter2", "--redis", queue.URL()}
	run := func(args ...string) (int, string) {
		t.Helper()
		code, said := refuses(t, append(args, places...)...)
		if strings.Contains(said, "hunter2") {
			t.Errorf("%s shows the password:\n%s", args[0], said)
		}
		return code, said
	}
	for _, role := range []string{"serve", "api", "worker", "doctor"} {
		code, said := run(role)
		if code != 1 || !strings.Contains(said, "waybill migrate") {
			t.Errorf("%s on an empty database: exit code %d:\n%s", role, code, said)
		}
	}
	for _, want := range []string{"from version 0 to", "already"} {
		if code, said := run("migrate"); code != 0 || !strings.Contains(said, want) {
			t.Errorf("migrate: exit code %d, want %q:\n%s", code, want, said)
		}
	}
	code, said := run("doctor")
	if code != 0 {
		t.Errorf("doctor: exit code %d", code)
	}
	for _, want := range []string{"ledger: PostgreSQL", "ledger clock: within 1s", "commits wait for the disk", "ledger connections", "is current", "partitions"} {
		if !strings.Contains(said, want) {
			t.Errorf("the doctor does not say %q:\n%s", want, said)
		}
	}
	places = []string{"--data-dir", t.TempDir(), "--database", "postgres://u:hunter2@127.0.0.1:1/x", "--redis", queue.URL()}
	for _, role := range []string{"serve", "migrate", "doctor"} {
		if code, said := run(role); code != 1 || !strings.Contains(said, "127.0.0.1:1") {
			t.Errorf("%s without a server: exit code %d:\n%s", role, code, said)
		}
	}
}

// Processes that share nothing refuse to be several.
func TestRolesRefuseWhatTheyCannotShare(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"an API without Redis":       {[]string{"api"}, "--redis"},
		"a worker on SQLite":         {[]string{"worker", "--redis", "redis://127.0.0.1:1"}, "--database"},
		"something that is no URL":   {[]string{"serve", "--redis", "redis://127.0.0.1:1", "--database", "postgres://u:hunter2@127.0.0.1:x/x"}, "database"},
		"a pool without connections": {[]string{"serve", "--database-connections", "1"}, "--database-connections"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, said := refuses(t, append(test.args, "--data-dir", t.TempDir())...)
			if code != 2 || !strings.Contains(said, test.want) || strings.Contains(said, "hunter2") {
				t.Errorf("exit code %d, want 2 and %q:\n%s", code, test.want, said)
			}
		})
	}
}

// One process may have PostgreSQL to itself, with the queue in the process; it
// is warned what a second one would do.
func TestOneProcessHasPostgresToItself(t *testing.T) {
	t.Parallel()
	const events = 50
	postgres := testkit.StartPostgres(t)
	database := []string{"--database", postgres.Database()}
	if code, said := refuses(t, append([]string{"migrate"}, database...)...); code != 0 {
		t.Fatalf("migrate: exit code %d:\n%s", code, said)
	}
	dir := t.TempDir()
	r := newReceiver(t, "besitos")
	s := start(t, dir, database...)
	if said := s.log.String(); !strings.Contains(said, "set --redis to run several") {
		t.Errorf("it does not warn:\n%s", said)
	}
	register(t, s, r)
	var p producer
	p.server.Store(s)
	transactions := p.produce(t.Context(), t, events)
	s.kill()
	checkAllDelivered(t, start(t, dir, database...), r, transactions, soon)
}

// longest is how long an answer may take while the ledger is away.
const longest = 40 * time.Second

// answers are what an API said to events that were sent once, one after
// another.
type answers struct {
	mu          sync.Mutex
	unavailable int
	slowest     time.Duration
	wrong       []error // neither accepted nor 503 with Retry-After
}

// probe sends events until ctx ends, and notes the answers.
func (a *answers) probe(ctx context.Context, api *client.Client) {
	for ctx.Err() == nil {
		asked := time.Now()
		_, err := api.SendEvent(ctx, event("probe"))
		took := time.Since(asked)
		if ctx.Err() != nil {
			return
		}
		a.mu.Lock()
		a.slowest = max(a.slowest, took)
		problem, ok := errors.AsType[*client.Problem](err)
		switch {
		case err == nil:
		case ok && problem.Status == http.StatusServiceUnavailable && problem.RetryAfter > 0:
			a.unavailable++
		default:
			a.wrong = append(a.wrong, err)
		}
		a.mu.Unlock()
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (a *answers) refused() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.unavailable
}

func (a *answers) check(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.wrong) > 0 {
		t.Errorf("%d answers are neither 202, 200 nor 503 with Retry-After, such as %v", len(a.wrong), a.wrong[0])
	}
	if a.slowest > longest {
		t.Errorf("an answer took %s", a.slowest)
	}
	t.Logf("503 %d times, the slowest answer took %s", a.unavailable, a.slowest.Round(time.Millisecond))
}

// Guarantee: while PostgreSQL is away the API answers 503 and the workers wait,
// and while it hangs both wait for it, for a bounded time;
// when it is back everything goes on, without a restart, and nothing is lost.
func TestPostgresGoneAndBackLosesNothing(t *testing.T) {
	t.Parallel()
	ends := func(end func(*testkit.Postgres)) func(*testkit.Postgres) func() {
		return func(p *testkit.Postgres) func() {
			end(p)
			return p.Start
		}
	}
	for name, outage := range map[string]struct {
		begin  func(*testkit.Postgres) (end func())
		lasts  time.Duration
		waited bool // for the server to come back, instead of being refused
	}{
		"stopped": {ends((*testkit.Postgres).Stop), 20 * time.Second, false},
		"killed":  {ends((*testkit.Postgres).Kill), 5 * time.Second, false},
		"hangs":   {(*testkit.Postgres).Pause, 5 * time.Second, true},
		"has no connection left": {
			func(p *testkit.Postgres) func() { return p.TakeConnections(true) }, 5 * time.Second, false,
		},
		"has no more connections": {
			func(p *testkit.Postgres) func() { return p.TakeConnections(false) }, 5 * time.Second, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const events = 1500
			f := newFleet(t)
			r := newReceiver(t, "bitlabs")
			r.status = func(transaction string, times int) int { // retries are under way too
				if transaction[len(transaction)-1] == '7' && times == 1 {
					return 500
				}
				return 200
			}
			api := f.start("api")
			register(t, api, r, second, second, second)
			worker := f.start("worker")
			var p producer
			p.server.Store(api)
			produced := make(chan []string, 1)
			go func() { produced <- p.produce(t.Context(), t, events) }()
			p.waitAccepted(t, events/3)

			var said answers
			ctx, stop := context.WithCancel(t.Context())
			var probing sync.WaitGroup
			// Through a client of its own: one that many share keeps connections that it
			// never used, and a server closes those after a while.
			alone, err := client.New(api.url, api.key)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(alone.Close)
			probing.Go(func() { said.probe(ctx, alone) })
			end := outage.begin(f.postgres)
			over := time.After(outage.lasts)
			eventually(t, longest, "the API to answer 503", func() bool { return outage.waited || said.refused() > 0 })
			<-over
			end()
			checkAllDelivered(t, api, r, append(<-produced, "probe"), time.Minute)
			stop()
			probing.Wait()
			said.check(t)
			f.checkNothingCounted()
			for _, s := range []*server{api, worker} {
				if code := s.stop(); code != 0 {
					t.Errorf("exit code %d after SIGTERM:\n%s", code, s.log)
				}
			}
		})
	}
}

// checkNothingCounted checks that no endpoint was charged with what was the
// ledger's: each delivery has the attempts that its receiver refused and the one
// that it took, and no circuit is open.
func (f *fleet) checkNothingCounted() {
	f.t.Helper()
	f.postgres.Exec(f.database, `DO $$ BEGIN
		IF EXISTS (SELECT FROM attempts WHERE status_code NOT IN (200, 500)) THEN RAISE 'attempts failed that no receiver refused'; END IF;
		IF EXISTS (SELECT FROM deliveries WHERE attempts > 2) THEN RAISE 'deliveries have more attempts than they needed'; END IF;
		IF EXISTS (SELECT FROM troubles WHERE opened_at IS NOT NULL) THEN RAISE 'the circuit of an endpoint is open'; END IF;
	END $$`)
}

// A bench measures an engine on PostgreSQL, in a database of its own.
func TestBenchOnPostgres(t *testing.T) {
	t.Parallel()
	postgres, queue := testkit.StartPostgres(t), testkit.StartRedis(t)
	args := []string{"bench", "--events", "200", "--batch", "20", "--verify", "--redis", queue.URL(), "--database", postgres.Database()}
	code, said := refuses(t, args...)
	if code != 0 || !strings.Contains(said, "postgresql and redis") || !strings.Contains(said, "0 missing") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	code, said = refuses(t, args...)
	wantRefusal(t, code, said, "empty database")
}
