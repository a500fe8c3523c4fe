package retry

import (
	"fmt"
	"math"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Validate checks a policy as a user wrote it, before [Complete]: a zero value
// means unset, and a wholly unset policy (the scheme's default) is valid. The
// error is a *postback.Error whose Field says which value is wrong, such as
// "retry.schedule[2]" or "retry.multiplier".
//
// Every delay must be longer than zero and at most [MaxDelay], a policy makes
// at most [MaxAttempts] attempts, the multiplier is finite and at least 1, the
// jitter is between 0 and 1. A schedule states all its delays, so only MaxAge
// may stand beside it. A curve needs MaxAttempts or MaxAge, because every
// delivery ends. What a policy says of answers, [ValidateAnswers] checks.
func Validate(policy postback.RetryPolicy) error {
	if !policy.Timed() {
		return nil
	}
	checks := []func(postback.RetryPolicy) *postback.Error{checkMaxAge, checkCurve, checkEnd}
	if policy.Schedule != nil {
		checks = []func(postback.RetryPolicy) *postback.Error{checkMaxAge, checkSchedule}
	}
	for _, check := range checks {
		if err := check(policy); err != nil {
			return err
		}
	}
	return nil
}

func checkMaxAge(policy postback.RetryPolicy) *postback.Error {
	if policy.MaxAge < 0 {
		return invalidDuration("retry.max_age", "must be longer than zero")
	}
	return nil
}

func checkSchedule(policy postback.RetryPolicy) *postback.Error {
	if curved(policy) || policy.Jitter != 0 {
		return invalid("retry.schedule",
			"give either a schedule or a curve (initial, multiplier, max_interval, max_attempts, jitter), not both")
	}
	if len(policy.Schedule) >= MaxAttempts {
		return invalid("retry.schedule", "must have at most %d delays, not %d", MaxAttempts-1, len(policy.Schedule))
	}
	for i, delay := range policy.Schedule {
		if err := checkDelay(fmt.Sprintf("retry.schedule[%d]", i), delay); err != nil {
			return err
		}
	}
	return nil
}

func checkCurve(policy postback.RetryPolicy) *postback.Error {
	if policy.Initial != 0 {
		if err := checkDelay("retry.initial", policy.Initial); err != nil {
			return err
		}
	}
	if policy.MaxInterval != 0 {
		if err := checkDelay("retry.max_interval", policy.MaxInterval); err != nil {
			return err
		}
	}
	switch {
	case policy.MaxInterval != 0 && policy.Initial > policy.MaxInterval:
		return invalidDuration("retry.max_interval", "must not be shorter than retry.initial")
	case policy.Multiplier != 0 && !between(policy.Multiplier, 1, math.MaxFloat64):
		return invalid("retry.multiplier", "must be a number of at least 1")
	case !between(policy.Jitter, 0, 1):
		return invalid("retry.jitter", "must be between 0 and 1")
	default:
		return nil
	}
}

func checkEnd(policy postback.RetryPolicy) *postback.Error {
	switch {
	case policy.MaxAttempts < 0 || policy.MaxAttempts > MaxAttempts:
		return invalid("retry.max_attempts", "must be between 1 and %d, not %d", MaxAttempts, policy.MaxAttempts)
	case policy.MaxAttempts == 0 && policy.MaxAge == 0:
		return postback.Endless()
	default:
		return nil
	}
}

func checkDelay(field string, delay postback.Duration) *postback.Error {
	if delay <= 0 || time.Duration(delay) > MaxDelay {
		return invalidDuration(field, fmt.Sprintf("must be longer than zero and at most %s, not %s", postback.FormatAge(MaxDelay), postback.FormatAge(time.Duration(delay))))
	}
	return nil
}

// between is false for NaN, whatever the bounds.
func between(value, low, high float64) bool {
	return value >= low && value <= high
}

func invalid(field, format string, args ...any) *postback.Error {
	return postback.Invalid(field, postback.CodeInvalid, format, args...)
}

func invalidDuration(field, message string) *postback.Error {
	return postback.Invalid(field, postback.CodeInvalidDuration, "%s", message)
}
