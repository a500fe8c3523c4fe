package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteText writes the report for people.
func (r IsolationReport) WriteText(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(table, strings.Join(cells, "\t")) }
	r.writeHead(row)
	if r.Backlog != nil {
		r.Backlog.write(row)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	fmt.Fprintln(out, "\nhealthy endpoints, from the API's answer to the receipt of the valid request, in ms:")
	for _, write := range []func(func(...string)){r.writeLatency, r.writeOpenLoop, r.writeUse} {
		write(row)
		if err := table.Flush(); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		fmt.Fprintln(out)
	}
	return nil
}

func (r IsolationReport) writeHead(row func(...string)) {
	s, m, h := r.Settings, r.Machine, r.Healthy
	row("machine", fmt.Sprintf("%d cores, %s, %s, %s; load %s -> %s", m.Cores, m.Processor, m.System, m.Go, m.LoadBefore, m.LoadAfter))
	row("engine", strings.Join(append([]string{s.Engine}, s.Flags...), " "))
	row("load", fmt.Sprintf("%s, %s events/s for %d healthy endpoints; one hangs until its deadline of %s, one fails at once, one takes %s",
		s.Scheme, plain(s.Rate), s.Healthy, s.Deadline, s.SlowFor))
	if s.InFlight > 0 {
		row("", fmt.Sprintf("the one that hangs asks for %s at once", counted(s.InFlight, "attempt")))
	}
	if s.Replay > 0 {
		row("", fmt.Sprintf("one has %s replayed", counted(s.Replay, "delivery")))
	}
	row("phases", fmt.Sprintf("each %s of %s, in turns, after %s of healthy load", counted(s.Rounds, "round"), s.Slot, s.Lead))
	row("healthy", fmt.Sprintf("%d accepted, %d delivered; %d missing, %d repeated, %d forged, %d strange",
		h.Accepted, h.Received, h.Missing, h.Repeated, h.Forged, h.Strangers))
}

func (b *Backlog) write(row func(...string)) {
	row("backlog", fmt.Sprintf("%s parked in %.0f s (%.0f/s)", counted(b.Deliveries, "delivery"), b.Seconds, b.PerSecond))
	row("  engine", fmt.Sprintf("%s before, %s at most, %s with it", size(b.EngineBefore), size(b.EngineMost), size(b.EngineAfter)))
	if b.RedisAfter > 0 {
		row("  Redis", fmt.Sprintf("%s before, %s at most, %s with it", size(b.RedisBefore), size(b.RedisMost), size(b.RedisAfter)))
	}
	if b.LedgerAfter > 0 {
		row("  ledger", fmt.Sprintf("%s before, %s with it", size(b.LedgerBefore), size(b.LedgerAfter)))
	}
}

func (r IsolationReport) writeLatency(row func(...string)) {
	row("", "events", "p50", "p90", "p99", "max", "p99 to alone", "median of rounds", "p99 of each round")
	line := func(name, events string, l Latency, ratio, median, rounds string) {
		row(name, events, short(l.P50), short(l.P90), short(l.P99), short(l.Max), ratio, median, rounds)
	}
	for _, one := range r.Phases {
		var rounds []string
		for _, round := range one.Rounds {
			rounds = append(rounds, short(round.Latency.P99))
		}
		line(one.Name, strconv.Itoa(one.Events), one.Latency, times(one.Ratio), times(one.MedianRatio), strings.Join(rounds, ", "))
		if one.Share > 0 && one.Until != nil {
			line("  until its deadline", "", *one.Until, "", "", "")
			line("  after that", "", *one.Then, "", "", "")
		}
	}
}

// writeOpenLoop shows whether the load came when it was to.
func (r IsolationReport) writeOpenLoop(row func(...string)) {
	row("p50, p99 in ms", "from when it was due to the receipt", "request begun late by", "answer of the API")
	for _, one := range r.Phases {
		row(one.Name, pair(one.Due), pair(one.Late), pair(one.Answer))
	}
}

func (r IsolationReport) writeUse(row func(...string)) {
	row("", "engine CPU", "starved", "engine memory", "Redis memory", "bad endpoints: accepted, requests, at once; load average of each round")
	for _, one := range r.Phases {
		queue := "embedded"
		if one.RedisMost > 0 {
			queue = size(one.RedisBefore) + " -> " + size(one.RedisMost)
		}
		var notes []string
		for _, bad := range one.Offenders {
			notes = append(notes, fmt.Sprintf("%s (%s/s) %d, %d, %d", bad.Name, plain(bad.Rate), bad.Accepted, bad.Requests, bad.Most))
		}
		var loads []string
		for _, round := range one.Rounds {
			loads = append(loads, strings.SplitN(round.Load, " ", 2)[0])
		}
		notes = append(notes, "load "+strings.Join(loads, " "))
		row(one.Name, fmt.Sprintf("%.0f %%", one.EngineCPU), fmt.Sprintf("%.0f %%", one.Starved), size(one.EngineMost), queue, strings.Join(notes, "; "))
	}
}

func plain(value float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") }

func times(ratio float64) string { return fmt.Sprintf("%.2f x", ratio) }

func pair(l Latency) string { return short(l.P50) + ", " + short(l.P99) }
