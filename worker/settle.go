package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/postback"
)

const (
	// infrastructurePause is how long a delivery waits when this host could not
	// send at all.
	infrastructurePause = 15 * time.Second
	// maxRetryAfter caps what a receiver may ask for.
	maxRetryAfter = time.Hour
	// maxRecording is how long a worker holds on to an attempt that was made
	// and cannot be recorded. After it the attempt would be made again.
	maxRecording = 90 * time.Second
)

// settle decides what follows an attempt.
func (w *Worker) settle(endpoint postback.Endpoint, delivery postback.Delivery, attempt postback.Attempt, verdict verdict) postback.Transition {
	now := w.now()
	if (verdict.next == notSent || verdict.next == blocked) && !delivery.Test {
		return notSentYet(endpoint, delivery, verdict, now)
	}
	move := moveTo(delivery, now, postback.Succeeded, "")
	move.Attempt = &attempt
	switch {
	case verdict.next == done:
	case delivery.Test:
		move.To, move.Reason = postback.Dead, postback.ReasonExample
	case verdict.next == giveUp:
		move.To, move.Reason = postback.Dead, verdict.reason
	case verdict.next == hold:
		move.To, move.Reason = postback.Parked, verdict.reason
	default:
		w.again(&move, endpoint.Retry, delivery, verdict, now)
	}
	return move
}

// notSentYet puts off a delivery that could not be sent through no fault of its
// endpoint, and says why. What only this endpoint waits for may never come, so the
// policy's max_age ends it.
func notSentYet(endpoint postback.Endpoint, delivery postback.Delivery, verdict verdict, now time.Time) postback.Transition {
	move := putOff(delivery, now, infrastructurePause)
	if verdict.next == blocked && retry.Expired(endpoint.Retry, delivery.OpenedAt, now) {
		move = moveTo(delivery, now, postback.Dead, postback.ReasonMaxAge)
	}
	move.Cause = verdict.failure.Code
	return move
}

// again sets the next attempt, or ends the delivery as a dead letter.
func (w *Worker) again(move *postback.Transition, policy postback.RetryPolicy, delivery postback.Delivery, verdict verdict, now time.Time) {
	failed := delivery.NextAttempt() - delivery.AttemptsBefore
	delay, ruling := retry.Next(policy, now, delivery.OpenedAt, failed, w.Random)
	if wanted, ok := retry.RetryAfter(verdict.retryAfter, now, maxRetryAfter); ok && ruling == retry.Again {
		delay = max(delay, wanted)
		if retry.Expired(policy, delivery.OpenedAt, now.Add(delay)) {
			ruling = retry.PastMaxAge
		}
	}
	if ruling != retry.Again {
		move.To, move.Reason = postback.Dead, postback.Reason(ruling)
		return
	}
	move.To = postback.Retrying
	move.NextAttemptAt = now.Add(delay)
	move.SweepAt = move.NextAttemptAt
}

// record writes the transition, and tries on while the ledger is away: an
// attempt that was made and not recorded would be made again.
func (w *Worker) record(ctx context.Context, due postback.Due, move postback.Transition) error {
	patience := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(50*time.Millisecond),
		backoff.WithMaxInterval(2*time.Second),
		backoff.WithMaxElapsedTime(maxRecording),
		backoff.WithRandomizationFactor(0), // writes that come together share a transaction
	)
	write := func() error {
		err := w.Ledger.Record(ctx, move)
		switch postback.CodeOf(err) {
		case postback.CodeConflict, postback.CodeNotFound:
			return backoff.Permanent(err)
		default:
			w.ledgerAway.Store(err != nil)
			return err //nolint:wrapcheck // wrapped below
		}
	}
	err := backoff.Retry(write, patience)
	switch code := postback.CodeOf(err); {
	case err == nil:
		w.metrics.moved(ctx, move)
		return nil
	case code == postback.CodeConflict, code == postback.CodeNotFound:
		w.Logger.WarnContext(ctx, "the delivery moved on meanwhile", slog.String("delivery", due.Delivery.ID),
			slog.Int("attempt", move.Ref.Attempt), slog.Bool("sent", move.Attempt != nil))
		return nil
	default:
		return fmt.Errorf("record attempt: %w", err)
	}
}
