package postgres_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
)

func inspect(t *testing.T, url string) postgres.State {
	t.Helper()
	state, err := postgres.Inspect(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestInspect(t *testing.T) {
	t.Parallel()
	server := testkit.StartPostgres(t, "fsync=off", "full_page_writes=off", "max_connections=40", "superuser_reserved_connections=3")
	url := server.Database()
	empty := inspect(t, url)
	if empty.Version == "" || !empty.Supported || empty.Fsync || empty.FullPageWrites || empty.Connections != 37 || empty.Owner || empty.DaysAhead != 0 {
		t.Errorf("an empty database: %+v", empty)
	}
	if !empty.DurableCommits || empty.Ahead.Abs() > time.Second {
		t.Errorf("an empty database: %+v", empty)
	}
	if lax := inspect(t, url+"&synchronous_commit=off"); lax.DurableCommits {
		t.Errorf("commits that wait for no disk: %+v", lax)
	}

	options := postgres.Options{URL: url, Logger: slog.New(slog.DiscardHandler)}
	if _, err := postgres.Migrate(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	ledger, err := postgres.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	if err := ledger.Prepare(t.Context(), time.Now().Add(3*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if ready := inspect(t, url); !ready.Owner || ready.DaysAhead != 3 {
		t.Errorf("a database with its tables: %+v", ready)
	}
	server.Exec(url, `CREATE ROLE inspector LOGIN PASSWORD 'inspector'`)
	if other := inspect(t, strings.Replace(url, "postgres@", "inspector:inspector@", 1)); other.Owner {
		t.Errorf("a role that owns nothing: %+v", other)
	}
}

func TestInspectSaysWhatKeepsItOut(t *testing.T) {
	t.Parallel()
	for url, code := range map[string]postback.Code{
		"postgres://u:hunter2@127.0.0.1:1/x": postgres.CodeUnreachable,
		"postgres://u:hunter2@127.0.0.1:x/x": postback.CodeInvalid,
	} {
		_, err := postgres.Inspect(t.Context(), postgres.Options{URL: url})
		if postback.CodeOf(err) != code || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
}
