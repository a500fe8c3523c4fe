package testkit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// StartPgBouncer starts a pooler before the server of a database, with more
// settings ("name = value") if there are any, and returns the database's URL
// through it.
func StartPgBouncer(t testing.TB, database string, settings ...string) string {
	t.Helper()
	parsed, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	directory, err := os.MkdirTemp("", "waybill-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(20_000 + rand.IntN(10_000)) //nolint:gosec // any port will do
	text := fmt.Sprintf("[databases]\n* = host=%s port=%s user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %s\nunix_socket_dir =\nauth_type = any\n",
		parsed.Hostname(), parsed.Port(), port)
	text += strings.Join(settings, "\n") + "\n"
	path := filepath.Join(directory, "pgbouncer.ini")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // another user reads it
		t.Fatal(err)
	}
	if err := os.Chmod(directory, 0o755); err != nil { //nolint:gosec // another user reads it
		t.Fatal(err)
	}
	runPooler(t, directory, path)
	parsed.Host = net.JoinHostPort("127.0.0.1", port)
	Eventually(t, "the pooler answers", func() bool { return executeAt(context.Background(), parsed.String(), "SELECT 1") == nil })
	return parsed.String()
}

func runPooler(t testing.TB, directory, path string) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // Debian keeps it off the path of many.
	}
	as, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(directory, "log"))
	if err != nil {
		t.Fatal(err)
	}
	// It ends when it is stopped, not with a test's context.
	pooler := exec.CommandContext(context.Background(), program, path) //nolint:gosec // Tests write the arguments.
	pooler.SysProcAttr, pooler.Stdout, pooler.Stderr = attributes(as), log, log
	if err := pooler.Start(); err != nil {
		t.Fatalf("start pgbouncer: %v", err)
	}
	t.Cleanup(func() {
		_ = pooler.Process.Kill()
		_ = pooler.Wait() // It says only how it was ended.
		_ = log.Close()
		_ = os.RemoveAll(directory)
	})
}
