package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

// BenchmarkPrune forgets deliveries that each had one attempt with a body of
// 2 KB, while four callers deliver and wait a little between. The figures are
// the longest time that a step of forgetting and one of shortening the file
// took, what a write took meanwhile, and the sizes of the file.
func BenchmarkPrune(b *testing.B) {
	const old = 20_000
	for b.Loop() {
		b.StopTimer()
		path := filepath.Join(b.TempDir(), "ledger.db")
		ledger := open(b, path)
		fillOld(b, ledger, old)
		before := fileSize(b, path)
		b.StartTimer()

		stop := make(chan struct{})
		var group sync.WaitGroup
		writes := make([][]time.Duration, 4)
		for i := range writes {
			group.Go(func() { writes[i] = deliverUntil(b, ledger, stop) })
		}
		forgetting := steps(b, func() (bool, error) {
			n, err := sqlite.PruneStep(b.Context(), ledger, storetest.After(time.Hour))
			return n > 0, err
		})
		shortening := steps(b, func() (bool, error) { return sqlite.ShrinkStep(b.Context(), ledger) })
		close(stop)
		group.Wait()
		took := slices.Sorted(slices.Values(slices.Concat(writes...)))
		if _, err := ledger.Prune(b.Context(), storetest.After(time.Hour)); err != nil {
			b.Fatal(err)
		}
		if err := ledger.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(slices.Max(forgetting).Microseconds())/1e3, "longest-step-ms")
		b.ReportMetric(float64(slices.Max(shortening).Microseconds())/1e3, "longest-shrink-ms")
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, "write-p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1e3, "write-p99-ms")
		b.ReportMetric(float64(took[len(took)-1].Microseconds())/1e3, "write-max-ms")
		b.ReportMetric(float64(len(forgetting)), "steps")
		b.ReportMetric(float64(before>>20), "MB-before")
		b.ReportMetric(float64(fileSize(b, path)>>20), "MB-after")
		b.ReportMetric(old/b.Elapsed().Seconds(), "deliveries/s")
	}
}

// steps takes steps until there are no more, resting as long as each took, and
// returns how long each took.
func steps(b *testing.B, step func() (bool, error)) (took []time.Duration) {
	for {
		start := time.Now()
		more, err := step()
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
		if !more {
			return took
		}
		wait(4 * time.Since(start))
	}
}

func wait(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

// deliverUntil delivers one event after the other, each newer than what is
// forgotten, and returns how long each write took.
func deliverUntil(b *testing.B, ledger *sqlite.Ledger, stop <-chan struct{}) (took []time.Duration) {
	for {
		select {
		case <-stop:
			return took
		default:
		}
		item := acceptance()
		start := time.Now()
		if _, err := ledger.Accept(b.Context(), []postback.Acceptance{item}); err != nil {
			b.Error(err)
			return took
		}
		took = append(took, time.Since(start))
		move := storetest.Succeed(item.Deliveries[0].Ref())
		move.At = storetest.After(2 * time.Hour)
		start = time.Now()
		if err := ledger.Record(b.Context(), move); err != nil {
			b.Error(err)
			return took
		}
		took = append(took, time.Since(start))
		wait(5 * time.Millisecond)
	}
}

// fillOld writes deliveries that have ended.
func fillOld(tb testing.TB, ledger *sqlite.Ledger, n int) {
	tb.Helper()
	body := bytes.Repeat([]byte("0123456789abcdef"), 128)
	for made := 0; made < n; made += 500 {
		items := make([]postback.Acceptance, min(500, n-made))
		for i := range items {
			items[i] = acceptance()
		}
		if _, err := ledger.Accept(tb.Context(), items); err != nil {
			tb.Fatal(err)
		}
		var group sync.WaitGroup
		for _, item := range items {
			group.Go(func() {
				move := storetest.Succeed(item.Deliveries[0].Ref())
				move.Attempt.Response.Body = body
				if err := ledger.Record(tb.Context(), move); err != nil {
					tb.Error(err)
				}
			})
		}
		group.Wait()
	}
}

func fileSize(tb testing.TB, path string) int64 {
	tb.Helper()
	info, err := os.Stat(path)
	if err != nil {
		tb.Fatal(err)
	}
	return info.Size()
}
