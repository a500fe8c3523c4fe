package postback

import (
	"encoding/json"
	"time"
)

// RetryPolicy says how often and how late a delivery is tried again.
//
// It is either an explicit Schedule (the delays between attempts, in order;
// n delays allow n+1 attempts) or a curve: Initial * Multiplier^k, no longer
// than MaxInterval, moved by up to ±Jitter (a fraction, 0..1), until
// MaxAttempts attempts were made. MaxAge bounds both, counted from the moment
// the delivery was accepted or replayed. Zero MaxAge means no bound by age.
//
// On and StopOn say which failures are worth another attempt at all. On names
// kinds of failures ("timeout", "5xx", "503", ...); empty means every one.
// StopOn names statuses that end a delivery at once.
type RetryPolicy struct {
	Schedule    []Duration `json:"schedule,omitzero" maxItems:"100" nullable:"false" doc:"The delays between attempts: n of them allow n+1 attempts, [] allows one"` // nil: none is given; empty: one attempt, no retry
	Initial     Duration   `json:"initial,omitempty" example:"1s" doc:"More than 0; left out of a curve: 20s"`
	Multiplier  float64    `json:"multiplier,omitempty" doc:"At least 1; left out of a curve: 3"`
	MaxInterval Duration   `json:"max_interval,omitempty" example:"1h" doc:"More than 0; left out of a curve: 18h"`
	MaxAttempts int        `json:"max_attempts,omitempty" doc:"At least 1. A curve has this or max_age"`
	MaxAge      Duration   `json:"max_age,omitempty" example:"72h" doc:"More than 0; left out: no bound by age"`
	Jitter      float64    `json:"jitter,omitempty" doc:"A fraction, 0 to 1; left out of a curve: 0"`
	On          []string   `json:"on,omitempty" nullable:"false" doc:"Retry only these failures: timeout, connection, tls, dns, 1xx, 2xx, 3xx, 4xx, 5xx, unexpected_body, or a status such as 503; none means every failure"`
	StopOn      []int      `json:"stop_on,omitempty" nullable:"false" doc:"Statuses that end a delivery at once, such as 403"`
}

// Timed reports whether the policy says anything of times; else the scheme's are
// meant.
func (p RetryPolicy) Timed() bool {
	return p.Schedule != nil || p.Initial != 0 || p.Multiplier != 0 || p.MaxInterval != 0 || p.MaxAttempts != 0 || p.MaxAge != 0 || p.Jitter != 0
}

// CheckGiven refuses a policy of which a value that was written would be lost,
// because it is the zero that stands for not given: given says which members were
// written. A jitter of 0 is what a curve without one has, but it makes no curve.
func (p RetryPolicy) CheckGiven(given func(member string) bool) error {
	for _, member := range []struct {
		name string
		zero bool
		code Code
	}{
		{"initial", p.Initial == 0, CodeInvalidDuration},
		{"multiplier", p.Multiplier == 0, CodeInvalid},
		{"max_interval", p.MaxInterval == 0, CodeInvalidDuration},
		{"max_attempts", p.MaxAttempts == 0, CodeInvalid},
		{"max_age", p.MaxAge == 0, CodeInvalidDuration},
	} {
		if member.zero && given(member.name) {
			return Invalid("retry."+member.name, member.code, "is 0: give more, or leave it out")
		}
	}
	switch {
	case p.Timed():
		return nil
	case given("jitter"):
		return Endless()
	case len(p.On) == 0 && len(p.StopOn) == 0:
		return Invalid("retry", CodeInvalid, "says nothing: give a schedule or a curve; for the scheme's own policy leave it out, or set it to null in a change")
	default:
		return nil
	}
}

// Endless refuses a curve that nothing bounds.
func Endless() *Error {
	return Invalid("retry.max_attempts", CodeInvalid, "set max_attempts or max_age: every delivery ends")
}

// Duration is a time.Duration that JSON spells as Go does: "1s", "5m", "72h".
type Duration time.Duration

// MarshalJSON writes the Go spelling.
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(d).String()) //nolint:wrapcheck // a string always marshals
}

// UnmarshalJSON reads what ParseAge reads; anything else is an invalid_duration error.
func (d *Duration) UnmarshalJSON(text []byte) error {
	var spelled string
	if err := json.Unmarshal(text, &spelled); err != nil {
		return Invalid("", CodeInvalidDuration, `write a duration as a string such as "15s", "5m" or "72h"`)
	}
	parsed, err := ParseAge(spelled)
	if err != nil {
		return Invalid("", CodeInvalidDuration, UseAge)
	}
	*d = Duration(parsed)
	return nil
}
