package dispatcher

import (
	"context"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Circuits says which endpoints are left alone because they keep failing.
type Circuits interface {
	Open(endpointID string) bool
	// Probe gives what lets one of an open circuit's parked deliveries go; nil
	// while it is not time to.
	Probe(endpoint postback.Endpoint, now time.Time) func(ctx context.Context) error
}

// Holds says which endpoints asked to be left alone for a while.
type Holds interface {
	Held(endpoint postback.Endpoint, now time.Time) bool
}

// duty is what is to be done with an endpoint's parked deliveries.
type duty string

const (
	dutyCancel  duty = "cancel"  // nobody waits for them any more
	dutyPaused  duty = "paused"  // nothing, until the endpoint is changed
	dutyHeld    duty = "held"    // nothing, until the endpoint wants to be tried
	dutyBroken  duty = "broken"  // nothing, until it is time for a probe
	dutyProbe   duty = "probe"   // one of them goes
	dutyRelease duty = "release" // they go as fast as the endpoint takes them
)

// active reports whether there is anything to do now.
func (d duty) active() bool { return d == dutyCancel || d == dutyProbe || d == dutyRelease }

// dutyFor is what is to be done for an endpoint now; probe does a dutyProbe.
func (s *releaseStage) dutyFor(endpoint postback.Endpoint) (what duty, probe func(context.Context) error) {
	_, paused := endpoint.Holds()
	switch {
	case endpoint.State == postback.EndpointDeleted:
		return dutyCancel, nil
	case paused:
		return dutyPaused, nil
	case s.holds.Held(endpoint, s.now()):
		return dutyHeld, nil
	case !s.circuits.Open(endpoint.ID):
		return dutyRelease, nil
	}
	if probe = s.circuits.Probe(endpoint, s.now()); probe == nil {
		return dutyBroken, nil
	}
	return dutyProbe, probe
}

// mayGo reports whether anything is to be done with an endpoint's parked
// deliveries now.
func (s *releaseStage) mayGo(id string) bool {
	endpoint, known := s.endpoints.Endpoint(id)
	if !known {
		return false
	}
	what, _ := s.dutyFor(endpoint)
	return what.active()
}

// waits says why a new delivery for an endpoint waits in the ledger, if it does.
func (s *releaseStage) waits(endpoint postback.Endpoint) (postback.Reason, bool) {
	switch reason, held := endpoint.Holds(); {
	case held:
		return reason, true
	case s.circuits.Open(endpoint.ID):
		return postback.ReasonCircuitOpen, true
	case s.holds.Held(endpoint, s.now()):
		return postback.ReasonOverLimit, true
	case s.state.backlog(endpoint.ID):
		return postback.ReasonOverLimit, true // behind those that wait already
	default:
		return "", false
	}
}
