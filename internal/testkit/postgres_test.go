package testkit_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/testkit"
)

func TestPostgresKeepsItsData(t *testing.T) {
	t.Parallel()
	server := testkit.StartPostgres(t, "work_mem=1MB")
	database := server.Database()
	server.Exec(database, `CREATE TABLE kept (n int)`)
	for i, end := range []func(){server.Kill, server.Stop} {
		server.Exec(database, fmt.Sprintf(`INSERT INTO kept VALUES (%d)`, i))
		end()
		server.Start()
	}
	server.Exec(database, `SELECT 1 / (count(*) = 2)::int FROM kept`)
	server.Exec(database, `SELECT 1 / (current_setting('work_mem') = '1MB')::int`)
}

func TestPostgresHangs(t *testing.T) {
	t.Parallel()
	server := testkit.StartPostgres(t)
	database := server.Database()
	resume := server.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if conn, err := pgx.Connect(ctx, database); err == nil {
		_ = conn.Close(t.Context())
		t.Error("a server that hangs answers")
	}
	resume()
	server.Exec(database, `SELECT 1`)
}

func TestSharedPostgresGivesEachTestADatabase(t *testing.T) {
	t.Parallel()
	var shared testkit.SharedPostgres
	t.Cleanup(func() {
		if err := shared.Close(); err != nil {
			t.Error(err)
		}
	})
	first := shared.Database(t)
	shared.Exec(t, first, `CREATE TABLE mine ()`)
	shared.Exec(t, shared.Database(t), `CREATE TABLE mine ()`)
	shared.Exec(t, shared.Copy(t, first), `DROP TABLE mine`)
	shared.Exec(t, first, `DROP TABLE mine`)
}

func TestSharedPostgresThatNobodyUsed(t *testing.T) {
	t.Parallel()
	var shared testkit.SharedPostgres
	if err := shared.Close(); err != nil {
		t.Error(err)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
