package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/postback"
)

// retryFlags spell a retry policy: as JSON, or one flag for each part.
type retryFlags struct {
	json        string
	schedule    []time.Duration
	initial     time.Duration
	multiplier  float64
	maxInterval time.Duration
	maxAttempts int
	maxAge      time.Duration
	jitter      float64
}

func (r *retryFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.DurationSliceVar(&r.schedule, "retry-schedule", nil, "`DELAYS` between attempts, such as 1s,5s,1m")
	flags.DurationVar(&r.initial, "retry-initial", 0, "first `DELAY` of a growing curve, instead of a schedule")
	flags.Float64Var(&r.multiplier, "retry-multiplier", 0, "`FACTOR` from one delay to the next")
	flags.DurationVar(&r.maxInterval, "retry-max-interval", 0, "longest `DELAY` of the curve")
	flags.IntVar(&r.maxAttempts, "retry-max-attempts", 0, "`COUNT` of attempts of the curve, the first one included")
	flags.DurationVar(&r.maxAge, "retry-max-age", 0, "give up this `LONG` after the event was accepted")
	flags.Float64Var(&r.jitter, "retry-jitter", 0, "`FRACTION` from 0 to 1 by which delays vary")
	flags.StringVar(&r.json, "retry", "", `the whole policy as JSON, such as '{"schedule":["1s","5s"]}'`)
}

// read returns the policy, nil when no flag was given.
func (r *retryFlags) read(cmd *cobra.Command) (*postback.RetryPolicy, error) {
	parts := false
	for _, name := range []string{"schedule", "initial", "multiplier", "max-interval", "max-attempts", "max-age", "jitter"} {
		parts = parts || cmd.Flags().Changed("retry-"+name)
	}
	switch {
	case parts && r.json != "":
		return nil, usagef("give --retry or the --retry-... flags, not both")
	case r.json != "":
		var policy postback.RetryPolicy
		if err := postback.DecodeObject([]byte(r.json), &policy); err != nil {
			return nil, usagef("--retry: %v", err)
		}
		return &policy, nil
	case parts:
		return r.policy(), nil
	default:
		return nil, nil
	}
}

func (r *retryFlags) policy() *postback.RetryPolicy {
	policy := &postback.RetryPolicy{
		Initial:     postback.Duration(r.initial),
		Multiplier:  r.multiplier,
		MaxInterval: postback.Duration(r.maxInterval),
		MaxAttempts: r.maxAttempts,
		MaxAge:      postback.Duration(r.maxAge),
		Jitter:      r.jitter,
	}
	for _, delay := range r.schedule {
		policy.Schedule = append(policy.Schedule, postback.Duration(delay))
	}
	return policy
}
