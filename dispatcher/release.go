package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waybillhq/waybill/internal/task"
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

// Circuits says which endpoints are left alone because they keep failing.
type Circuits interface {
	Open(endpointID string) bool
	// Probe gives what lets one of an open circuit's parked deliveries go; nil
	// while it is not time to.
	Probe(endpoint postback.Endpoint, now time.Time) func(ctx context.Context) error
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

// Parked has the release look at what was parked just now, however seldom it
// looked because there was nothing to do.
func (d *Dispatcher) Parked() { d.releases.parked.Store(true) }

// releaseTurn is what is done at each interval. While nothing of what is parked
// may go, which is seen in memory, the ledger is asked now and then for what other
// processes parked.
func (d *Dispatcher) releaseTurn(ctx context.Context) error {
	d.releases.rest--
	if !d.releases.parked.Swap(false) && d.releases.rest >= 0 && !slices.ContainsFunc(d.releases.endpoints(), d.mayGo) {
		return d.releases.failure()
	}
	return d.releaseParked(ctx)
}

// mayGo reports whether anything is to be done with an endpoint's parked
// deliveries now.
func (d *Dispatcher) mayGo(id string) bool {
	endpoint, known := d.Endpoints.Endpoint(id)
	if !known {
		return false
	}
	what, _ := d.dutyFor(endpoint)
	return what.active()
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
func (d *Dispatcher) dutyFor(endpoint postback.Endpoint) (what duty, probe func(context.Context) error) {
	_, paused := endpoint.Holds()
	switch {
	case endpoint.State == postback.EndpointDeleted:
		return dutyCancel, nil
	case paused:
		return dutyPaused, nil
	case d.Holds.Held(endpoint, d.now()):
		return dutyHeld, nil
	case !d.Circuits.Open(endpoint.ID):
		return dutyRelease, nil
	}
	if probe = d.Circuits.Probe(endpoint, d.now()); probe == nil {
		return dutyBroken, nil
	}
	return dutyProbe, probe
}

// releaseParked frees what was parked for endpoints that take deliveries, as
// fast as they take them, probes those that may do so again, and ends what
// nobody waits for any more. It waits for none of that, so that no endpoint waits
// for another one. It runs all the time and in every process, so that neither a
// process that crashes in the middle nor one that learned late of a change leaves a
// delivery parked for good.
func (d *Dispatcher) releaseParked(ctx context.Context) error {
	ids, err := d.Parking.ParkedEndpoints(ctx)
	if err != nil {
		return fmt.Errorf("list endpoints with parked deliveries: %w", err)
	}
	behind := make(map[string]bool, len(ids))
	for _, id := range ids {
		behind[id] = true
	}
	d.releases.see(ids, behind)
	d.backlogs.Store(&behind) // new ones wait behind those, until the next look
	active := false
	var open []postback.Endpoint
	for _, id := range ids {
		endpoint, known := d.Endpoints.Endpoint(id)
		if !known {
			continue
		}
		what := d.lookAfter(ctx, endpoint)
		if what == dutyRelease {
			open = append(open, endpoint)
		}
		if !what.active() {
			d.releases.done(id, nil) // whatever its last job failed with
		}
		active = active || what.active()
	}
	d.releaseAll(ctx, open)
	d.releases.again(active)
	return d.releases.failure()
}

// lookAfter does what is to be done with an endpoint's parked deliveries, unless
// that is a release, and says what it is.
func (d *Dispatcher) lookAfter(ctx context.Context, endpoint postback.Endpoint) duty {
	what, probe := d.dutyFor(endpoint)
	switch what {
	case dutyCancel:
		d.work(ctx, d.crews.other, endpoint, d.cancel)
	case dutyHeld:
		d.releases.flowed(endpoint.ID, slow())
	case dutyBroken:
		d.releases.begin(endpoint.ID)
	case dutyProbe:
		d.releases.begin(endpoint.ID)
		d.work(ctx, d.crews.other, endpoint, func(ctx context.Context, _ postback.Endpoint) (int, error) { return 0, probe(ctx) })
	case dutyPaused, dutyRelease:
	}
	return what
}

// work has a job done for an endpoint. What it released is queued at once.
func (d *Dispatcher) work(ctx context.Context, by *crew, endpoint postback.Endpoint, do func(context.Context, postback.Endpoint) (int, error)) {
	by.add(ctx, job{endpoint, func(ctx context.Context) {
		freed, err := do(ctx, endpoint)
		d.releases.done(endpoint.ID, err)
		if freed > 0 {
			d.Wake()
		}
	}})
}

// cancel ends some of what waits for a deleted endpoint.
func (d *Dispatcher) cancel(ctx context.Context, endpoint postback.Endpoint) (int, error) {
	_, err := d.Parking.Cancel(ctx, endpoint.ID, postback.ReasonEndpointDeleted, d.now(), step)
	return 0, err //nolint:wrapcheck // failure says what it was doing
}

// releaseAll releases deliveries of endpoints that take them. Those of a publisher
// have an equal part of the in-flight slots that it has in their shard: more would
// be released only to be parked again.
func (d *Dispatcher) releaseAll(ctx context.Context, open []postback.Endpoint) {
	sharing := map[pool]int{}
	for _, endpoint := range open {
		sharing[d.poolOf(endpoint)]++
	}
	for _, endpoint := range open {
		slots, by := d.slots(endpoint, sharing[d.poolOf(endpoint)]), d.crews.free
		if endpoint.RateLimit != nil {
			by = d.crews.limited
		}
		d.work(ctx, by, endpoint, func(ctx context.Context, endpoint postback.Endpoint) (int, error) {
			return d.releaseSome(ctx, endpoint, slots)
		})
	}
}

// pool is the publisher and shard whose in-flight slots an endpoint takes.
type pool struct {
	publisher string
	shard     int
}

func (d *Dispatcher) poolOf(endpoint postback.Endpoint) pool {
	return pool{endpoint.Publisher, task.ShardOf(endpoint.ID, max(1, d.Shards))}
}

// slots is how many in-flight slots one process has for an endpoint, while as
// many as sharing take them from the same pool.
func (d *Dispatcher) slots(endpoint postback.Endpoint, sharing int) int {
	slots := endpoint.InFlightLimit(d.MaxInFlight, cmp.Or(d.MostInFlight, postback.MaxInFlight))
	if d.MaxInFlightPublisher == 0 {
		return slots
	}
	return min(slots, max(1, d.MaxInFlightPublisher/sharing))
}

// releaseSome makes as many deliveries due as the endpoint's window has room for
// and its rate limit has slots for: so the queue holds no more of a slow endpoint
// than workers let wait, and a fast one is not held up.
func (d *Dispatcher) releaseSome(ctx context.Context, endpoint postback.Endpoint, slots int) (int, error) {
	flow := d.releases.flow(endpoint.ID)
	window := flow.next(slots)
	most, err := d.grant(ctx, endpoint, window)
	if err != nil {
		return 0, err
	}
	released := 0
	if most > 0 {
		released, err = d.Parking.Release(ctx, endpoint.ID, d.now(), window, most)
		err = errors.Join(err, d.giveBack(ctx, endpoint, most-released))
	}
	d.releases.flowed(endpoint.ID, flow.after(window, released))
	return released, err
}

// grant is how many of an endpoint's deliveries may be released for its rate
// limit, up to most.
func (d *Dispatcher) grant(ctx context.Context, endpoint postback.Endpoint, most int) (int, error) {
	if endpoint.RateLimit == nil {
		return most, nil
	}
	return d.Limits.Grant(ctx, endpoint.ID, *endpoint.RateLimit, most) //nolint:wrapcheck // failure says what it was doing
}

// giveBack tells the rate limit of what was granted and not released.
func (d *Dispatcher) giveBack(ctx context.Context, endpoint postback.Endpoint, unused int) error {
	if endpoint.RateLimit == nil || unused == 0 {
		return nil
	}
	return d.Limits.GiveBack(ctx, endpoint.ID, *endpoint.RateLimit, unused) //nolint:wrapcheck // failure says what it was doing
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
