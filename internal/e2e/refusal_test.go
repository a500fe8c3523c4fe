package e2e_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // to write a ledger from the future
)

func wantRefusal(t *testing.T, code int, said string, words ...string) {
	t.Helper()
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("what it said lacks %q:\n%s", word, said)
		}
	}
}

func TestSecondServerOnTheSameLedgerIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	code, said := refuses(t, "serve", "--listen", "127.0.0.1:0", "--data-dir", dir)
	wantRefusal(t, code, said, "another waybill", filepath.Join(dir, "waybill.db"))
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("the first server is not ready any more: %v", err)
	}
}

func TestDamagedAndNewerLedgersAreRefused(t *testing.T) {
	t.Parallel()
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, "waybill.db"), []byte(strings.Repeat("no ledger ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	code, said := refuses(t, "serve", "--listen", "127.0.0.1:0", "--data-dir", damaged)
	wantRefusal(t, code, said, "damaged", "backup")

	newer := t.TempDir()
	start(t, newer).stop()
	db, err := sql.Open("sqlite", filepath.Join(newer, "waybill.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	code, said = refuses(t, "serve", "--listen", "127.0.0.1:0", "--data-dir", newer)
	wantRefusal(t, code, said, "99999", "newer waybill")
}

func TestUnusableSettingsAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"foreign egress address": {[]string{"--egress-ip", "192.0.2.1"}, "192.0.2.1"},
		"unreachable Redis":      {[]string{"--redis", "redis://:hunter2@127.0.0.1:1"}, "does not answer"},
		"no such interface":      {[]string{"--listen", "192.0.2.1:0"}, "--listen"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir()}, test.args...)
			code, said := refuses(t, args...)
			wantRefusal(t, code, said, test.want)
			if strings.Contains(said, "hunter2") {
				t.Errorf("it prints a password:\n%s", said)
			}
		})
	}
}

// Losing the keyring must not pass unseen: the sealed secrets would be lost
// with it.
func TestMissingKeyringIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	register(t, s, newReceiver(t, "bitlabs"))
	s.stop()
	if err := os.Remove(filepath.Join(dir, "keyring")); err != nil {
		t.Fatal(err)
	}
	code, said := refuses(t, "serve", "--listen", "127.0.0.1:0", "--data-dir", dir)
	wantRefusal(t, code, said, "keyring", "backup")
}
