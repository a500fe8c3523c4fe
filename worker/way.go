package worker

import (
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
	// Leave tells what came of it, and reports whether it failed through our own
	// fault.
	Leave(attempt outage.Attempt, found outage.Finding, code, message string, now time.Time) (ours bool)
}

// open is a way out of which nothing is known.
type open struct{}

func (open) Enter(outage.Attempt, time.Time) bool { return true }

func (open) Leave(outage.Attempt, outage.Finding, string, string, time.Time) bool { return false }

// tryIfOpen makes the attempt, unless our own way out seems to be down.
func (w *Worker) tryIfOpen(due postback.Due, endpoint postback.Endpoint, try func() postback.Transition) postback.Transition {
	now := w.now()
	if w.Way.Enter(wayOf(endpoint, due.Delivery, now), now) {
		return try()
	}
	move := putOff(due.Delivery, now, infrastructurePause)
	move.Cause = outage.Reason
	return move
}

// blame asks whose fault a failure is. What is ours uses up no attempt.
func (w *Worker) blame(endpoint postback.Endpoint, delivery postback.Delivery, startedAt time.Time, failure *egress.Failure, given verdict) verdict {
	if delivery.Test {
		return given
	}
	found, code, message := outage.Reached, "", ""
	if failure != nil {
		found, code, message = findingOf(*failure), failure.Code, failure.Message
	}
	if given.next == blocked {
		found = outage.Unclear
	}
	ours := w.Way.Leave(wayOf(endpoint, delivery, startedAt), found, code, message, w.now())
	if ours && given.next != notSent {
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

// findingOf is what a failure says of the way to the receiver.
func findingOf(failure egress.Failure) outage.Finding {
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
	default:
		return outage.Reached
	}
}
