package bench

import "time"

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
	Memory, Queue, Ledger int64
}

func (s Sample) snapshot() snapshot {
	return snapshot{
		at: s.At, bench: usage{cpu: s.Bench}, ledger: s.Ledger,
		engine: &usage{cpu: s.Engine, rss: s.Memory, peak: s.Memory},
		queue:  &queueUsage{cpu: s.Redis, memory: s.Queue},
	}
}

// ParseUsage reads the texts of /proc/PID/stat and status.
func ParseUsage(stat, status string) (cpu time.Duration, rss, peak int64, err error) {
	used, err := parseUsage(stat, status)
	return used.cpu, used.rss, used.peak, err
}

// ParseInfo reads what Redis answers to INFO.
func ParseInfo(info string) (cpu time.Duration, memory int64, version, persistence string) {
	used := parseInfo(info)
	return used.cpu, used.memory, used.version, used.persistence
}
