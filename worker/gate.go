package worker

import (
	"cmp"
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// unknownEndpointPause is how long a delivery waits for an endpoint that this
// process has not heard of yet.
const unknownEndpointPause = 2 * time.Second

// limitPause is how long a delivery waits when nobody can say whether the
// endpoint's rate limit lets it go.
const limitPause = time.Second

// limitLogPause is how often the log says so at most.
const limitLogPause = 5 * time.Second

// gate looks the endpoint up and decides whether the attempt may be made now. If
// not, it gives the transition to record instead; that uses up no attempt.
func (w *Worker) gate(delivery postback.Delivery) (endpoint postback.Endpoint, move postback.Transition, open bool) {
	now := w.now()
	endpoint, known := w.Endpoints.Endpoint(delivery.EndpointID)
	reason, held := endpoint.Holds()
	switch {
	case !known:
		move = putOff(delivery, now, unknownEndpointPause)
	case endpoint.State == postback.EndpointDeleted:
		move = moveTo(delivery, now, postback.Cancelled, postback.ReasonEndpointDeleted)
	case held:
		move = moveTo(delivery, now, postback.Parked, reason)
	case w.Holds.Held(endpoint, now):
		move = moveTo(delivery, now, postback.Parked, postback.ReasonOverLimit)
	case w.Circuits.Open(endpoint.ID) && !delivery.Probe:
		move = moveTo(delivery, now, postback.Parked, postback.ReasonCircuitOpen)
	case tried(delivery) && retry.Expired(endpoint.Retry, delivery.OpenedAt, now):
		move = moveTo(delivery, now, postback.Dead, postback.ReasonMaxAge)
	default:
		open = true
	}
	return endpoint, move, open
}

// places is how many attempts to the endpoint this process makes at once.
func (w *Worker) places(endpoint postback.Endpoint) int {
	return endpoint.Places(w.MaxInFlight, cmp.Or(w.MostInFlight, postback.MaxInFlight))
}

// enter takes one of the endpoint's in-flight slots and one of its publisher's.
// Whoever entered leaves.
func (w *Worker) enter(ctx context.Context, endpoint postback.Endpoint) (leave func(), entered bool) {
	if !w.flights.enter(ctx, endpoint.ID, w.places(endpoint)) {
		return nil, false
	}
	if w.MaxInFlightPublisher == 0 {
		return func() { w.flights.leave(endpoint.ID) }, true
	}
	share := w.share(endpoint)
	if !w.shares.enter(ctx, share, w.MaxInFlightPublisher) {
		w.flights.leave(endpoint.ID)
		return nil, false
	}
	return func() {
		w.shares.leave(share)
		w.flights.leave(endpoint.ID)
	}, true
}

// share names what an endpoint's publisher may have in flight in its shard.
func (w *Worker) share(endpoint postback.Endpoint) string {
	return strconv.Itoa(task.ShardOf(endpoint.ID, max(1, w.Shards))) + " " + endpoint.Publisher
}

// await takes the endpoint's next slot, if its rate is limited, and waits for
// it. When none is due soon it is not taken, and the time is until one would be.
func (w *Worker) await(ctx context.Context, endpoint postback.Endpoint) (due time.Duration, taken bool, err error) {
	if endpoint.RateLimit == nil {
		return 0, true, nil
	}
	due, taken, err = w.Limits.Take(ctx, endpoint.ID, *endpoint.RateLimit)
	if taken && due > 0 {
		<-time.After(due)
	}
	return due, taken, err //nolint:wrapcheck // it says what it was doing
}

// slot waits for the endpoint's next slot. If none is due soon, or nobody knows,
// it gives the transition to record instead; that uses up no attempt.
func (w *Worker) slot(ctx context.Context, endpoint postback.Endpoint, delivery postback.Delivery) (move postback.Transition, taken bool) {
	_, taken, err := w.await(ctx, endpoint)
	switch {
	case err != nil:
		w.limitAway.Do(func() {
			w.Logger.WarnContext(ctx, "cannot ask for rate limits; deliveries of endpoints that have one wait", slog.Any("error", err))
		})
		move = putOff(delivery, w.now(), limitPause)
	case !taken:
		move = moveTo(delivery, w.now(), postback.Parked, postback.ReasonOverLimit)
	}
	return move, taken && err == nil
}

// tried reports whether an attempt was made in this generation. One that never
// was is tried however old it is: a backlog of ours is not its fault.
func tried(delivery postback.Delivery) bool { return delivery.Attempts > delivery.AttemptsBefore }

func moveTo(delivery postback.Delivery, now time.Time, state postback.State, reason postback.Reason) postback.Transition {
	return postback.Transition{Ref: delivery.Ref(), To: state, Reason: reason, At: now}
}

// putOff keeps the delivery's state and lets the sweeper bring it back.
func putOff(delivery postback.Delivery, now time.Time, pause time.Duration) postback.Transition {
	move := moveTo(delivery, now, postback.Pending, "")
	if tried(delivery) {
		move.To = postback.Retrying
	}
	move.NextAttemptAt = now.Add(pause)
	move.SweepAt = move.NextAttemptAt
	return move
}
