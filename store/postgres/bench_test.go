package postgres_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// synced is a ledger of today's partitions on a server that syncs to disk.
func synced(b *testing.B) *postgres.Ledger {
	b.Helper()
	own := testkit.StartPostgres(b)
	at := own.Database()
	migrate(b, at)
	ledger := open(b, at)
	if err := ledger.Prepare(b.Context(), time.Now().Add(7*24*time.Hour)); err != nil {
		b.Fatal(err)
	}
	return ledger
}

// BenchmarkDelivery accepts an event with one delivery and records its attempt,
// from 256 callers at once: five rows. cpu-us/op is what this process used, not
// the server.
func BenchmarkDelivery(b *testing.B) {
	ledger := synced(b)
	b.SetParallelism(256 / runtime.GOMAXPROCS(0))
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
	ledger := synced(b)
	for b.Loop() {
		deliver(b, ledger)
	}
}

// BenchmarkIdleClaim asks for what is overdue when nothing is.
func BenchmarkIdleClaim(b *testing.B) {
	ledger := synced(b)
	before := cpu()
	for b.Loop() {
		if _, err := ledger.Claim(b.Context(), postback.Claim{Now: storetest.Noon(), Next: storetest.Noon(), Limit: 100}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

func deliver(b *testing.B, ledger *postgres.Ledger) {
	event := storetest.Event(storetest.NewID("evt", time.Now()))
	event.AcceptedAt = time.Now()
	item := storetest.Acceptance(event, "ep_1")
	item.Deliveries[0].SweepAt = event.AcceptedAt.Add(time.Minute) // its task is put in the queue
	if _, err := ledger.Accept(b.Context(), []postback.Acceptance{item}); err != nil {
		b.Error(err)
	}
	if err := ledger.Record(b.Context(), storetest.Succeed(item.Deliveries[0].Ref())); err != nil {
		b.Error(err)
	}
}

// cpu is the time that this process has used on all processors.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
