package testkit

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a PostgreSQL server of one test's own, on a loopback port, with a
// data directory of its own that outlives Stop, Kill and Start.
type Postgres struct {
	t       testing.TB
	cluster *cluster
}

// StartPostgres starts a server, with more settings ("name=value") if there are
// any. It syncs to disk as one in production does.
func StartPostgres(t testing.TB, settings ...string) *Postgres {
	t.Helper()
	made, err := newCluster(settings)
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := made.remove(); err != nil {
			t.Errorf("remove PostgreSQL: %v", err)
		}
	})
	return &Postgres{t: t, cluster: made}
}

// Addr is the host and port.
func (p *Postgres) Addr() string { return p.cluster.addr }

// URL is the superuser's, in the database that every server has.
func (p *Postgres) URL() string { return p.cluster.url("postgres") }

// Database makes an empty database and returns its owner's URL.
func (p *Postgres) Database() string {
	p.t.Helper()
	return p.cluster.database(p.t, "template0")
}

// Start starts the server again on the same port and data.
func (p *Postgres) Start() {
	p.t.Helper()
	if err := p.cluster.start(); err != nil {
		p.t.Fatalf("start PostgreSQL again: %v", err)
	}
}

// Stop ends the server and every connection to it, as its service manager does
// (a fast shutdown).
func (p *Postgres) Stop() {
	p.t.Helper()
	if err := p.cluster.stop(); err != nil {
		p.t.Fatalf("stop PostgreSQL: %v", err)
	}
}

// Kill ends every process of the server with SIGKILL.
func (p *Postgres) Kill() {
	p.t.Helper()
	if err := p.cluster.kill(); err != nil {
		p.t.Fatalf("kill PostgreSQL: %v", err)
	}
}

// Pause makes the server hang: it keeps its connections and answers nothing,
// until resume is called.
func (p *Postgres) Pause() (resume func()) { return p.cluster.pause() }

// Exec runs SQL in the database at a URL, as the role in it.
func (p *Postgres) Exec(at, statements string) {
	p.t.Helper()
	execute(p.t, at, statements)
}

// SharedPostgres is a server for all tests of a package, each with a database
// of its own. The zero value is ready: the first test that asks starts it, and
// TestMain closes it. It does not sync to disk.
type SharedPostgres struct {
	once    sync.Once
	cluster *cluster
	err     error
}

// Database makes an empty database and returns its owner's URL.
func (s *SharedPostgres) Database(t testing.TB) string {
	t.Helper()
	return s.started(t).database(t, "template0")
}

// Copy makes a copy of a database of this server, which nobody may be
// connected to, and returns its owner's URL.
func (s *SharedPostgres) Copy(t testing.TB, from string) string {
	t.Helper()
	parsed, err := url.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	return s.started(t).database(t, strings.TrimPrefix(parsed.Path, "/"))
}

// Exec runs SQL in the database at a URL, as the role in it.
func (s *SharedPostgres) Exec(t testing.TB, at, statements string) {
	t.Helper()
	execute(t, at, statements)
}

// Around runs a package's tests and closes the server behind them, for TestMain.
func (s *SharedPostgres) Around(tests interface{ Run() int }) Around {
	return Around{tests: tests, server: s}
}

// Around is what goleak.VerifyTestMain takes.
type Around struct {
	tests  interface{ Run() int }
	server *SharedPostgres
}

// Run runs the tests and closes the server.
func (a Around) Run() int {
	code := a.tests.Run()
	if err := a.server.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Close ends the server, if it was started.
func (s *SharedPostgres) Close() error {
	if s.cluster == nil {
		return nil
	}
	return s.cluster.remove()
}

func (s *SharedPostgres) started(t testing.TB) *cluster {
	t.Helper()
	s.once.Do(func() {
		s.cluster, s.err = newCluster([]string{"fsync=off", "full_page_writes=off", "shared_buffers=16MB"})
	})
	if s.err != nil {
		t.Fatalf("start PostgreSQL: %v", s.err)
	}
	return s.cluster
}

// databases counts those that a cluster made.
type databases struct{ made atomic.Int64 }

func (d *databases) next() string { return "test_" + strconv.FormatInt(d.made.Add(1), 10) }

// database makes a database. It goes with the server: to drop one costs a
// checkpoint.
func (c *cluster) database(t testing.TB, template string) string {
	t.Helper()
	name := c.databases.next()
	execute(t, c.url("postgres"), fmt.Sprintf(`CREATE DATABASE %s TEMPLATE %s`, name, template))
	return c.url(name)
}

func (c *cluster) url(database string) string {
	return "postgres://postgres@" + c.addr + "/" + database + "?sslmode=disable"
}

func execute(t testing.TB, at, statements string) {
	t.Helper()
	// Not the test's context: its cleanups may want this too.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := executeAt(ctx, at, statements); err != nil {
		t.Fatalf("execute SQL: %v", err)
	}
}

func executeAt(ctx context.Context, at, statements string) error {
	conn, err := pgx.Connect(ctx, at)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.PgConn().Exec(ctx, statements).ReadAll(); err != nil {
		return fmt.Errorf("run statements: %w", err)
	}
	return nil
}

// answered waits until the server takes queries, or has ended.
func (c *cluster) answered(ended <-chan struct{}) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for executeAt(ctx, c.url("postgres"), "SELECT 1") != nil {
		select {
		case <-ticker.C:
		case <-ended:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}
