package worker

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/expect"
	"github.com/waybillhq/waybill/internal/outage"
	"github.com/waybillhq/waybill/postback"
)

// delivery is a delivery on its way through the stages. Each stage fills in what
// the next ones need.
type delivery struct {
	*postback.Due // load

	endpoint postback.Endpoint   // gate
	slots    heldSlots           // gate: the in-flight slots that it has
	egress   outage.Attempt      // gate: what it entered our own egress path as
	attempt  postback.Attempt    // from begin to record.complete: as the history keeps it
	expected *expect.Check       // sign: what the body of a successful answer must be; nil: anything
	request  egress.Request      // sign
	result   egress.Result       // send, or sign when there is nothing to send
	unsigned bool                // sign: there is nothing to send
	verdict  verdict             // classify
	move     postback.Transition // gate or decide: what record writes
}

// begin begins the attempt that the history keeps.
func (d *delivery) begin(now time.Time, traceID trace.TraceID) {
	d.attempt = postback.Attempt{
		DeliveryID: d.Delivery.ID,
		Generation: d.Delivery.Generation,
		Number:     d.Delivery.NextAttempt(),
		Trigger:    trigger(d.Delivery),
		StartedAt:  now,
	}
	if traceID.IsValid() {
		d.attempt.TraceID = traceID.String()
	}
}

func trigger(delivery postback.Delivery) postback.Trigger {
	switch {
	case delivery.Test:
		return postback.TriggerExample
	case delivery.Probe:
		return postback.TriggerProbe
	case tried(delivery):
		return postback.TriggerRetry
	case delivery.Generation > 1:
		return postback.TriggerReplay
	default:
		return postback.TriggerEvent
	}
}

// tried reports whether an attempt was made in this generation. One that never
// was is tried however old it is: a backlog of ours is not its fault.
func tried(delivery postback.Delivery) bool { return delivery.Attempts > delivery.AttemptsBefore }

// moveTo sets the state that the delivery gets.
func (d *delivery) moveTo(now time.Time, state postback.State, reason postback.Reason) {
	d.move = postback.Transition{Ref: d.Delivery.Ref(), To: state, Reason: reason, At: now}
}

// putOff keeps the delivery's state and has it requeued after a pause. The cause
// is the code of what it waits for, if that is to be shown.
func (d *delivery) putOff(now time.Time, pause time.Duration, cause string) {
	d.moveTo(now, postback.Pending, "")
	if tried(d.Delivery) {
		d.move.To = postback.Retrying
	}
	d.move.Cause = cause
	d.move.NextAttemptAt = now.Add(pause)
	d.move.SweepAt = d.move.NextAttemptAt
}
