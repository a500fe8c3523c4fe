package postback

import "time"

// AttemptCounts counts what came of an endpoint's attempts in a slot of time, in one
// process.
type AttemptCounts struct {
	EndpointID string
	Slot       time.Time // when it began
	Attempts   int
	Succeeded  int
	Errors     map[string]int // those that did not succeed, by code
	// Latencies are how long the attempts took, by bucket; package
	// internal/traffic says which that are.
	Latencies     map[int]int
	LastAttemptAt time.Time
	LastSuccessAt time.Time // zero when none succeeded
}

// Traffic is what came of an endpoint's attempts lately, in all processes.
// Examples do not count.
type Traffic struct {
	Since     time.Time // what is older does not count
	Attempts  int
	Succeeded int
	// Errors counts those that did not succeed by their code. An answer that
	// is no success counts as its status: status_503.
	Errors  map[string]int
	Latency Latency
	// LastAttemptAt and LastSuccessAt are those of the last day, whatever Since
	// is; zero when there was none.
	LastAttemptAt time.Time
	LastSuccessAt time.Time
}

// Latency is how long the attempts of an endpoint take, from signing to the
// answer's last byte or to the failure: that many of a hundred take no longer.
// Each is off by less than 5 %; zero without attempts.
type Latency struct {
	P50, P95, P99 time.Duration
}

// Waiting counts deliveries that have not ended.
type Waiting struct {
	Pending  int
	Retrying int
	Parked   map[Reason]int // by reason; those with none are left out
	Oldest   time.Time      // when the oldest was made; zero when none waits
}

// Health is how an endpoint does.
type Health struct {
	FailureStreak FailureStreak // zero: it does not fail
	Traffic       Traffic
	Waiting       Waiting
	// WaitingLimit is how far each kind of what waits was counted: pending and
	// retrying ones together, and parked ones of each reason.
	WaitingLimit int
	// Block is why nothing can be sent to it; without a Cause: something can.
	Block Block
	// HeldUntil is until when it asked to be left alone; zero: it is not.
	HeldUntil time.Time
}
