package cli

import (
	"encoding/json"
	"slices"
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
	listVar(flags, &r.schedule, "retry-schedule", "`DURATION,...` delays between attempts, such as 1s,5s,1m; none for one attempt")
	durationFlag(flags, &r.initial, "retry-initial", "first delay of a growing curve, instead of a schedule")
	numberVar(flags, &r.multiplier, "retry-multiplier", "`FACTOR` how much longer each delay is than the one before")
	durationFlag(flags, &r.maxInterval, "retry-max-interval", "longest delay of the curve")
	flags.IntVar(&r.maxAttempts, "retry-max-attempts", 0, "`COUNT` attempts of the curve, the first one included")
	durationFlag(flags, &r.maxAge, "retry-max-age", "end as a dead letter this long after the event was accepted")
	numberVar(flags, &r.jitter, "retry-jitter", "`FRACTION` how much delays vary, from 0 to 1")
	listVar(flags, &r.on, "retry-on", "`FAILURE,...` retry only these failures: timeout, connection, tls, dns, 3xx, 4xx, 5xx, unexpected_body, or a status (default: all)")
	listVar(flags, &r.stopOn, "stop-on", "`STATUS,...` statuses that end a delivery at once, such as 403")
	flags.StringVar(&r.json, "retry", "", "`JSON` the whole policy, such as '{\"schedule\":[\"1s\",\"5s\"]}'; null: the scheme's own")
}

// asked is what the flags say, nil when none was given or --retry is null.
func (r *retryFlags) asked(cmd *cobra.Command) (*postback.RetryPolicy, error) {
	parts, whole := len(givenParts(cmd)) > 0, cmd.Flags().Changed("retry")
	switch {
	case parts && whole:
		return nil, usagef("give --retry or the --retry-... flags (and --stop-on), not both")
	case parts:
		return r.policy(cmd)
	case !whole || r.json == "null":
		return nil, nil //nolint:nilnil // nothing was asked for
	}
	var policy postback.RetryPolicy
	if err := postback.DecodeObject([]byte(r.json), &policy); err != nil {
		return nil, wrongJSON("--retry", err)
	}
	return &policy, nil
}

// retryPart is a flag that says one part of a policy.
type retryPart struct {
	flag  string
	curve bool // of the delays that grow, instead of a schedule
	copy  func(to *postback.RetryPolicy, from postback.RetryPolicy)
}

func retryParts() []retryPart {
	type policy = postback.RetryPolicy
	return []retryPart{
		{"retry-schedule", false, func(to *policy, from policy) { to.Schedule = from.Schedule }},
		{"retry-initial", true, func(to *policy, from policy) { to.Initial = from.Initial }},
		{"retry-multiplier", true, func(to *policy, from policy) { to.Multiplier = from.Multiplier }},
		{"retry-max-interval", true, func(to *policy, from policy) { to.MaxInterval = from.MaxInterval }},
		{"retry-max-attempts", true, func(to *policy, from policy) { to.MaxAttempts = from.MaxAttempts }},
		{"retry-jitter", true, func(to *policy, from policy) { to.Jitter = from.Jitter }},
		{"retry-max-age", false, func(to *policy, from policy) { to.MaxAge = from.MaxAge }},
		{"retry-on", false, func(to *policy, from policy) { to.On = from.On }},
		{"stop-on", false, func(to *policy, from policy) { to.StopOn = from.StopOn }},
	}
}

// givenParts are those whose flags were given.
func givenParts(cmd *cobra.Command) []retryPart {
	return slices.DeleteFunc(retryParts(), func(part retryPart) bool { return !cmd.Flags().Changed(part.flag) })
}

// checkGiven refuses what the request would leave out because it is zero.
func (r *retryFlags) checkGiven(cmd *cobra.Command, policy postback.RetryPolicy) error {
	given := func(member string) bool {
		return cmd.Flags().Changed("retry-" + strings.ReplaceAll(member, "_", "-"))
	}
	if cmd.Flags().Changed("retry") {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(r.json), &members); err != nil {
			return wrongJSON("--retry", err)
		}
		given = func(member string) bool { return members[member] != nil }
	}
	return policy.CheckGiven(given) //nolint:wrapcheck // it names the field
}

// over returns the policy that follows the one of an endpoint: what the flags
// leave out stays as it is. It is nil when no flag was given, and a pointer
// to nil when --retry is null: the scheme's own.
func (r *retryFlags) over(cmd *cobra.Command, current func() (postback.EndpointSettings, error)) (**postback.RetryPolicy, error) {
	asked, err := r.asked(cmd)
	if err != nil {
		return nil, err
	}
	given := givenParts(cmd)
	switch {
	case len(given) > 0:
		before, err := current()
		if err != nil {
			return nil, err
		}
		asked = merged(given, before.Retry, *asked)
	case !cmd.Flags().Changed("retry"):
		return nil, nil //nolint:nilnil // nothing was asked for
	case asked == nil:
		return &asked, nil
	}
	return &asked, r.checkGiven(cmd, *asked)
}

// merged changes what was given. A schedule and a curve take each other's place.
func merged(given []retryPart, before, asked postback.RetryPolicy) *postback.RetryPolicy {
	after := before
	if slices.ContainsFunc(given, func(part retryPart) bool {
		return part.flag == "retry-schedule" || part.curve && before.Schedule != nil
	}) {
		after = postback.RetryPolicy{MaxAge: before.MaxAge, On: before.On, StopOn: before.StopOn}
	}
	for _, part := range given {
		part.copy(&after, asked)
	}
	return &after
}

func (r *retryFlags) policy(cmd *cobra.Command) (*postback.RetryPolicy, error) {
	policy := &postback.RetryPolicy{
		Initial:     postback.Duration(r.initial),
		Multiplier:  r.multiplier,
		MaxInterval: postback.Duration(r.maxInterval),
		MaxAttempts: r.maxAttempts,
		MaxAge:      postback.Duration(r.maxAge),
		Jitter:      r.jitter,
		On:          r.on,
	}
	var err error
	if cmd.Flags().Changed("retry-schedule") {
		if policy.Schedule, err = delays(r.schedule); err != nil {
			return nil, err
		}
	}
	if policy.StopOn, err = statuses("stop-on", "403", r.stopOn); err != nil {
		return nil, err
	}
	return policy, nil
}

// statuses reads those of a flag; none are nil.
func statuses(flag, example string, texts []string) (read []int, err error) {
	for _, text := range texts {
		status, err := strconv.Atoi(text)
		if err != nil {
			return nil, usagef("--%s: %q is not a status such as %s", flag, text, example)
		}
		read = append(read, status)
	}
	return read, nil
}

// delays reads a schedule. "none", and nothing at all, is one attempt.
func delays(texts []string) ([]postback.Duration, error) {
	read := []postback.Duration{}
	if len(texts) == 1 && texts[0] == "none" {
		return read, nil
	}
	for _, text := range texts {
		delay, err := postback.ParseAge(text)
		if err != nil {
			return nil, usagef("--retry-schedule: %v", err)
		}
		read = append(read, postback.Duration(delay))
	}
	return read, nil
}
