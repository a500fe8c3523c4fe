package dispatcher

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Parking is what releasing and ending parked deliveries needs of the store.
type Parking interface {
	// ParkedEndpoints lists the endpoints that have deliveries parked for another
	// reason than order.
	ParkedEndpoints(ctx context.Context) ([]string, error)
	Release(ctx context.Context, endpointID string, at time.Time, window, limit int) (int, error)
	Cancel(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error)
	Expire(ctx context.Context, endpointID string, openedBefore, at time.Time, limit int) (int, error)
}

// ReleaseOptions are the parts that release and end parked deliveries.
type ReleaseOptions struct {
	Ledger   Parking
	Groups   Groups
	Circuits Circuits
	Limits   Limits
	Holds    Holds
	InFlight InFlightLimits
}

func (o ReleaseOptions) complete() bool {
	return o.Ledger != nil && o.Groups != nil && o.Circuits != nil && o.Limits != nil && o.Holds != nil
}

// releaseStage makes parked deliveries due when their endpoints take them.
type releaseStage struct {
	ledger    Parking
	endpoints Endpoints
	circuits  Circuits
	limits    Limits
	holds     Holds
	inFlight  InFlightLimits
	state     releaseState
	crews     releaseCrews
	wake      func() // has what was released queued at once
	now       func() time.Time
}

func newReleaseStage(options ReleaseOptions, endpoints Endpoints, wake func(), now func() time.Time) *releaseStage {
	return &releaseStage{
		ledger: options.Ledger, endpoints: endpoints, circuits: options.Circuits, limits: options.Limits, holds: options.Holds,
		inFlight: options.InFlight, state: newReleaseState(), crews: newReleaseCrews(), wake: wake, now: now,
	}
}

// parked has the next run check the ledger, however seldom it did because there was
// nothing to do.
func (s *releaseStage) parked() { s.state.parked.Store(true) }

// run checks the ledger at each interval while anything that is parked may be
// released, which is known in memory, and otherwise now and then, for what other
// processes parked.
func (s *releaseStage) run(ctx context.Context) error {
	s.state.rest--
	if !s.state.parked.Swap(false) && s.state.rest >= 0 && !slices.ContainsFunc(s.state.endpoints(), s.mayGo) {
		return s.state.failure()
	}
	return s.check(ctx)
}

// check releases deliveries of endpoints that take them, probes endpoints whose
// circuit is open, and cancels what waits for deleted ones. It waits for none of
// that, so that no endpoint waits for another one. Every process does it all the
// time, so that neither one that crashes in the middle nor one that learned late of
// a change leaves a delivery parked for good.
func (s *releaseStage) check(ctx context.Context) error {
	ids, err := s.ledger.ParkedEndpoints(ctx)
	if err != nil {
		return fmt.Errorf("list endpoints with parked deliveries: %w", err)
	}
	s.state.see(ids)
	active := false
	var open []postback.Endpoint
	for _, id := range ids {
		endpoint, known := s.endpoints.Endpoint(id)
		if !known {
			continue
		}
		what := s.begin(ctx, endpoint)
		if what == dutyRelease {
			open = append(open, endpoint)
		}
		if !what.active() {
			s.state.done(id, nil) // whatever its last job failed with
		}
		active = active || what.active()
	}
	s.releaseAll(ctx, open)
	s.state.again(active)
	return s.state.failure()
}

// begin begins what is to be done with an endpoint's parked deliveries, unless that
// is a release, and says what it is.
func (s *releaseStage) begin(ctx context.Context, endpoint postback.Endpoint) duty {
	what, probe := s.dutyFor(endpoint)
	switch what {
	case dutyCancel:
		s.work(ctx, s.crews.other, endpoint, s.cancel)
	case dutyHeld:
		s.state.flowed(endpoint.ID, slow())
	case dutyBroken:
		s.state.slowly(endpoint.ID)
	case dutyProbe:
		s.state.slowly(endpoint.ID)
		s.work(ctx, s.crews.other, endpoint, func(ctx context.Context, _ postback.Endpoint) (int, error) { return 0, probe(ctx) })
	case dutyPaused, dutyRelease:
	}
	return what
}

// work has a job done for an endpoint. What it released is queued at once.
func (s *releaseStage) work(ctx context.Context, by *crew, endpoint postback.Endpoint, do func(context.Context, postback.Endpoint) (int, error)) {
	by.add(ctx, job{endpoint, func(ctx context.Context) {
		freed, err := do(ctx, endpoint)
		s.state.done(endpoint.ID, err)
		if freed > 0 {
			s.wake()
		}
	}})
}

// cancel ends some of what waits for a deleted endpoint.
func (s *releaseStage) cancel(ctx context.Context, endpoint postback.Endpoint) (int, error) {
	_, err := s.ledger.Cancel(ctx, endpoint.ID, postback.ReasonEndpointDeleted, s.now(), step)
	return 0, err //nolint:wrapcheck // failure says what it was doing
}
