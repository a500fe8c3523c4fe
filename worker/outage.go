package worker

import (
	"context"
	"net"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/outage"
	"github.com/waybillhq/waybill/postback"
)

// EgressPath knows whether our own egress path works.
type EgressPath interface {
	// Enter reports whether an attempt may be made now. Whoever entered leaves.
	Enter(attempt outage.Attempt, now time.Time) bool
	Leave(attempt outage.Attempt)
	// Learn hears what came of an attempt, and says whose fault a failure is.
	Learn(attempt outage.Attempt, found outage.Finding, code, message string, now time.Time) outage.Fault
	// Works gives a channel that is closed as soon as something may get through.
	Works() <-chan struct{}
}

// unwatched is an egress path of which nothing is known.
type unwatched struct{}

func (unwatched) Enter(outage.Attempt, time.Time) bool { return true }

func (unwatched) Leave(outage.Attempt) {}

func (unwatched) Learn(outage.Attempt, outage.Finding, string, string, time.Time) outage.Fault {
	return outage.Theirs
}

func (unwatched) Works() <-chan struct{} { return nil }

const (
	// egressPatience is how long a task waits for an egress path that is down. Its
	// worker takes no other meanwhile, so that processes that can send take most.
	egressPatience = 3 * time.Second
	// egressPause is how long a delivery then waits, for whichever process is next.
	egressPause = 2 * time.Second
)

// egressPath keeps an outage of our own from being held against endpoints: gate,
// classify and Deliver ask it. An example is sent whatever is known, and proves
// nothing.
type egressPath struct {
	path     EgressPath
	patience time.Duration
	now      func() time.Time
}

// enter reports whether an attempt may be made for all that is known.
func (p *egressPath) enter(d *delivery) bool {
	if d.Delivery.Test {
		return true
	}
	now := p.now()
	attempt := outageAttempt(d, now)
	if p.path.Enter(attempt, now) {
		d.egress = attempt
		return true
	}
	d.putOff(now, egressPause, outage.Reason)
	return false
}

func (p *egressPath) leave(d *delivery) {
	if d.egress.DeliveryID != "" {
		p.path.Leave(d.egress)
	}
}

// blame asks whose fault a failure is. What is ours uses up no attempt.
func (p *egressPath) blame(d *delivery, v verdict) verdict {
	if d.Delivery.Test {
		return v
	}
	found, code, message := outage.Reached, "", ""
	if failure := d.result.Failure; failure != nil {
		found, code, message = findingOf(d.result), failure.Code, failure.Message
	}
	if v.next == blocked {
		found = outage.Unclear
	}
	fault := p.path.Learn(outageAttempt(d, d.attempt.StartedAt), found, code, message, p.now())
	switch {
	case fault == outage.Alone:
		v.next = blocked
	case fault == outage.Ours && v.next != notSent:
		v.next = notSent
		v.failure = &postback.AttemptError{Code: outage.Reason, Message: message}
	}
	return v
}

// recovered waits a while for an egress path that kept the delivery from being
// sent, and reports whether it works again: the attempt can be made now. If not,
// the delivery is put off. It has no slots meanwhile.
func (p *egressPath) recovered(ctx context.Context, d *delivery) bool {
	works := p.path.Works()
	if d.move.Cause == "" || d.move.To.Ended() || works == nil {
		return false
	}
	select {
	case <-works:
		return false
	default:
	}
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	select {
	case <-works:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	d.putOff(p.now(), egressPause, d.move.Cause)
	return false
}

func outageAttempt(d *delivery, startedAt time.Time) outage.Attempt {
	host := postback.HostOf(d.endpoint.URL)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return outage.Attempt{
		DeliveryID: d.Delivery.ID, EndpointID: d.endpoint.ID, Publisher: d.endpoint.Publisher, Host: host, StartedAt: startedAt,
	}
}

// findingOf is what a failure says of the path to the receiver. That a connection
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
