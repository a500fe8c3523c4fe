package sqlite_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

// refused checks that a file is not opened, that the error names it, and that
// it stays as it is.
func refused(t *testing.T, path string, code postback.Code, says string) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		_ = ledger.Close()
		t.Fatal("the ledger was opened")
	}
	if postback.CodeOf(err) != code || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), says) {
		t.Fatalf("error is %v (%s), want %s and %q", err, postback.CodeOf(err), code, says)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Fatal("the file was changed")
	}
}

// raw opens a ledger's file behind its back until the test ends.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// edit runs a statement on a ledger's file behind its back.
func edit(t *testing.T, path, statement string) {
	t.Helper()
	db := raw(t, path)
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// intact checks the whole file.
func intact(t *testing.T, path string) {
	t.Helper()
	db := raw(t, path)
	var answer string
	if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&answer); err != nil || answer != "ok" {
		t.Fatalf("integrity check: %s, %v", answer, err)
	}
	rows, err := db.QueryContext(t.Context(), "PRAGMA foreign_key_check")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if rows.Next() || rows.Err() != nil {
		t.Fatalf("a foreign key is broken, %v", rows.Err())
	}
}

// made makes a ledger with some rows and closes it.
func made(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	ledger, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := ledger.Accept(t.Context(), []postback.Acceptance{acceptance()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	first := open(t, path)
	want, err := first.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Accept(t.Context(), []postback.Acceptance{storetest.Acceptance(storetest.Event("evt_1"), "ep_1")}); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, path)
	if made, found := first.Schema(), second.Schema(); made.Found != 0 || made.Current < 1 || found.Found != made.Current || found.Current != made.Current {
		t.Fatalf("schema is %+v, then %+v", made, found)
	}
	if got, err := second.Identity(t.Context()); err != nil || got != want {
		t.Fatalf("identity is %q, %v, want %q", got, err, want)
	}
	if _, deliveries, err := second.Event(t.Context(), "evt_1"); err != nil || len(deliveries) != 1 {
		t.Fatalf("event has %d deliveries, %v", len(deliveries), err)
	}
}

func TestOpenTwice(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	ledger := open(t, path)
	refused(t, path, sqlite.CodeInUse, fmt.Sprintf("(pid %d)", os.Getpid()))
	if err := ledger.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestOpenNewerSchema(t *testing.T) {
	t.Parallel()
	path := made(t)
	edit(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
	refused(t, path, store.CodeSchema, "newer waybill")
}

func TestOpenCorrupt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		damage func(content []byte) []byte
	}{
		{"text", func([]byte) []byte { return []byte(strings.Repeat("this is no database\n", 1000)) }},
		{"a few bytes", func([]byte) []byte { return []byte("hello") }},
		{"cut off", func(content []byte) []byte { return content[:len(content)*6/10] }},
		{"header overwritten", func(content []byte) []byte { return append(make([]byte, 100), content[100:]...) }},
		{"schema overwritten", func(content []byte) []byte {
			copy(content[100:4096], bytes.Repeat([]byte{0xa5}, 3996))
			return content
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := made(t)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, c.damage(content), 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, path, sqlite.CodeCorrupt, "restore it from a backup, or move it away")
		})
	}
}

func TestOpenForeign(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "other.db")
	edit(t, path, "CREATE TABLE songs (title TEXT)")
	refused(t, path, sqlite.CodeCorrupt, "not a waybill ledger")
}

func TestOpenUnusable(t *testing.T) {
	t.Parallel()
	logger := slog.New(slog.DiscardHandler)
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, options := range []sqlite.Options{
		{Path: "", Logger: logger},
		{Path: filepath.Join(directory, "ledger.db")},
		{Path: directory, Logger: logger},
		{Path: filepath.Join(file, "ledger.db"), Logger: logger},
	} {
		if ledger, err := sqlite.Open(t.Context(), options); err == nil {
			_ = ledger.Close()
			t.Errorf("%+v was opened", options)
		}
	}
}

func TestOpenModes(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "new", "waybill data %3F?#é")
	path := filepath.Join(directory, "ledger.db")
	ledger := open(t, path)
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{acceptance()}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 4 {
		t.Fatalf("the directory holds %v, want the ledger with its -wal, -shm and .lock", entries)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", entry.Name(), info.Mode())
		}
	}
	if info, err := os.Stat(directory); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v, %v", info.Mode(), err)
	}
}

// TestOldEndpointsSendEmptyMacros checks that an endpoint from before there was a
// choice behaves as it did.
func TestOldEndpointsSendEmptyMacros(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "waybill.db")
	if err := sqlite.MigrateTo(t.Context(), path, 51); err != nil {
		t.Fatal(err)
	}
	edit(t, path, `INSERT INTO endpoints (id, publisher, url, scheme, method, event_types, retry, timeout, headers, description, state, revision, created_at, updated_at)
		VALUES ('ep_before', 'pub_1', '', 'bitlabs', 'GET', 'null', '{}', 1, 'null', '', 'enabled', 1, 1, 1)`)
	endpoint, err := open(t, path).Endpoint(t.Context(), "ep_before")
	if err != nil || !slices.Equal(endpoint.AllowEmpty, []string{"*"}) {
		t.Errorf("it may leave %q empty, %v", endpoint.AllowEmpty, err)
	}
}

// TestMigrateKeepsSettings checks that what endpoints were given is theirs still
// when it is one object.
func TestMigrateKeepsSettings(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "waybill.db")
	if err := sqlite.MigrateTo(t.Context(), path, 84); err != nil {
		t.Fatal(err)
	}
	edit(t, path, storetest.OldEndpoint("ep_1", 7, "1"))
	endpoint, err := open(t, path).Endpoint(t.Context(), "ep_1")
	if want := storetest.Endpoint("ep_1").EndpointSettings; err != nil || !reflect.DeepEqual(endpoint.EndpointSettings, want) {
		t.Errorf("got  %+v, %v\nwant %+v", endpoint.EndpointSettings, err, want)
	}
}
