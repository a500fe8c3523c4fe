package worker

import (
	"context"
	"time"

	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/postback"
)

// Endpoints looks endpoints up in memory; deleted ones are found too.
type Endpoints interface {
	Endpoint(id string) (postback.Endpoint, bool)
}

// Circuits knows the endpoints that nothing is sent to because they keep failing.
type Circuits interface {
	Open(endpointID string) bool
}

// Holds knows the endpoints that asked by Retry-After to get nothing for a while,
// for all processes together.
type Holds interface {
	Held(endpoint postback.Endpoint, now time.Time) bool
}

// GateOptions are the parts of the gate.
type GateOptions struct {
	Endpoints Endpoints
	Circuits  Circuits
	Holds     Holds
	Limits    Limits
	InFlight  InFlightLimits
}

func (o GateOptions) complete() bool {
	return o.Endpoints != nil && o.Circuits != nil && o.Holds != nil && o.Limits != nil
}

// gateStage decides whether an attempt may be made now.
type gateStage struct {
	endpoints Endpoints
	circuits  Circuits
	holds     Holds
	egress    *egressPath
	inFlight  *inFlight
	rate      *rateLimit
	now       func() time.Time
}

// enter reports whether the attempt may be made now, and takes what it needs: our
// own egress path, an in-flight slot and a slot of the rate limit. It waits a
// little for the slots, and what changed meanwhile counts. If the attempt may not
// be made, the move says what to record instead; that uses up no attempt. Whoever
// calls enter calls leave, whatever it reported.
func (s *gateStage) enter(ctx context.Context, d *delivery) bool {
	return s.open(d) && s.egress.enter(d) && s.inFlight.enter(ctx, d) && s.rate.wait(ctx, d) && s.open(d)
}

func (s *gateStage) leave(d *delivery) {
	s.inFlight.leave(d)
	s.egress.leave(d)
}

// unknownEndpointPause is how long a delivery waits for an endpoint that this
// process has not heard of yet.
const unknownEndpointPause = 2 * time.Second

// open looks the endpoint up, and reports whether it may be sent to.
func (s *gateStage) open(d *delivery) bool {
	now, known := s.now(), false
	d.endpoint, known = s.endpoints.Endpoint(d.Delivery.EndpointID)
	reason, held := d.endpoint.Holds()
	switch {
	case !known:
		d.putOff(now, unknownEndpointPause, "")
	case d.endpoint.State == postback.EndpointDeleted:
		d.moveTo(now, postback.Cancelled, postback.ReasonEndpointDeleted)
	case held:
		d.moveTo(now, postback.Parked, reason)
	case s.holds.Held(d.endpoint, now):
		d.moveTo(now, postback.Parked, postback.ReasonOverLimit)
	case s.circuits.Open(d.endpoint.ID) && !d.Delivery.Probe:
		d.moveTo(now, postback.Parked, postback.ReasonCircuitOpen)
	case tried(d.Delivery) && retry.Expired(d.endpoint.Retry, d.Delivery.OpenedAt, now):
		d.moveTo(now, postback.Dead, postback.ReasonMaxAge)
	default:
		return true
	}
	return false
}
