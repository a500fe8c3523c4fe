package worker

import (
	"time"

	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/postback"
)

// unknownEndpointPause is how long a delivery waits for an endpoint that this
// process has not heard of yet.
const unknownEndpointPause = 2 * time.Second

// gate decides whether the attempt may be made now. If not, it gives the
// transition to record instead; that uses up no attempt.
func (w *Worker) gate(endpoint postback.Endpoint, delivery postback.Delivery) (postback.Transition, bool) {
	now := w.now()
	reason, held := endpoint.Holds()
	switch {
	case endpoint.State == postback.EndpointDeleted:
		return moveTo(delivery, now, postback.Cancelled, postback.ReasonEndpointDeleted), false
	case held:
		return moveTo(delivery, now, postback.Parked, reason), false
	case w.Circuits.Open(endpoint.ID) && !delivery.Probe:
		return moveTo(delivery, now, postback.Parked, postback.ReasonCircuitOpen), false
	case tried(delivery) && retry.Expired(endpoint.Retry, delivery.OpenedAt, now):
		return moveTo(delivery, now, postback.Dead, postback.ReasonMaxAge), false
	default:
		return postback.Transition{}, true
	}
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
