package api_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybillhq/waybill/api"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

// BenchmarkExport is everything but the ledger: rows that are made on the fly
// go over a connection of this machine.
func BenchmarkExport(b *testing.B) {
	const rows = 200_000
	for _, how := range []string{"?format=csv", "?format=jsonl"} {
		b.Run(how, func(b *testing.B) { benchExport(b, &endless{rows: rows}, how, "identity", rows) })
	}
	b.Run("gzip", func(b *testing.B) { benchExport(b, &endless{rows: rows}, "?format=csv", "gzip", rows) })
	b.Run("attempts", func(b *testing.B) {
		benchExport(b, &endless{rows: rows / 10}, "?format=jsonl&attempts=true", "identity", rows/10)
	})
}

// How much the ledgers of the benchmarks hold, and how many of these deliveries
// have an attempt.
const (
	benchRows  = 300_000
	benchTried = 30_000
)

// benchLedger is what a benchmark fills and exports.
type benchLedger interface {
	api.Exports
	Accept(ctx context.Context, items []postback.Acceptance) ([]postback.Acceptance, error)
	Record(ctx context.Context, move postback.Transition) error
	Prepare(ctx context.Context, until time.Time) error
}

func BenchmarkExportSQLite(b *testing.B) {
	ledger, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(b.TempDir(), "ledger.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ledger.Close() })
	fill(b, ledger)
	benchLedgers(b, ledger)
}

func BenchmarkExportPostgres(b *testing.B) {
	server := testkit.StartPostgres(b)
	options := postgres.Options{URL: server.Database(), Connections: 16, Logger: slog.New(slog.DiscardHandler)}
	if _, err := postgres.Migrate(b.Context(), options); err != nil {
		b.Fatal(err)
	}
	ledger, err := postgres.Open(b.Context(), options)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ledger.Close() })
	fill(b, ledger)
	server.Exec(options.URL, "ANALYZE") // as autovacuum does within minutes
	benchLedgers(b, ledger)
}

func benchLedgers(b *testing.B, ledger api.Exports) {
	b.Helper()
	for _, how := range []string{"?format=csv", "?format=jsonl"} {
		b.Run(how, func(b *testing.B) { benchExport(b, ledger, how, "identity", benchRows) })
	}
	b.Run("gzip", func(b *testing.B) { benchExport(b, ledger, "?format=csv", "gzip", benchRows) })
	for _, how := range []string{"?format=csv", "?format=jsonl"} {
		b.Run("attempts"+how, func(b *testing.B) {
			benchExport(b, ledger, how+"&attempts=true&state=succeeded", "identity", benchTried)
		})
	}
}

// fill spreads the deliveries over the last five minutes.
func fill(b *testing.B, ledger benchLedger) {
	b.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	if err := ledger.Prepare(b.Context(), now.Add(48*time.Hour)); err != nil {
		b.Fatal(err)
	}
	var work errgroup.Group
	work.SetLimit(64)
	const batch = 1000
	for from := 0; from < benchRows; from += batch {
		items := make([]postback.Acceptance, batch)
		for i := range items {
			event := storetest.Event(fmt.Sprintf("tx-%024d", from+i))
			event.AcceptedAt = now.Add(time.Duration(from+i-benchRows) * time.Millisecond)
			items[i] = storetest.Acceptance(event, "ep_019b9a6b0f7a7000a1b2c3d4e5f60718")
		}
		if _, err := ledger.Accept(b.Context(), items); err != nil {
			b.Fatal(err)
		}
		for _, item := range items[:batch*benchTried/benchRows] {
			work.Go(func() error { return ledger.Record(b.Context(), storetest.Succeed(item.Deliveries[0].Ref())) })
		}
	}
	if err := work.Wait(); err != nil {
		b.Fatal(err)
	}
}

func benchExport(b *testing.B, exports api.Exports, query, coding string, rows int) {
	b.Helper()
	server := httptest.NewServer(streamHandler(b, exports))
	defer server.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	size := int64(0)
	for b.Loop() {
		request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL+"/v1/deliveries/export"+query, nil)
		if err != nil {
			b.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+keyPrefix+"viewer")
		request.Header.Set("Accept-Encoding", coding)
		response, err := server.Client().Do(request)
		if err != nil {
			b.Fatal(err)
		}
		if size, err = io.Copy(io.Discard, response.Body); err != nil {
			b.Fatal(err)
		}
		response.Body.Close()
	}
	runtime.ReadMemStats(&after)
	all := float64(b.N) * float64(rows)
	b.ReportMetric(all/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/all, "allocs/row")
	b.ReportMetric(float64(size)/float64(rows), "bytes/row")
}
