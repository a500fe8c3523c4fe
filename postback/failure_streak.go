package postback

import "time"

// FailureStreak is an endpoint that fails: from its first failure to its next
// success.
type FailureStreak struct {
	EndpointID string
	Since      time.Time // the first failure
	Failures   int       // since then, roughly: they are counted in groups
	FailedAt   time.Time // the last one that was noted
	LastError  string    // its code
	// OpenedAt is when the endpoint's circuit opened: since then its deliveries
	// are parked, and one now and then is sent as a probe. Zero while it is
	// closed.
	OpenedAt time.Time
	TriedAt  time.Time // when it was tried last: that opening, or a probe
	Probes   int       // sent since then
	ProbeAt  time.Time // when the next one is due
}

// Open reports whether the circuit is open.
func (s FailureStreak) Open() bool { return !s.OpenedAt.IsZero() }

// StreakChanges are what changed of endpoints' streaks since a mark.
type StreakChanges struct {
	Mark    int64           // what to ask with for the changes after these
	All     bool            // Changed are all streaks that there are
	Changed []FailureStreak // as they are now
	Ended   []string        // the endpoints that are in none any more
}
