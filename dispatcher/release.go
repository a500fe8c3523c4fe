package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Parking is what releasing parked deliveries needs of the store.
type Parking interface {
	ParkedLister
	ParkedEnder
	Mender
	Release(ctx context.Context, endpointID string, at time.Time, window, limit int) (int, error)
}

// ParkedEnder ends parked deliveries that nobody waits for any more.
type ParkedEnder interface {
	Cancel(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error)
	Expire(ctx context.Context, endpointID string, openedBefore, at time.Time, limit int) (int, error)
}

// ParkedLister lists the endpoints that have deliveries parked: for the reason of
// order, and for others.
type ParkedLister interface {
	ParkedEndpoints(ctx context.Context) ([]string, error)
	OrderedEndpoints(ctx context.Context) ([]string, error)
}

// Circuits says which endpoints are left alone because they keep failing.
type Circuits interface {
	Open(endpointID string) bool
	// Probe lets one of an open circuit's parked deliveries go if it is time to.
	Probe(ctx context.Context, endpoint postback.Endpoint, now time.Time) error
}

// Limits promises the slots of endpoints with a rate limit to deliveries that are
// released, for all processes together.
type Limits interface {
	// Grant says how many may be released now, up to most, so that each of them
	// finds a slot.
	Grant(ctx context.Context, endpointID string, limit postback.RateLimit, most int) (int, error)
	// GiveBack says how many of those were not released.
	GiveBack(ctx context.Context, endpointID string, limit postback.RateLimit, unused int) error
}

// Holds says which endpoints asked to be left alone for a while.
type Holds interface {
	Held(endpoint postback.Endpoint, now time.Time) bool
}

const (
	// releaseInterval is how often parked deliveries are looked after.
	releaseInterval = 100 * time.Millisecond
	// expireEvery is at how many of these looks the old ones end, and expireSteps
	// bounds for how long others wait for that.
	expireEvery, expireSteps = 100, 10
	// maxAhead bounds how many of an endpoint's deliveries may be due, beside those
	// that it has places for, while others of it are parked: as many as a worker
	// lets wait for a place.
	maxAhead = 128
)

// releases is what the release of parked deliveries remembers from one look to
// the next.
type releases struct {
	flows  map[string]flow // of endpoints that had deliveries parked at the last look
	behind map[string]int  // how many of them a publisher has
	looks  int
}

// flow is how fast an endpoint takes what is released.
type flow struct {
	window       int // how many might be due or under way at the last look
	last, before int // how many got through until then, and until the look before
	start        int // how wide the window is while it opens after a hold; 0: it is open
}

// slow is the flow of an endpoint that asked to be left alone: it gets one, then
// twice as many each time that some got through.
func slow() flow { return flow{start: 1} }

// next is the window of this look: the places that the endpoint has with one
// process, and as many more as get through in one and a half intervals. More
// would wait in vain for a place, fewer would leave places free until the next
// look.
func (f flow) next(places int) int {
	if f.start > 0 && f.start < places {
		return f.start
	}
	return places + min((f.last+f.before)*3/4, maxAhead)
}

// after is what is known when so many were released. Those that a wider window
// has room for did not get through.
func (f flow) after(window, released int) flow {
	now := flow{window: window, last: max(0, released-max(0, window-f.window)), before: f.last}
	if window == f.start {
		now.start = f.start * (1 + min(now.last, 1))
	}
	return now
}

// releaseParked frees what was parked for endpoints that take deliveries, as
// fast as they take them, probes those that may do so again, and ends what
// nobody waits for any more. It runs all the time and in every process, so that
// neither a process that dies in the middle nor one that learned late of a
// change leaves a delivery parked for good.
func (d *Dispatcher) releaseParked(ctx context.Context) error {
	ids, err := d.Parking.ParkedEndpoints(ctx)
	if err != nil {
		return fmt.Errorf("list endpoints with parked deliveries: %w", err)
	}
	flows := make(map[string]flow, len(ids))
	behind := make(map[string]bool, len(ids))
	for _, id := range ids {
		flows[id], behind[id] = d.releases.flows[id], true
	}
	d.releases.flows, d.releases.behind = flows, d.countByPublisher(ids)
	d.backlogs.Store(&behind) // new ones wait behind those, until the next look
	var failures []error
	total := 0
	for _, id := range ids {
		n, err := d.releaseFor(ctx, id)
		if total += n; err != nil {
			failures = append(failures, fmt.Errorf("release deliveries of endpoint %s: %w", id, err))
		}
	}
	d.releases.looks++
	if total > 0 {
		failures = append(failures, d.sweep(ctx)) // what is due now need not wait for the sweeper's turn
	}
	return errors.Join(failures...)
}

// countByPublisher counts endpoints by publisher.
func (d *Dispatcher) countByPublisher(ids []string) map[string]int {
	counts := map[string]int{}
	for _, id := range ids {
		if endpoint, known := d.Endpoints.Endpoint(id); known {
			counts[endpoint.Publisher]++
		}
	}
	return counts
}

// places is how many in-flight slots one process has for an endpoint while others
// of its publisher have deliveries parked, too: an equal part of the publisher's.
// More would be released only to be parked again.
func (d *Dispatcher) places(endpoint postback.Endpoint) int {
	places := endpoint.Places(d.MaxInFlight, cmp.Or(d.MostInFlight, postback.MaxInFlight))
	if d.MaxInFlightPublisher == 0 {
		return places
	}
	return min(places, max(1, d.MaxInFlightPublisher/max(1, d.releases.behind[endpoint.Publisher])))
}

// releaseFor does for one endpoint what is to be done with its parked
// deliveries, in a step that others need not wait for, and says how many it let
// go.
func (d *Dispatcher) releaseFor(ctx context.Context, id string) (int, error) {
	endpoint, known := d.Endpoints.Endpoint(id)
	if !known {
		return 0, nil
	}
	if endpoint.State == postback.EndpointDeleted {
		_, err := d.Parking.Cancel(ctx, id, postback.ReasonEndpointDeleted, d.now(), step)
		return 0, err //nolint:wrapcheck // releaseParked says what it was doing
	}
	if d.releases.looks%expireEvery == 0 {
		if err := d.expire(ctx, endpoint); err != nil {
			return 0, err
		}
	}
	_, held := endpoint.Holds()
	switch {
	case held:
		return 0, nil
	case d.Holds.Held(endpoint, d.now()):
		d.releases.flows[id] = slow()
		return 0, nil
	case d.Circuits.Open(id):
		delete(d.releases.flows, id)                       // it begins slowly when it is well again
		return 0, d.Circuits.Probe(ctx, endpoint, d.now()) //nolint:wrapcheck // it says what it was doing
	default:
		return d.releaseSome(ctx, endpoint)
	}
}

// releaseSome makes as many deliveries due as the endpoint's window has room for
// and its rate limit has slots for: so the queue holds no more of a slow endpoint
// than workers let wait, and a fast one is not held up.
func (d *Dispatcher) releaseSome(ctx context.Context, endpoint postback.Endpoint) (int, error) {
	flow := d.releases.flows[endpoint.ID]
	window := flow.next(d.places(endpoint))
	most, err := d.grant(ctx, endpoint, window)
	if err != nil {
		return 0, err
	}
	released := 0
	if most > 0 {
		released, err = d.Parking.Release(ctx, endpoint.ID, d.now(), window, most)
		err = errors.Join(err, d.giveBack(ctx, endpoint, most-released))
	}
	d.releases.flows[endpoint.ID] = flow.after(window, released)
	return released, err
}

// grant is how many of an endpoint's deliveries may be released for its rate
// limit, up to most.
func (d *Dispatcher) grant(ctx context.Context, endpoint postback.Endpoint, most int) (int, error) {
	if endpoint.RateLimit == nil {
		return most, nil
	}
	return d.Limits.Grant(ctx, endpoint.ID, *endpoint.RateLimit, most) //nolint:wrapcheck // releaseParked says what it was doing
}

// giveBack tells the rate limit of what was granted and not released.
func (d *Dispatcher) giveBack(ctx context.Context, endpoint postback.Endpoint, unused int) error {
	if endpoint.RateLimit == nil || unused == 0 {
		return nil
	}
	return d.Limits.GiveBack(ctx, endpoint.ID, *endpoint.RateLimit, unused) //nolint:wrapcheck // releaseParked says what it was doing
}

// expire ends parked deliveries that are older than the endpoint's retry policy
// lets any become.
func (d *Dispatcher) expire(ctx context.Context, endpoint postback.Endpoint) error {
	if endpoint.Retry.MaxAge == 0 {
		return nil
	}
	now := d.now()
	for range expireSteps {
		ended, err := d.Parking.Expire(ctx, endpoint.ID, now.Add(-time.Duration(endpoint.Retry.MaxAge)), now, step)
		if err != nil || ended < step {
			return err //nolint:wrapcheck // releaseParked says what it was doing
		}
	}
	return nil
}

// holds says why a new delivery for an endpoint waits in the ledger, if it does.
func (d *Dispatcher) holds(endpoint postback.Endpoint) (postback.Reason, bool) {
	switch reason, held := endpoint.Holds(); {
	case held:
		return reason, true
	case d.Circuits.Open(endpoint.ID):
		return postback.ReasonCircuitOpen, true
	case d.Holds.Held(endpoint, d.now()):
		return postback.ReasonOverLimit, true
	case (*d.backlogs.Load())[endpoint.ID]:
		return postback.ReasonOverLimit, true // behind those that wait already
	default:
		return "", false
	}
}
