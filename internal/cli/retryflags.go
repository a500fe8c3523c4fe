package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/postback"
)

// retryFlags spell a retry policy: as JSON, or one flag for each part.
type retryFlags struct {
	json        string
	schedule    []string
	initial     time.Duration
	multiplier  float64
	maxInterval time.Duration
	maxAttempts int
	maxAge      time.Duration
	jitter      float64
	on          []string
	stopOn      []string
}

func (r *retryFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&r.schedule, "retry-schedule", nil, "`DELAYS` between attempts, such as 1s,5s,1m; none for one attempt")
	durationFlag(flags, &r.initial, "retry-initial", "first delay of a growing curve, instead of a schedule")
	flags.Float64Var(&r.multiplier, "retry-multiplier", 0, "`FACTOR` from one delay to the next")
	durationFlag(flags, &r.maxInterval, "retry-max-interval", "longest delay of the curve")
	flags.IntVar(&r.maxAttempts, "retry-max-attempts", 0, "`COUNT` of attempts of the curve, the first one included")
	durationFlag(flags, &r.maxAge, "retry-max-age", "give up so long after the event was accepted")
	flags.Float64Var(&r.jitter, "retry-jitter", 0, "`FRACTION` from 0 to 1 by which delays vary")
	flags.StringSliceVar(&r.on, "retry-on", nil, "only `FAILURES` that are tried again: timeout, connection, tls, dns, 3xx, 4xx, 5xx, unexpected_body, or a status (default: all)")
	flags.StringSliceVar(&r.stopOn, "stop-on", nil, "`STATUSES` that end a delivery at once, such as 403")
	flags.StringVar(&r.json, "retry", "", `the whole policy as JSON, such as '{"schedule":["1s","5s"]}'`)
}

// read returns the policy, nil when no flag was given.
func (r *retryFlags) read(cmd *cobra.Command) (*postback.RetryPolicy, error) {
	parts := r.timed(cmd) || cmd.Flags().Changed("retry-on") || cmd.Flags().Changed("stop-on")
	switch {
	case parts && r.json != "":
		return nil, usagef("give --retry or the --retry-... flags (and --stop-on), not both")
	case r.json != "":
		var policy postback.RetryPolicy
		if err := postback.DecodeObject([]byte(r.json), &policy); err != nil {
			return nil, wrongJSON("--retry", err)
		}
		return &policy, nil
	case parts:
		return r.policy(cmd)
	default:
		return nil, nil
	}
}

// timed reports whether a flag says when attempts are made.
func (r *retryFlags) timed(cmd *cobra.Command) bool {
	for _, name := range []string{"schedule", "initial", "multiplier", "max-interval", "max-attempts", "max-age", "jitter"} {
		if cmd.Flags().Changed("retry-" + name) {
			return true
		}
	}
	return false
}

// over returns the policy that follows the one of an endpoint: what the flags
// leave out of times, of failures that are tried again, and of statuses that
// are stopped on, stays as it is. It is nil when no flag was given.
func (r *retryFlags) over(cmd *cobra.Command, current func() (postback.RetryPolicy, error)) (*postback.RetryPolicy, error) {
	asked, err := r.read(cmd)
	if err != nil || asked == nil || r.json != "" {
		return asked, err
	}
	before, err := current()
	if err != nil {
		return nil, err
	}
	after := before
	if r.timed(cmd) {
		after = *asked
		after.On, after.StopOn = before.On, before.StopOn
	}
	if cmd.Flags().Changed("retry-on") {
		after.On = asked.On
	}
	if cmd.Flags().Changed("stop-on") {
		after.StopOn = asked.StopOn
	}
	return &after, nil
}

func (r *retryFlags) policy(cmd *cobra.Command) (*postback.RetryPolicy, error) {
	policy := &postback.RetryPolicy{
		Initial:     postback.Duration(r.initial),
		Multiplier:  r.multiplier,
		MaxInterval: postback.Duration(r.maxInterval),
		MaxAttempts: r.maxAttempts,
		MaxAge:      postback.Duration(r.maxAge),
		Jitter:      r.jitter,
		On:          withoutEmpty(r.on),
	}
	if cmd.Flags().Changed("retry-schedule") {
		var err error
		if policy.Schedule, err = delays(r.schedule); err != nil {
			return nil, err
		}
	}
	for _, text := range withoutEmpty(r.stopOn) {
		status, err := strconv.Atoi(text)
		if err != nil {
			return nil, usagef("--stop-on: %q is not a status such as 403", text)
		}
		policy.StopOn = append(policy.StopOn, status)
	}
	return policy, nil
}

// delays reads a schedule. "none", and nothing at all, is one attempt.
func delays(texts []string) ([]postback.Duration, error) {
	read := []postback.Duration{}
	if len(texts) == 1 && texts[0] == "none" {
		return read, nil
	}
	for _, text := range withoutEmpty(texts) {
		delay, err := postback.ParseAge(strings.TrimSpace(text))
		if err != nil {
			return nil, usagef("--retry-schedule: %v", err)
		}
		read = append(read, postback.Duration(delay))
	}
	return read, nil
}
