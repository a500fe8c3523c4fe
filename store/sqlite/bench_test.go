package sqlite_test

import (
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

// BenchmarkDelivery accepts an event with one delivery and records its attempt,
// from 64 callers at once. cpu-us/op is what the whole process used.
func BenchmarkDelivery(b *testing.B) {
	ledger := open(b, filepath.Join(b.TempDir(), "ledger.db"))
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	before := cpu()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			deliver(b, ledger)
		}
	})
	b.StopTimer()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkAlone is the same from one caller, who waits for two commits.
func BenchmarkAlone(b *testing.B) {
	ledger := open(b, filepath.Join(b.TempDir(), "ledger.db"))
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		deliver(b, ledger)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
}

// BenchmarkBatch accepts 1,000 events in one call.
func BenchmarkBatch(b *testing.B) {
	ledger := open(b, filepath.Join(b.TempDir(), "ledger.db"))
	for b.Loop() {
		items := make([]postback.Acceptance, 1000)
		for i := range items {
			items[i] = acceptance()
		}
		if _, err := ledger.Accept(b.Context(), items); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkLook measures what each process asks ten times a second: what is due,
// and what of one endpoint may be released, when there is nothing.
func BenchmarkLook(b *testing.B) {
	ledger := open(b, filepath.Join(b.TempDir(), "ledger.db"))
	for b.Loop() {
		now := time.Now()
		if _, err := ledger.Claim(b.Context(), postback.Claim{Now: now, Next: now, Limit: 500}); err != nil {
			b.Fatal(err)
		}
		if _, err := ledger.Release(b.Context(), "ep_1", now, 100, 100); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDue reads what a task needs, from 16 callers.
func BenchmarkDue(b *testing.B) {
	ledger := open(b, filepath.Join(b.TempDir(), "ledger.db"))
	item := acceptance()
	if _, err := ledger.Accept(b.Context(), []postback.Acceptance{item}); err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(16 / runtime.GOMAXPROCS(0))
	before := cpu()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := ledger.Due(b.Context(), item.Deliveries[0].Ref()); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

func acceptance() postback.Acceptance {
	item := storetest.Acceptance(storetest.Event(storetest.NewID("evt", storetest.Noon())), "ep_1")
	item.Deliveries[0].SweepAt = storetest.After(time.Minute) // its task is put in the queue
	return item
}

func deliver(b *testing.B, ledger *sqlite.Ledger) {
	item := acceptance()
	if _, err := ledger.Accept(b.Context(), []postback.Acceptance{item}); err != nil {
		b.Error(err)
	}
	if err := ledger.Record(b.Context(), storetest.Succeed(item.Deliveries[0].Ref())); err != nil {
		b.Error(err)
	}
}

// cpu is the time that the process has used on all processors.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
