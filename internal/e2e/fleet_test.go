package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/testkit"
)

// fleet is what processes on several machines share: a PostgreSQL, a Redis and
// a data directory with the keyring and the admin key.
type fleet struct {
	t        *testing.T
	postgres *testkit.Postgres
	redis    *testkit.Redis
	database string
	dir      string
	key      string
}

// newFleet starts the servers and migrates the ledger.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, postgres: testkit.StartPostgres(t), redis: testkit.StartRedis(t, "--appendonly", "yes", "--appendfsync", "everysec"), dir: t.TempDir()}
	f.database = f.postgres.Database()
	if code, said := refuses(t, "migrate", "--database", f.database); code != 0 || !strings.Contains(said, "from version 0 to") {
		t.Fatalf("migrate: exit code %d:\n%s", code, said)
	}
	return f
}

// places are the settings that say where everything is.
func (f *fleet) places() []string {
	return []string{"--database", f.database, "--redis", f.redis.URL()}
}

// launch starts a process and does not wait for it.
func (f *fleet) launch(role, dir string, more ...string) *server {
	f.t.Helper()
	args := append(f.places(), "--data-dir", dir, "--health-listen", "127.0.0.1:0", "--database-connections", "8")
	return launch(f.t, role, nil, append(args, more...)...)
}

// start starts a process on the shared data directory and waits until it is
// ready.
func (f *fleet) start(role string, more ...string) *server {
	f.t.Helper()
	s := f.launch(role, f.dir, more...)
	f.settle(s)
	return s
}

// settle waits until a process is ready, and gives its client the admin key.
func (f *fleet) settle(s *server) {
	f.t.Helper()
	s.awaitReady()
	if s.url == "" {
		return
	}
	if f.key == "" {
		key, err := os.ReadFile(filepath.Join(f.dir, "admin.key"))
		if err != nil {
			f.t.Fatal(err)
		}
		f.key = strings.TrimSpace(string(key))
	}
	s.connect(f.key)
}
