package worker

import (
	"context"
	"net"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/outage"
	"github.com/waybillhq/waybill/postback"
)

// Way knows whether our own way out works.
type Way interface {
	// Enter reports whether an attempt may be made now. Whoever entered leaves.
	Enter(attempt outage.Attempt, now time.Time) bool
	Leave(attempt outage.Attempt)
	// Learn hears what came of an attempt, and says whose fault a failure is.
	Learn(attempt outage.Attempt, found outage.Finding, code, message string, now time.Time) outage.Fault
	// Works gives a channel that is closed as soon as something may get through.
	Works() <-chan struct{}
}

// open is a way out of which nothing is known.
type open struct{}

func (open) Enter(outage.Attempt, time.Time) bool { return true }

func (open) Leave(outage.Attempt) {}

func (open) Learn(outage.Attempt, outage.Finding, string, string, time.Time) outage.Fault {
	return outage.Theirs
}

func (open) Works() <-chan struct{} { return nil }

const (
	// wayPatience is how long a task waits for a way out that is down. Its worker
	// takes no other meanwhile, so that processes that can send take most of them.
	wayPatience = 3 * time.Second
	// wayPause is how long a delivery then waits, for whichever process is next.
	wayPause = 2 * time.Second
)

// passes reports whether an attempt may be made for all that is known of our own
// way out. If not, it gives the transition to record instead. An example is sent
// whatever is known, and proves nothing. Whoever passed leaves.
func (w *Worker) passes(due postback.Due, endpoint postback.Endpoint) (leave func(), move postback.Transition, open bool) {
	now := w.now()
	attempt := wayOf(endpoint, due.Delivery, now)
	switch {
	case due.Delivery.Test:
		return func() {}, move, true
	case w.Way.Enter(attempt, now):
		return func() { w.Way.Leave(attempt) }, move, true
	}
	move = putOff(due.Delivery, now, wayPause)
	move.Cause = outage.Reason
	return nil, move, false
}

// wayDown reports whether a delivery was not sent while our own way out is down,
// and back whether it is not any more after some patience. The delivery has no
// place and no slot meanwhile.
func (w *Worker) wayDown(ctx context.Context, move postback.Transition) (down, back bool) {
	works := w.Way.Works()
	if move.Cause == "" || move.To.Ended() || works == nil {
		return false, false
	}
	select {
	case <-works:
		return false, false
	default:
	}
	timer := time.NewTimer(w.wayPatience)
	defer timer.Stop()
	select {
	case <-works:
		return true, true
	case <-timer.C:
	case <-ctx.Done():
	}
	return true, false
}

// blame asks whose fault a failure is. What is ours uses up no attempt.
func (w *Worker) blame(endpoint postback.Endpoint, delivery postback.Delivery, startedAt time.Time, result egress.Result, given verdict) verdict {
	if delivery.Test {
		return given
	}
	found, code, message := outage.Reached, "", ""
	if result.Failure != nil {
		found, code, message = findingOf(result), result.Failure.Code, result.Failure.Message
	}
	if given.next == blocked {
		found = outage.Unclear
	}
	fault := w.Way.Learn(wayOf(endpoint, delivery, startedAt), found, code, message, w.now())
	switch {
	case fault == outage.Alone:
		given.next = blocked
	case fault == outage.Ours && given.next != notSent:
		given.next = notSent
		given.failure = &postback.AttemptError{Code: outage.Reason, Message: message}
	}
	return given
}

func wayOf(endpoint postback.Endpoint, delivery postback.Delivery, startedAt time.Time) outage.Attempt {
	host := postback.HostOf(endpoint.URL)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return outage.Attempt{
		DeliveryID: delivery.ID, EndpointID: endpoint.ID, Publisher: endpoint.Publisher, Host: host, StartedAt: startedAt,
	}
}

// findingOf is what a failure says of the way to the receiver. That a connection
// was made once says nothing of now.
func findingOf(result egress.Result) outage.Finding {
	failure := *result.Failure
	switch {
	case failure.Code == egress.CodeCanceled, failure.Kind == egress.Refused:
		return outage.Unclear
	case failure.Kind == egress.Infrastructure:
		return outage.Broken
	}
	switch failure.Code {
	case egress.CodeConnect, egress.CodeConnectRefused, egress.CodeConnectTimeout, egress.CodeConnectUnreachable,
		egress.CodeReset, egress.CodeTLSTimeout, egress.CodeTLSClosed:
		return outage.Unreached
	case egress.CodeDNS, egress.CodeFamily:
		return outage.Unclear
	case egress.CodeTimeout, egress.CodeClosed:
		if result.Reused {
			return outage.Unclear
		}
	}
	return outage.Reached
}
