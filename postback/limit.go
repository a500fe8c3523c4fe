package postback

import "math"

// Bounds of what may be asked for of an endpoint's pace.
const (
	MaxInFlight = 1024
	MinRate     = 0.001   // attempts per second: one in a quarter of an hour
	MaxRate     = 100_000 // attempts per second
	MaxBurst    = 100_000
)

// RateLimit bounds how often an endpoint is sent to, by all processes together:
// over any t seconds there are at most Burst + PerSecond*t attempts.
type RateLimit struct {
	PerSecond float64 `json:"per_second"`
	Burst     int     `json:"burst,omitempty"` // attempts at once; 0: what comes in a second, at least 1
}

// Complete checks the limit and fills in the burst. The error names the field.
func (l *RateLimit) Complete() error {
	if !(l.PerSecond >= MinRate && l.PerSecond <= MaxRate) {
		return Invalid("rate_limit.per_second", CodeInvalid, "must be a number from %g to %d, of attempts per second", MinRate, int(MaxRate))
	}
	if l.Burst == 0 {
		l.Burst = secondsWorth(l.PerSecond)
	}
	if l.Burst < 1 || l.Burst > MaxBurst {
		return Invalid("rate_limit.burst", CodeInvalid, "must be from 1 to %d, the attempts that may be made at once", MaxBurst)
	}
	return nil
}

// HasOwnBurst reports whether the burst is another one than what a second brings,
// which a limit without a burst gets.
func (l RateLimit) HasOwnBurst() bool { return l.Burst != secondsWorth(l.PerSecond) }

func secondsWorth(perSecond float64) int { return int(math.Ceil(perSecond)) }
