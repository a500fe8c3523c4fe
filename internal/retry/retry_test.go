package retry_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func opened() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func half() float64 { return 0.5 }

// promised is what a scheme's declaration promises.
func promised(t *testing.T, scheme string) postback.RetryPolicy {
	t.Helper()
	definition, err := signer.Define(scheme)
	if err != nil {
		t.Fatal(err)
	}
	return schemes.Promise(definition)
}

func delays(values ...time.Duration) []postback.Duration {
	list := make([]postback.Duration, len(values))
	for i, value := range values {
		list[i] = postback.Duration(value)
	}
	return list
}

// run makes every attempt of a delivery fail at once and returns the delays.
func run(policy postback.RetryPolicy, random func() float64) ([]time.Duration, retry.Verdict) {
	var waited []time.Duration
	now := opened()
	for failed := 1; ; failed++ {
		delay, verdict := retry.Next(policy, now, opened(), failed, random)
		if verdict != retry.Again {
			return waited, verdict
		}
		waited = append(waited, delay)
		now = now.Add(delay)
	}
}

func TestDefault(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scheme string
		delays []time.Duration
		total  time.Duration
	}{
		{"besitos", []time.Duration{
			30 * time.Second, 3 * time.Minute, 18 * time.Minute, 108 * time.Minute, 648 * time.Minute,
		}, 12*time.Hour + 57*time.Minute + 30*time.Second},
		{"bitlabs", []time.Duration{
			1 * time.Second, 4 * time.Second, 9 * time.Second, 16 * time.Second, 25 * time.Second,
			time.Minute, 2 * time.Minute, 5 * time.Minute, 5 * time.Minute,
		}, 13*time.Minute + 55*time.Second},
		{"simpleswap", []time.Duration{
			20 * time.Second, time.Minute, 3 * time.Minute, 9 * time.Minute, 27 * time.Minute, 81 * time.Minute,
			243 * time.Minute, 729 * time.Minute, 18 * time.Hour, 18 * time.Hour, 18 * time.Hour,
		}, 72*time.Hour + 13*time.Minute + 20*time.Second},
	} {
		t.Run(test.scheme, func(t *testing.T) {
			t.Parallel()
			policy := retry.Complete(postback.RetryPolicy{}, promised(t, test.scheme))
			if err := retry.Validate(policy); err != nil {
				t.Fatal(err)
			}
			waited, verdict := run(policy, half)
			if !slices.Equal(waited, test.delays) || verdict != retry.AttemptsExhausted {
				t.Errorf("got %v then %s", waited, verdict)
			}
			var total time.Duration
			for _, delay := range waited {
				total += delay
			}
			if total != test.total {
				t.Errorf("total %s, want %s", total, test.total)
			}
		})
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	second, day := postback.Duration(time.Second), postback.Duration(24*time.Hour)
	for name, test := range map[string]struct{ given, want postback.RetryPolicy }{
		"empty is the scheme's default": {
			postback.RetryPolicy{}, promised(t, "besitos"),
		},
		"a schedule is complete": {
			postback.RetryPolicy{Schedule: delays(time.Second), MaxAge: day},
			postback.RetryPolicy{Schedule: delays(time.Second), MaxAge: day},
		},
		"attempts alone": {
			postback.RetryPolicy{MaxAttempts: 3},
			postback.RetryPolicy{
				Initial: 20 * second, Multiplier: 3, MaxInterval: postback.Duration(18 * time.Hour), MaxAttempts: 3,
			},
		},
		"age alone is bounded in attempts too": {
			postback.RetryPolicy{Initial: second, MaxAge: day, Jitter: 0.5},
			postback.RetryPolicy{
				Initial: second, Multiplier: 3, MaxInterval: postback.Duration(18 * time.Hour),
				MaxAttempts: retry.MaxAttempts, MaxAge: day, Jitter: 0.5,
			},
		},
		"an initial longer than the usual maximum": {
			postback.RetryPolicy{Initial: day, Multiplier: 1, MaxAttempts: 2},
			postback.RetryPolicy{Initial: day, Multiplier: 1, MaxInterval: day, MaxAttempts: 2},
		},
		"a maximum shorter than the usual initial": {
			postback.RetryPolicy{MaxInterval: second, MaxAttempts: 2},
			postback.RetryPolicy{Initial: second, Multiplier: 3, MaxInterval: second, MaxAttempts: 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := retry.Validate(test.given); err != nil {
				t.Fatal(err)
			}
			got := retry.Complete(test.given, promised(t, "besitos"))
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if err := retry.Validate(got); err != nil {
				t.Errorf("the completed policy: %v", err)
			}
		})
	}
}

func TestValidateNamesTheField(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		policy postback.RetryPolicy
		field  string
		code   postback.Code
	}{
		"schedule and curve": {
			postback.RetryPolicy{Schedule: delays(time.Second), Multiplier: 2}, "retry.schedule", postback.CodeInvalid,
		},
		"schedule and attempts": {
			postback.RetryPolicy{Schedule: delays(time.Second), MaxAttempts: 2}, "retry.schedule", postback.CodeInvalid,
		},
		"schedule and jitter": {
			postback.RetryPolicy{Schedule: delays(time.Second), Jitter: 1}, "retry.schedule", postback.CodeInvalid,
		},
		"zero delay": {
			postback.RetryPolicy{Schedule: delays(1, 1, 0)}, "retry.schedule[2]", postback.CodeInvalidDuration,
		},
		"negative delay": {
			postback.RetryPolicy{Schedule: delays(-1)}, "retry.schedule[0]", postback.CodeInvalidDuration,
		},
		"delay too long": {
			postback.RetryPolicy{Schedule: delays(1, retry.MaxDelay+1)}, "retry.schedule[1]", postback.CodeInvalidDuration,
		},
		"too many delays": {
			postback.RetryPolicy{Schedule: make([]postback.Duration, 100)}, "retry.schedule", postback.CodeInvalid,
		},
		"negative initial": {
			postback.RetryPolicy{Initial: -1, MaxAttempts: 2}, "retry.initial", postback.CodeInvalidDuration,
		},
		"maximum too long": {
			postback.RetryPolicy{MaxInterval: postback.Duration(retry.MaxDelay + 1), MaxAttempts: 2},
			"retry.max_interval", postback.CodeInvalidDuration,
		},
		"maximum below initial": {
			postback.RetryPolicy{Initial: 2, MaxInterval: 1, MaxAttempts: 2},
			"retry.max_interval", postback.CodeInvalidDuration,
		},
		"multiplier below one": {
			postback.RetryPolicy{Multiplier: 0.99, MaxAttempts: 2}, "retry.multiplier", postback.CodeInvalid,
		},
		"multiplier not a number": {
			postback.RetryPolicy{Multiplier: math.NaN(), MaxAttempts: 2}, "retry.multiplier", postback.CodeInvalid,
		},
		"multiplier infinite": {
			postback.RetryPolicy{Multiplier: math.Inf(1), MaxAttempts: 2}, "retry.multiplier", postback.CodeInvalid,
		},
		"jitter above one": {
			postback.RetryPolicy{Jitter: 1.01, MaxAttempts: 2}, "retry.jitter", postback.CodeInvalid,
		},
		"jitter not a number": {
			postback.RetryPolicy{Jitter: math.NaN(), MaxAttempts: 2}, "retry.jitter", postback.CodeInvalid,
		},
		"negative jitter": {
			postback.RetryPolicy{Jitter: -0.1, MaxAttempts: 2}, "retry.jitter", postback.CodeInvalid,
		},
		"negative attempts": {
			postback.RetryPolicy{MaxAttempts: -1}, "retry.max_attempts", postback.CodeInvalid,
		},
		"too many attempts": {
			postback.RetryPolicy{MaxAttempts: 101}, "retry.max_attempts", postback.CodeInvalid,
		},
		"no end": {
			postback.RetryPolicy{Initial: 1, Multiplier: 2}, "retry.max_attempts", postback.CodeInvalid,
		},
		"negative age": {
			postback.RetryPolicy{MaxAge: -1}, "retry.max_age", postback.CodeInvalidDuration,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := retry.Validate(test.policy)
			var domain *postback.Error
			if !errors.As(err, &domain) || domain.Field != test.field || domain.Code != test.code {
				t.Errorf("got %#v, want %s at %s", err, test.code, test.field)
			}
		})
	}
}

func TestNextEndsAtMaxAge(t *testing.T) {
	t.Parallel()
	policy := postback.RetryPolicy{
		Schedule: delays(time.Minute, time.Minute, time.Minute), MaxAge: postback.Duration(2 * time.Minute),
	}
	for name, test := range map[string]struct {
		now     time.Time
		failed  int
		delay   time.Duration
		verdict retry.Verdict
	}{
		"young":             {opened(), 1, time.Minute, retry.Again},
		"just in time":      {opened().Add(time.Minute), 2, time.Minute, retry.Again},
		"a moment too late": {opened().Add(time.Minute + 1), 2, 0, retry.PastMaxAge},
		"attempts first":    {opened().Add(time.Hour), 4, 0, retry.AttemptsExhausted},
		"none counted yet":  {opened(), 0, time.Minute, retry.Again},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			delay, verdict := retry.Next(policy, test.now, opened(), test.failed, half)
			if delay != test.delay || verdict != test.verdict {
				t.Errorf("got %s, %s", delay, verdict)
			}
		})
	}
}

func ExampleNext() {
	policy := retry.Complete(postback.RetryPolicy{MaxAttempts: 4}, postback.RetryPolicy{})
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for failed := 1; failed <= 4; failed++ {
		fmt.Println(retry.Next(policy, now, now, failed, nil))
	}
	// Output:
	// 20s retry
	// 1m0s retry
	// 3m0s retry
	// 0s attempts_exhausted
}

// What is shown of a policy is what its attempts do, but for the jitter.
func TestDelays(t *testing.T) {
	t.Parallel()
	const m, h = time.Minute, time.Hour
	for name, test := range map[string]struct {
		policy postback.RetryPolicy
		want   []time.Duration
	}{
		"a curve": {postback.RetryPolicy{
			Initial: postback.Duration(30 * time.Second), Multiplier: 6, MaxInterval: postback.Duration(2 * h), MaxAttempts: 6, Jitter: 0.1,
		}, []time.Duration{30 * time.Second, 3 * m, 18 * m, 108 * m, 2 * h}},
		"a schedule":  {postback.RetryPolicy{Schedule: delays(m, h)}, []time.Duration{m, h}},
		"one attempt": {postback.RetryPolicy{Schedule: delays()}, []time.Duration{}},
	} {
		if got := retry.Delays(test.policy); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}
