package retry_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/postback"
)

func duration(shortest, longest time.Duration) *rapid.Generator[postback.Duration] {
	return rapid.Map(rapid.Int64Range(int64(shortest), int64(longest)), func(n int64) postback.Duration {
		return postback.Duration(n)
	})
}

// unset draws the zero value in about half of the cases.
func unset[T any](generator *rapid.Generator[T]) *rapid.Generator[T] {
	var zero T
	return rapid.OneOf(rapid.Just(zero), generator)
}

func anyPolicy() *rapid.Generator[postback.RetryPolicy] {
	return rapid.Custom(func(t *rapid.T) postback.RetryPolicy {
		delay := duration(-1, retry.MaxDelay+1)
		return postback.RetryPolicy{
			Schedule:    unset(rapid.SliceOfN(delay, 0, 110)).Draw(t, "schedule"),
			Initial:     unset(delay).Draw(t, "initial"),
			Multiplier:  unset(rapid.Float64()).Draw(t, "multiplier"),
			MaxInterval: unset(delay).Draw(t, "max_interval"),
			MaxAttempts: unset(rapid.IntRange(-1, 110)).Draw(t, "max_attempts"),
			MaxAge:      unset(duration(-1, 400*24*time.Hour)).Draw(t, "max_age"),
			Jitter:      unset(rapid.Float64Range(-0.1, 1.1)).Draw(t, "jitter"),
			On:          unset(rapid.SliceOf(rapid.SampledFrom([]string{"5xx", "timeout", "503", "200", "x"}))).Draw(t, "on"),
			StopOn:      unset(rapid.SliceOf(rapid.IntRange(190, 210))).Draw(t, "stop_on"),
		}
	})
}

// validPolicy draws policies of which most are valid, completed.
func validPolicy() *rapid.Generator[postback.RetryPolicy] {
	return rapid.Map(anyPolicy().Filter(func(policy postback.RetryPolicy) bool {
		return retry.Validate(policy) == nil
	}), func(policy postback.RetryPolicy) postback.RetryPolicy {
		return retry.Complete(policy, postback.RetryPolicy{})
	})
}

func curve() *rapid.Generator[postback.RetryPolicy] {
	return rapid.Custom(func(t *rapid.T) postback.RetryPolicy {
		initial := duration(1, retry.MaxDelay).Draw(t, "initial")
		return postback.RetryPolicy{
			Initial:     initial,
			Multiplier:  rapid.Float64Min(1).Draw(t, "multiplier"),
			MaxInterval: duration(time.Duration(initial), retry.MaxDelay).Draw(t, "max_interval"),
			MaxAttempts: rapid.IntRange(1, retry.MaxAttempts).Draw(t, "max_attempts"),
			MaxAge:      unset(duration(1, 400*24*time.Hour)).Draw(t, "max_age"),
			Jitter:      unset(rapid.Float64Range(0, 1)).Draw(t, "jitter"),
		}
	})
}

func TestEveryValidPolicyEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		policy := rapid.OneOf(validPolicy(), curve()).Draw(t, "policy")
		random := rapid.Float64Range(0, 0.999999).Draw(t, "random")
		if err := retry.Validate(policy); err != nil {
			t.Fatalf("the completed policy is invalid: %v", err)
		}
		now := opened()
		for failed := 1; ; failed++ {
			if failed > retry.MaxAttempts {
				t.Fatal("the delivery does not end")
			}
			delay, verdict := retry.Next(policy, now, opened(), failed, func() float64 { return random })
			if verdict != retry.Again {
				if delay != 0 {
					t.Fatalf("an ended delivery has a delay of %s", delay)
				}
				return
			}
			if delay <= 0 || delay > longest(policy) {
				t.Fatalf("delay %s is out of bounds", delay)
			}
			now = now.Add(delay)
			if retry.Expired(policy, opened(), now) {
				t.Fatalf("attempt %d starts past the age", failed+1)
			}
		}
	})
}

func longest(policy postback.RetryPolicy) time.Duration {
	if len(policy.Schedule) > 0 {
		return time.Duration(slices.Max(policy.Schedule))
	}
	return time.Duration(float64(policy.MaxInterval) * (1 + policy.Jitter))
}

func TestDelaysGrowWithoutJitter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		policy := curve().Draw(t, "policy")
		policy.Jitter = 0
		waited, _ := run(policy, nil)
		if !slices.IsSorted(waited) {
			t.Fatalf("delays shrink: %v", waited)
		}
	})
}
