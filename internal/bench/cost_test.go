package bench_test

import (
	"io"
	"testing"

	"github.com/waybillhq/waybill/internal/bench"
	"github.com/waybillhq/waybill/internal/cli"
	"github.com/waybillhq/waybill/internal/testkit"
)

// What a delivery costs that does not depend on the machine is bounded, by about a
// seventh more than was measured with the race detector on: whoever adds a query, a
// command or an index to the way of a delivery sees it here. When a change is worth
// its cost, raise the bound with it; when one saves something, lower it.
func TestWhatADeliveryCosts(t *testing.T) {
	server := testkit.StartPostgres(t, "shared_preload_libraries=pg_stat_statements")
	options := small(t)
	options.Events, options.Endpoints, options.Concurrency = 2000, 50, 64
	options.Redis, options.Database = testkit.StartRedis(t).URL(), server.Database()
	server.Exec(options.Database, "CREATE EXTENSION pg_stat_statements")
	if code := cli.Run(t.Context(), []string{"migrate", "--database", options.Database}, nil, io.Discard, io.Discard); code != 0 {
		t.Fatal("it cannot be migrated")
	}
	report, err := bench.Run(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if report.Deliveries.Received != options.Events || report.Deliveries.Repeated+report.Deliveries.Missing != 0 {
		t.Fatalf("deliveries %+v", report.Deliveries)
	}
	if used := report.PostgreSQL; used.Version == "" || used.CPUPerDelivery <= 0 {
		t.Errorf("PostgreSQL: %+v", used)
	}
	for _, cost := range []struct {
		name       string
		got, bound float64
	}{
		{"allocations", report.Engine.Allocations, 700},
		{"bytes allocated", report.Engine.AllocatedBytes, 112_000},
		{"Redis commands", report.Redis.Commands, 22},
		{"SQL statements", report.PostgreSQL.Statements, 1.5},
		{"WAL records", report.PostgreSQL.WALRecords, 31},
		{"bytes of WAL", report.PostgreSQL.WALBytes, 5_600},
	} {
		t.Logf("%s: %.1f a delivery", cost.name, cost.got)
		if cost.got <= 0 || cost.got > cost.bound {
			t.Errorf("%s: %.1f a delivery, at most %.1f", cost.name, cost.got, cost.bound)
		}
	}
}
