package worker

import (
	"context"
	"time"

	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/postback"
)

const (
	// infrastructurePause is how long a delivery waits when this host could not
	// send at all.
	infrastructurePause = 15 * time.Second
	// maxRetryAfter caps what a receiver may ask for.
	maxRetryAfter = time.Hour
)

// DecideOptions are the parts that act on a verdict; Alerts may be nil.
type DecideOptions struct {
	Disabler Disabler
	Alerts   Alerts
	Holder   Holder
	// Random gives numbers in [0, 1) for jitter.
	Random func() float64
}

func (o DecideOptions) complete() bool {
	return o.Disabler != nil && o.Holder != nil && o.Random != nil
}

// decideStage decides what a verdict leads to.
type decideStage struct {
	gone    *goneEndpoints
	blocked *blockedAlerts
	holds   *retryAfterHolds
	random  func() float64
	now     func() time.Time
}

// next decides what is next for the delivery, and acts on its endpoint. An example
// changes nothing but itself.
func (s *decideStage) next(ctx context.Context, d *delivery) {
	if d.Delivery.Test {
		s.endExample(d)
		return
	}
	s.act(ctx, d)
	s.transition(d)
}

// act does to the endpoint what the verdict asks for.
func (s *decideStage) act(ctx context.Context, d *delivery) {
	switch d.verdict.next {
	case disable:
		d.verdict = s.gone.disable(ctx, d)
	case blocked:
		s.blocked.alert(ctx, d)
	default:
	}
	s.holds.honour(ctx, d)
}

// transition decides which state the delivery gets.
func (s *decideStage) transition(d *delivery) {
	now := s.now()
	switch d.verdict.next {
	case notSent, blocked:
		s.notSent(d, now)
		return
	case done:
		d.moveTo(now, postback.Succeeded, "")
	case giveUp:
		d.moveTo(now, postback.Dead, d.verdict.reason)
	case hold:
		d.moveTo(now, postback.Parked, d.verdict.reason)
	default: // tryAgain
		s.retry(d, now)
	}
	d.move.Attempt, d.move.Cause = &d.attempt, d.verdict.cause
}

func (s *decideStage) endExample(d *delivery) {
	if d.verdict.next == done {
		d.moveTo(s.now(), postback.Succeeded, "")
	} else {
		d.moveTo(s.now(), postback.Dead, postback.ReasonExample)
	}
	d.move.Attempt, d.move.Cause = &d.attempt, d.verdict.cause
}

// notSent puts off a delivery that could not be sent through no fault of its
// endpoint, and says why. What only this endpoint waits for may never come, so the
// policy's max_age ends it.
func (s *decideStage) notSent(d *delivery, now time.Time) {
	cause := d.verdict.failure.Code
	d.putOff(now, infrastructurePause, cause)
	if d.verdict.next == blocked && retry.Expired(d.endpoint.Retry, d.Delivery.OpenedAt, now) {
		d.moveTo(now, postback.Dead, postback.ReasonMaxAge)
		d.move.Cause = cause
	}
}

// retry sets the next attempt by the endpoint's retry policy, or ends the delivery
// as a dead letter.
func (s *decideStage) retry(d *delivery, now time.Time) {
	policy, openedAt := d.endpoint.Retry, d.Delivery.OpenedAt
	failed := d.Delivery.NextAttempt() - d.Delivery.AttemptsBefore
	delay, ruling := retry.Next(policy, now, openedAt, failed, s.random)
	if wanted, ok := retry.RetryAfter(d.verdict.retryAfter, now, maxRetryAfter); ok && ruling == retry.Again {
		delay = max(delay, wanted)
		if retry.Expired(policy, openedAt, now.Add(delay)) {
			ruling = retry.PastMaxAge
		}
	}
	if ruling != retry.Again {
		d.moveTo(now, postback.Dead, postback.Reason(ruling))
		return
	}
	d.moveTo(now, postback.Retrying, "")
	d.move.NextAttemptAt = now.Add(delay)
	d.move.SweepAt = d.move.NextAttemptAt
}
