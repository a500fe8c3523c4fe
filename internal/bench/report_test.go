package bench_test

import (
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/bench"
)

func TestReportArithmetic(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	noted := []bench.Times{
		{Begun: 100 * ms, Accepted: 110 * ms, Received: 130 * ms},
		{Begun: 150 * ms, Accepted: 190 * ms, Received: 180 * ms}, // came before the answer
		{Begun: 200 * ms, Accepted: 300 * ms},                     // is missing
		{},                                                        // was never sent
		{Begun: 105 * ms, Accepted: 115 * ms, Received: 610 * ms},
	}
	idle := bench.Sample{Engine: 50 * ms, Memory: 40 << 20}
	begin := bench.Sample{
		At: time.Second, Engine: 60 * ms, Redis: 1 * ms, Bench: 5 * ms, Memory: 40 << 20, Queue: 1 << 20, Ledger: 1000,
		Database: 20 * ms, WAL: 1000, Commands: 10,
	}
	end := bench.Sample{
		At: 2 * time.Second, Engine: 63 * ms, Redis: 4 * ms, Bench: 11 * ms, Memory: 50 << 20, Queue: 3 << 20, Ledger: 7000,
		Database: 26 * ms, WAL: 4000, Commands: 19,
	}
	got := bench.Fill(bench.Defaults(), noted, 2, idle, begin, end, end)

	events, deliveries := got.Events, got.Deliveries
	if events.Accepted != 4 || events.Seconds != 0.2 || events.PerSecond != 20 || events.Latency.Max != 100 || events.Latency.P50 != 10 {
		t.Errorf("events: %+v", events)
	}
	if deliveries.Received != 3 || deliveries.Missing != 1 || deliveries.Repeated != 2 || deliveries.Seconds != 0.5 || deliveries.PerSecond != 6 {
		t.Errorf("deliveries: %+v", deliveries)
	}
	if want := (bench.Latency{P50: 20, P90: 495, P99: 495, Max: 495}); deliveries.FromAnswer != want {
		t.Errorf("from the answer: %+v, want %+v", deliveries.FromAnswer, want)
	}
	if want := (bench.Latency{P50: 30, P90: 505, P99: 505, Max: 505}); deliveries.FromRequest != want {
		t.Errorf("from the request: %+v, want %+v", deliveries.FromRequest, want)
	}
	if got.Engine.CPUPerDelivery != 1000 || got.Engine.CPUPercent != 0.3 || got.Engine.IdlePercent != 1 {
		t.Errorf("engine: %+v", got.Engine)
	}
	if got.Redis.CPUPerDelivery != 1000 || got.Bench.CPUPerDelivery != 2000 {
		t.Errorf("Redis %+v, bench %+v", got.Redis, got.Bench)
	}
	if got.Redis.IdlePercent != 0.1 || got.Redis.Commands != 3 {
		t.Errorf("Redis %+v", got.Redis)
	}
	if want := (bench.PostgreSQL{CPUPerDelivery: 2000, IdlePercent: 2, WALBytes: 1000}); *got.PostgreSQL != want {
		t.Errorf("PostgreSQL %+v, want %+v", got.PostgreSQL, want)
	}
	if got.Waiting != nil {
		t.Errorf("nothing was to wait: %+v", got.Waiting)
	}
}

func TestReportOfWaitingDeliveries(t *testing.T) {
	t.Parallel()
	noted := []bench.Times{{Begun: 1, Accepted: 2}, {Begun: 1, Accepted: 2}}
	options := bench.Defaults()
	options.Waiting = true
	before := bench.Sample{Memory: 40 << 20, Queue: 1000, Ledger: 500}
	with := bench.Sample{Memory: 40<<20 + 8000, Queue: 1500, Ledger: 2500}
	report := bench.Fill(options, noted, 0, before, before, with, with)
	if report.Deliveries.Missing != 0 {
		t.Errorf("%d deliveries count as missing", report.Deliveries.Missing)
	}
	waiting := report.Waiting
	if waiting == nil || waiting.Deliveries != 2 || waiting.How != "paused" ||
		waiting.EngineBytes != 4000 || waiting.RedisBytes != 250 || waiting.LedgerBytes != 1000 {
		t.Errorf("got %+v", waiting)
	}
}

func TestReportOfNothing(t *testing.T) {
	t.Parallel()
	got := bench.Fill(bench.Defaults(), nil, 0, bench.Sample{}, bench.Sample{}, bench.Sample{}, bench.Sample{})
	if got.Events != (bench.Events{}) || got.Deliveries != (bench.Deliveries{}) || *got.Engine != (bench.Engine{}) {
		t.Errorf("got %+v, %+v, %+v", got.Events, got.Deliveries, got.Engine)
	}
}

func TestParseUsage(t *testing.T) {
	t.Parallel()
	const stat = "4711 (a) b (c) S 1 4711 4711 0 -1 4194560 9000 0 0 0 250 50 7 7 20 0 9 0 100 1 2 3"
	const status = "Name:\ta\nVmHWM:\t   81920 kB\nVmRSS:\t   40960 kB\nThreads:\t9\n"
	cpu, rss, peak, err := bench.ParseUsage(stat, status)
	if err != nil || cpu != 3*time.Second || rss != 40<<20 || peak != 80<<20 {
		t.Errorf("got %s, %d, %d, %v", cpu, rss, peak, err)
	}
	for _, bad := range []string{"", "4711 (a) S 1", strings.Replace(stat, " 250 ", " many ", 1)} {
		if _, _, _, err := bench.ParseUsage(bad, status); err == nil {
			t.Errorf("%q is no error", bad)
		}
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	name, parent, cpu, children, err := bench.ParseStat("4711 (postgres) S 17 4711 4711 0 -1 4194560 9000 0 0 0 250 50 7 13 20 0 9 0 100")
	if name != "postgres" || parent != 17 || cpu != 3*time.Second || children != 200*time.Millisecond || err != nil {
		t.Errorf("got %q, %d, %s, %s, %v", name, parent, cpu, children, err)
	}
}

func TestParseInfo(t *testing.T) {
	t.Parallel()
	cpu, memory, version, persistence := bench.ParseInfo("# Server\r\nredis_version:7.0.15\r\n\r\nused_memory:1048576\r\n" +
		"aof_enabled:1\r\nused_cpu_sys:1.500000\r\nused_cpu_user:0.250000\r\nused_cpu_sys_children:9\r\n")
	if cpu != 1750*time.Millisecond || memory != 1<<20 || version != "7.0.15" || persistence != "append-only file" {
		t.Errorf("got %s, %d, %q, %q", cpu, memory, version, persistence)
	}
	if _, _, _, persistence := bench.ParseInfo("aof_enabled:0\r\n"); persistence != "no append-only file" {
		t.Errorf("without: %q", persistence)
	}
}
