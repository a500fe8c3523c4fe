// Package retry computes when a delivery is tried again and when it ends.
//
// It guarantees that every policy which [Validate] accepts ends: a delivery is
// either tried again after a delay that the policy bounds, or it has used up
// its attempts or its age. The package does no I/O, holds no state and reads no
// clock: the caller brings the time and the randomness.
package retry

import (
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// MaxAttempts bounds the attempts of every policy.
const MaxAttempts = 100

// MaxDelay bounds every single delay of a policy.
const MaxDelay = 30 * 24 * time.Hour

// Default returns the policy of a scheme that promises none: twelve attempts,
// from 20s by threefold steps up to 18h apart (72h13m20s in all), each moved by
// up to 10 %.
func Default() postback.RetryPolicy {
	return postback.RetryPolicy{
		Initial:     postback.Duration(20 * time.Second),
		Multiplier:  3,
		MaxInterval: postback.Duration(18 * time.Hour),
		MaxAttempts: 12,
		Jitter:      0.1,
	}
}

// Complete returns the policy with every unset value filled in, so that what is
// stored and shown is what is done. A policy without times gets those that the
// scheme promises, or of [Default] when it promises none. It keeps which failures
// are tried again, and has those that the scheme never tries again when it names
// none that end a delivery. A curve that leaves them unset starts at 20s,
// triples, grows to 18h at most (or stays at Initial when that is longer) and
// makes at most [MaxAttempts] attempts. A schedule is complete as it is, one
// without delays too (one attempt), and an unset Jitter or MaxAge stays none.
//
// Validate first: Complete does not mend values that are set but wrong.
func Complete(policy, promised postback.RetryPolicy) postback.RetryPolicy {
	general := Default()
	if !policy.Timed() {
		times := promised
		if !promised.Timed() {
			times = general
		}
		times.On, times.StopOn = policy.On, policy.StopOn
		if policy.StopOn == nil {
			times.StopOn = slices.DeleteFunc(promised.StopOn, func(status int) bool { return Names(policy, status) })
		}
		return times
	}
	if policy.Schedule != nil {
		return policy
	}
	if policy.MaxInterval == 0 {
		policy.MaxInterval = max(general.MaxInterval, policy.Initial)
	}
	if policy.Initial == 0 {
		policy.Initial = min(general.Initial, policy.MaxInterval)
	}
	if policy.Multiplier == 0 {
		policy.Multiplier = general.Multiplier
	}
	if policy.MaxAttempts == 0 {
		policy.MaxAttempts = MaxAttempts
	}
	return policy
}

// curved reports whether a value is set that only a curve has.
func curved(policy postback.RetryPolicy) bool {
	return policy.Initial != 0 || policy.Multiplier != 0 || policy.MaxInterval != 0 || policy.MaxAttempts != 0
}
