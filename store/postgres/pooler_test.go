package postgres_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// ignored has a pooler forget our settings instead of refusing them.
const ignored = "ignore_startup_parameters = statement_timeout,idle_in_transaction_session_timeout,tcp_user_timeout," +
	"synchronous_commit,default_transaction_isolation,plan_cache_mode,jit,max_parallel_workers_per_gather,enable_seqscan"

// poolers are the ways of a pooler.
func poolers() map[string][]string {
	return map[string][]string{
		"sessions":              {"pool_mode = session"},
		"transactions":          {"pool_mode = transaction", "default_pool_size = 6"},
		"transactions, ignores": {"pool_mode = transaction", ignored},
	}
}

// TestPooler checks that a ledger works through a pooler in each of its modes, and
// says which settings do not get through.
func TestPooler(t *testing.T) {
	t.Parallel()
	for name, settings := range poolers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := server.Database(t)
			at := testkit.StartPgBouncer(t, direct, settings...)
			migrate(t, at)
			var log bytes.Buffer
			ledger, err := postgres.Open(t.Context(), postgres.Options{URL: at, Connections: 8, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = ledger.Close() })
			if !strings.Contains(log.String(), "connection pooler") || !strings.Contains(log.String(), "SET enable_seqscan = 'off'") {
				t.Errorf("the log says %q", log.String())
			}
			if err := postgres.PrepareDays(t.Context(), ledger, storetest.Noon(), storetest.Noon()); err != nil {
				t.Fatal(err)
			}
			w := write(t.Context(), ledger)
			testkit.Eventually(t, "much is written", func() bool { accepted, failed := w.count(); return accepted > 200 || failed > 16 })
			w.stop()
			w.group.Wait()
			server.Exec(t, direct, whole)
			w.check(t, ledger)
			if _, _, err := ledger.Deliveries(t.Context(), postback.DeliveryFilter{EndpointID: "ep_1"}, postback.Page{}); err != nil {
				t.Fatal(err)
			}
			if _, err := ledger.Claim(t.Context(), postback.Claim{Now: time.Now(), Next: time.Now(), Limit: 10}); err != nil {
				t.Fatal(err)
			}
			wantLacking(t, direct, at)
		})
	}
}

// wantLacking checks that the settings that a pooler keeps back are named, and that
// the advice puts them in force.
func wantLacking(t *testing.T, direct, at string) {
	t.Helper()
	state, err := postgres.Inspect(t.Context(), options(at))
	if err != nil || !state.Pooled || len(state.Lacking) == 0 {
		t.Fatalf("the state is %+v, %v", state, err)
	}
	server.Exec(t, direct, strings.Join(state.Lacking, ";"))
	// Sessions that the pooler keeps have begun before.
	server.Exec(t, direct, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	testkit.Eventually(t, "nothing is lacking", func() bool {
		state, err := postgres.Inspect(t.Context(), options(at))
		return err == nil && len(state.Lacking) == 0
	})
	straight, err := postgres.Inspect(t.Context(), options(direct))
	if err != nil || straight.Pooled || len(straight.Lacking) > 0 {
		t.Fatalf("without a pooler the state is %+v, %v", straight, err)
	}
}
