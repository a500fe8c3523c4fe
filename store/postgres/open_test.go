package postgres_test

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// refused checks that a database is not opened, and what the error says.
func refused(t *testing.T, at string, code postback.Code, says ...string) {
	t.Helper()
	ledger, err := postgres.Open(t.Context(), options(at))
	if err == nil {
		_ = ledger.Close()
		t.Fatal("the ledger was opened")
	}
	if postback.CodeOf(err) != code {
		t.Fatalf("error is %v (%s), want %s", err, postback.CodeOf(err), code)
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Fatalf("error is %q, which does not say %q", err, part)
		}
	}
}

// as is a database's URL for another role.
func as(t *testing.T, at, role, password string) string {
	t.Helper()
	parsed, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	parsed.User = url.UserPassword(role, password)
	return parsed.String()
}

func TestOpenNotMigrated(t *testing.T) {
	t.Parallel()
	at := server.Database(t)
	refused(t, at, store.CodeSchema, "waybill migrate", "schema 0")
	made := migrate(t, at)
	ledger := open(t, at)
	if made.Found != 0 || made.Current < 1 || ledger.Schema().Found != made.Current {
		t.Fatalf("schema is %+v, then %+v", made, ledger.Schema())
	}
	if again := migrate(t, at); again.Found != made.Current {
		t.Fatalf("schema is %+v when it is migrated again", again)
	}
}

func TestOpenNewerSchema(t *testing.T) {
	t.Parallel()
	at := database(t)
	server.Exec(t, at, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)`)
	refused(t, at, store.CodeSchema, "newer waybill")
	if _, err := postgres.Migrate(t.Context(), options(at)); postback.CodeOf(err) != store.CodeSchema {
		t.Fatalf("migrating says %v", err)
	}
}

func TestMigrateTogether(t *testing.T) {
	t.Parallel()
	at := server.Database(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if _, err := postgres.Migrate(t.Context(), options(at)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	open(t, at)
}

func TestOpenWithoutRights(t *testing.T) {
	t.Parallel()
	at := database(t)
	server.Exec(t, at, `CREATE ROLE clerk LOGIN PASSWORD 'clerk'`)
	clerk := as(t, at, "clerk", "clerk")
	refused(t, clerk, postgres.CodeRights, "goose_db_version", "GRANT SELECT", `"clerk"`)
	server.Exec(t, at, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk`)
	refused(t, clerk, postgres.CodeRights, "alert_pace: DELETE", "GRANT SELECT, INSERT, UPDATE, DELETE")
	server.Exec(t, at, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk`)
	ledger := open(t, clerk)
	item := storetest.Acceptance(storetest.Event("evt_1"), "ep_1")
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
		t.Fatal(err)
	}
	err := postgres.PrepareDays(t.Context(), ledger, storetest.Noon(), storetest.Noon())
	if postback.CodeOf(err) != postgres.CodeRights || !strings.Contains(err.Error(), "GRANT owner TO") {
		t.Fatalf("making partitions says %v", err)
	}
	if _, err := postgres.Migrate(t.Context(), options(as(t, server.Database(t), "clerk", "clerk"))); postback.CodeOf(err) != postgres.CodeRights {
		t.Fatalf("migrating says %v", err)
	}
}

func TestOpenUnreachable(t *testing.T) {
	t.Parallel()
	at := database(t)
	refused(t, as(t, at, "nobody", "a secret"), postgres.CodeUnreachable, "nobody", "password", "pg_hba.conf")
	refused(t, at[:strings.LastIndex(at, "/")]+"/missing?sslmode=disable", postgres.CodeUnreachable, "missing", "CREATE DATABASE")
	refused(t, "postgres://postgres@127.0.0.1:1/waybill?sslmode=disable", postgres.CodeUnreachable, "127.0.0.1:1", "does not answer")
	refused(t, "postgres://user:secret@host:port/", postback.CodeInvalid, "is not a PostgreSQL URL")
	if ledger, err := postgres.Open(t.Context(), postgres.Options{Logger: slog.New(slog.DiscardHandler)}); err == nil {
		t.Fatal("a ledger without a URL was opened", ledger.Close())
	}
}

func TestErrorsHoldNoPassword(t *testing.T) {
	t.Parallel()
	for _, at := range []string{
		as(t, database(t), "nobody", "swordfish"), "postgres://u:swordfish@127.0.0.1:1/x?sslmode=disable", "postgres://u:swordfish@host:port/",
	} {
		_, opening := postgres.Open(t.Context(), options(at))
		_, migrating := postgres.Migrate(t.Context(), options(at))
		if text := fmt.Sprint(opening, migrating); strings.Contains(text, "swordfish") {
			t.Errorf("an error holds the password: %s", text)
		}
	}
}
