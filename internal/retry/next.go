package retry

import (
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/waybillhq/waybill/postback"
)

// Verdict says what follows a failed attempt. Its values are stable: the ending
// ones are the reasons of dead letters.
type Verdict string

// The verdicts of [Next].
const (
	// Again: try again after the delay.
	Again Verdict = "retry"
	// AttemptsExhausted: the policy's last attempt has failed.
	AttemptsExhausted Verdict = "attempts_exhausted"
	// PastMaxAge: the next attempt would start later than the policy's MaxAge.
	PastMaxAge Verdict = "max_age"
)

// Next says how long after now the next attempt of a delivery starts, or why
// there is none; the delay is zero then. The policy must be complete (see
// [Complete]).
//
// openedAt is when the delivery was accepted or last replayed, and failed how
// many attempts have failed since then. random returns a number in [0, 1) and
// is called at most once, for a curve with jitter.
//
// MaxAge is never overrun: when the next attempt would start after openedAt +
// MaxAge, the delivery ends now instead of with an early last attempt. A caller
// that lengthens the delay (see [RetryAfter]) asks [Expired] again.
func Next(
	policy postback.RetryPolicy, now, openedAt time.Time, failed int, random func() float64,
) (time.Duration, Verdict) {
	failed = max(failed, 1)
	if failed >= attempts(policy) {
		return 0, AttemptsExhausted
	}
	delay := interval(policy, failed-1, random)
	if Expired(policy, openedAt, now.Add(delay)) {
		return 0, PastMaxAge
	}
	return delay, Again
}

// Expired reports whether an attempt that starts at the given time is past the
// policy's MaxAge, counted from openedAt. Without a MaxAge nothing is.
func Expired(policy postback.RetryPolicy, openedAt, start time.Time) bool {
	return policy.MaxAge > 0 && start.After(openedAt.Add(time.Duration(policy.MaxAge)))
}

// Delays are all delays between attempts, without jitter. The policy must be complete.
func Delays(policy postback.RetryPolicy) []time.Duration {
	policy.Jitter = 0
	delays := make([]time.Duration, attempts(policy)-1)
	for k := range delays {
		delays[k] = interval(policy, k, nil)
	}
	return delays
}

func attempts(policy postback.RetryPolicy) int {
	if policy.Schedule != nil {
		return min(len(policy.Schedule)+1, MaxAttempts)
	}
	if policy.MaxAttempts == 0 {
		return MaxAttempts
	}
	return min(policy.MaxAttempts, MaxAttempts)
}

// interval is the k-th delay of the policy, counted from zero.
func interval(policy postback.RetryPolicy, k int, random func() float64) time.Duration {
	if policy.Schedule != nil {
		return time.Duration(policy.Schedule[k])
	}
	curve := backoff.ExponentialBackOff{
		InitialInterval: time.Duration(policy.Initial),
		Multiplier:      policy.Multiplier,
		MaxInterval:     time.Duration(policy.MaxInterval),
		Stop:            backoff.Stop,
		Clock:           stopped{},
	}
	curve.Reset()
	delay := curve.NextBackOff()
	for range k {
		delay = curve.NextBackOff()
	}
	return jitter(delay, policy.Jitter, random)
}

// jitter moves the delay by up to ±fraction. The curve's own jitter draws from
// a global source, which no test could hold still.
func jitter(delay time.Duration, fraction float64, random func() float64) time.Duration {
	if fraction == 0 {
		return delay
	}
	moved := float64(delay) * (1 + fraction*(2*random()-1))
	return max(time.Duration(moved), time.Nanosecond)
}

// stopped is the clock of a curve that is not bounded by elapsed time.
type stopped struct{}

func (stopped) Now() time.Time { return time.Time{} }
