package bench

import (
	"context"
	"testing"
	"time"
)

// Times are what a run noted of one event; zero is never.
type Times struct{ Begun, Accepted, Received time.Duration }

// Fill works out the report of a run that noted these times and took that much
// of each process.
func Fill(options Options, noted []Times, repeated int, idle, begin, end, after Sample) Report {
	r := &run{Options: options, journal: newJournal(len(noted)), sink: &sink{}}
	for index, times := range noted {
		r.journal.begun[index].Store(int64(times.Begun))
		r.journal.accepted[index].Store(int64(times.Accepted))
		r.journal.received[index].Store(int64(times.Received))
	}
	r.journal.repeats.Store(int64(repeated))
	report := Report{}
	r.fill(&report, course{idle: idle.snapshot(), begin: begin.snapshot(), end: end.snapshot(), after: after.snapshot()})
	return report
}

// Sample is what the engine, Redis and the bench have used at a moment.
type Sample struct {
	At                    time.Duration
	Engine, Redis, Bench  time.Duration // of processor
	Database              time.Duration
	Commands, WAL         int64
	Memory, Queue, Ledger int64
}

func (s Sample) snapshot() snapshot {
	return snapshot{
		at: s.At, bench: usage{cpu: s.Bench}, ledger: s.Ledger,
		engine:   &usage{cpu: s.Engine, rss: s.Memory, peak: s.Memory},
		queue:    &queueUsage{cpu: s.Redis, memory: s.Queue, commands: s.Commands},
		database: &databaseUsage{cpu: s.Database, wal: s.WAL},
	}
}

// ParseUsage reads the texts of /proc/PID/stat and status.
func ParseUsage(stat, status string) (cpu time.Duration, rss, peak int64, err error) {
	used, err := parseUsage(stat, status)
	return used.cpu, used.rss, used.peak, err
}

// ParseStat reads the text of /proc/PID/stat.
func ParseStat(stat string) (name string, parent int, cpu, children time.Duration, err error) {
	found, err := parseStat(stat)
	return found.name, found.parent, found.cpu, found.children, err
}

// ParseInfo reads what Redis answers to INFO.
func ParseInfo(info string) (cpu time.Duration, memory int64, version, persistence string) {
	used := parseInfo(info)
	return used.cpu, used.memory, used.version, used.persistence
}

// Offences is what offenders get in a phase, of events per second.
func Offences(plan Isolation, share int) (hangs, others float64) { return plan.offences(share) }

// Played is a turn that noted these times of the healthy events, which were due
// from a time on, and count after a lead.
type Played struct {
	Share       int
	Start, Lead time.Duration
	Noted       []Times
	Begin, End  Sample
	Most        int64 // of Redis's memory
}

// FillIsolation works out the figures of a run that played these turns.
func FillIsolation(plan Isolation, played []Played) IsolationReport {
	i := &isolation{run: newRun(plan.options()), plan: plan}
	i.sink, i.journal = &sink{}, newJournal(100)
	var turns []turn
	next := 0
	for _, one := range played {
		for place, times := range one.Noted {
			i.journal.begun[next+place].Store(int64(times.Begun))
			i.journal.accepted[next+place].Store(int64(times.Accepted))
			i.journal.received[next+place].Store(int64(times.Received))
		}
		turns = append(turns, turn{
			phase: phase{share: one.Share}, first: next, count: len(one.Noted), start: one.Start, from: one.Start + one.Lead,
			begin: one.Begin.snapshot(), end: one.End.snapshot(), most: peaks{queue: one.Most},
		})
		next += len(one.Noted)
	}
	var report IsolationReport
	i.report(&report, turns)
	return report
}

// OpenOffenders starts the receiver of the endpoints that misbehave, which ends
// with the test. The function lets go all that hang or drip.
func OpenOffenders(t testing.TB) (url string, letGo func()) {
	t.Helper()
	o := newOffenders(0)
	if err := o.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return o.url, o.release
}
