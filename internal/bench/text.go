package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteText writes the report for people.
func (r Report) WriteText(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, values ...any) { fmt.Fprintf(table, name+"\t"+format+"\n", values...) }
	s, m := r.Settings, r.Machine
	row("machine", "%d cores, %s, %s, %s; load %s -> %s", m.Cores, m.Processor, m.System, m.Go, m.LoadBefore, m.LoadAfter)
	row("engine", "%s", strings.Join(append([]string{s.Engine}, s.Flags...), " "))
	row("load", "%s, %s, %d at a time, %s", s.Scheme, counted(s.Endpoints, "endpoint"), s.Concurrency, r.load())
	row("accepted", "%d in %.2f s: %.0f events/s; answer %s", r.Events.Accepted, r.Events.Seconds, r.Events.PerSecond, r.Events.Latency)
	if r.Waiting == nil {
		d := r.Deliveries
		row("delivered", "%d in %.2f s: %.0f deliveries/s; %d missing, %d repeated, %d forged",
			d.Received, d.Seconds, d.PerSecond, d.Missing, d.Repeated, d.Forged)
		row("answer to receiver", "%s", d.FromAnswer)
		row("request to receiver", "%s", d.FromRequest)
	}
	if e := r.Engine; e != nil {
		row("engine CPU", "%.0f us a delivery; %.0f %% of a core under load, %.1f %% at rest; starved %.0f %%",
			e.CPUPerDelivery, e.CPUPercent, e.IdlePercent, e.StarvedPercent)
		if e.Allocations > 0 {
			row("engine heap", "%.0f allocations and %.1f kB a delivery", e.Allocations, e.AllocatedBytes/1000)
		}
		row("engine memory", "%s at rest, %s peak, %s after", size(e.MemoryRest), size(e.MemoryPeak), size(e.MemoryAfter))
	}
	if q := r.Redis; q != nil {
		row("redis", "%s, %s: %.0f us and %.2g commands a delivery; %.1f %% of a core at rest; %s at rest, %s after",
			q.Version, q.Persistence, q.CPUPerDelivery, q.Commands, q.IdlePercent, size(q.MemoryRest), size(q.MemoryAfter))
	}
	if p := r.PostgreSQL; p != nil {
		row("postgresql", "%s: %.0f us and %.0f bytes of WAL a delivery; %.1f %% of a core at rest",
			p.Version, p.CPUPerDelivery, p.WALBytes, p.IdlePercent)
		if p.Statements > 0 {
			row("  by its own count", "%.1f statements and %.1f records of WAL a delivery", p.Statements, p.WALRecords)
		}
	}
	row("load and receiver", "%.0f us a delivery", r.Bench.CPUPerDelivery)
	if w := r.Waiting; w != nil {
		row("waiting", "%s (%s)", counted(w.Deliveries, "delivery"), w.How)
		row("  in the engine", "%s -> %s: %.0f bytes each", size(w.EngineAtFirst), size(w.EngineMemory), w.EngineBytes)
		if r.Redis != nil {
			row("  in Redis", "%s: %.0f bytes each", size(w.RedisGrowth), w.RedisBytes)
		}
		if w.LedgerGrowth > 0 { // only an embedded one is measured
			row("  in the ledger", "%s: %.0f bytes each", size(w.LedgerGrowth), w.LedgerBytes)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func (r Report) load() string {
	load := counted(r.Settings.Batch, "event") + " a request"
	if r.Settings.Rate > 0 {
		load += fmt.Sprintf(", %g events/s", r.Settings.Rate)
	}
	if r.Settings.Delay != "" {
		load += ", receiver takes " + r.Settings.Delay
	}
	return load
}

// String is the spread in one line.
func (l Latency) String() string {
	return fmt.Sprintf("p50 %s, p90 %s, p99 %s, max %s ms", short(l.P50), short(l.P90), short(l.P99), short(l.Max))
}

// short has three digits that count, or all before the point.
func short(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.2f", value)
	}
}

func counted(count int, what string) string {
	switch {
	case count == 1:
		return "1 " + what
	case strings.HasSuffix(what, "y"):
		return fmt.Sprintf("%d %sies", count, strings.TrimSuffix(what, "y"))
	default:
		return fmt.Sprintf("%d %ss", count, what)
	}
}

// size is a number of bytes, in units of 1,024 x 1,024.
func size(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
