package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Parking is what releasing parked deliveries needs of the store.
type Parking interface {
	ParkedEndpoints(ctx context.Context) ([]string, error)
	Release(ctx context.Context, endpointID string, at time.Time, window, limit int) (int, error)
	Cancel(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error)
	Expire(ctx context.Context, endpointID string, openedBefore, at time.Time, limit int) (int, error)
}

// Circuits says which endpoints are left alone because they keep failing.
type Circuits interface {
	Open(endpointID string) bool
	// Probe lets one of an open circuit's parked deliveries go if it is time to.
	Probe(ctx context.Context, endpoint postback.Endpoint, now time.Time) error
}

const (
	// releaseInterval is how often parked deliveries are looked after.
	releaseInterval = 100 * time.Millisecond
	// expireEvery is at how many of these looks the old ones end, and expireSteps
	// bounds for how long others wait for that.
	expireEvery, expireSteps = 100, 10
	// firstWindow and lastWindow bound how many of an endpoint's deliveries may
	// be due at once while others of it are parked.
	firstWindow, lastWindow = 16, 1024
)

// releases is what the release of parked deliveries remembers from one look to
// the next.
type releases struct {
	windows map[string]int // of endpoints that had deliveries parked at the last look
	looks   int
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
	windows := make(map[string]int, len(ids))
	for _, id := range ids {
		if window, known := d.releases.windows[id]; known {
			windows[id] = window
		}
	}
	d.releases.windows = windows
	var failures []error
	freed := 0
	for _, id := range ids {
		n, err := d.releaseFor(ctx, id)
		if freed += n; err != nil {
			failures = append(failures, fmt.Errorf("release deliveries of endpoint %s: %w", id, err))
		}
	}
	d.releases.looks++
	if freed > 0 {
		failures = append(failures, d.sweep(ctx)) // what is due now need not wait for the sweeper's turn
	}
	return errors.Join(append(failures, d.noteBacklogs(ctx, len(ids) > 0))...)
}

// noteBacklogs remembers which endpoints have deliveries parked still: new ones
// wait behind those.
func (d *Dispatcher) noteBacklogs(ctx context.Context, some bool) error {
	behind := map[string]bool{}
	if some {
		ids, err := d.Parking.ParkedEndpoints(ctx)
		if err != nil {
			return fmt.Errorf("list endpoints with parked deliveries: %w", err)
		}
		for _, id := range ids {
			behind[id] = true
		}
	}
	d.backlogs.Store(&behind)
	return nil
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
	if err := d.expire(ctx, endpoint); err != nil {
		return 0, err
	}
	_, held := endpoint.Holds()
	switch {
	case held:
		return 0, nil
	case d.Circuits.Open(id):
		delete(d.releases.windows, id)                     // it begins slowly when it is well again
		return 0, d.Circuits.Probe(ctx, endpoint, d.now()) //nolint:wrapcheck // it says what it was doing
	default:
		return d.releaseSome(ctx, id)
	}
}

// releaseSome makes as many deliveries due as the endpoint's window has room
// for. An endpoint that was through with all of them gets twice as many the
// next time, one that was through with few gets half: so the queue holds no
// more of a slow endpoint than it takes in one interval, and a fast one is not
// held up.
func (d *Dispatcher) releaseSome(ctx context.Context, id string) (int, error) {
	window, known := d.releases.windows[id]
	if !known {
		window = firstWindow
	}
	freed, err := d.Parking.Release(ctx, id, d.now(), window, window)
	if err != nil {
		return 0, err //nolint:wrapcheck // releaseParked says what it was doing
	}
	switch {
	case freed == window && known:
		window *= 2
	case freed < window/4:
		window /= 2
	}
	d.releases.windows[id] = min(max(window, firstWindow), lastWindow)
	return freed, nil
}

// expire ends parked deliveries that are older than the endpoint's retry policy
// lets any become, now and then.
func (d *Dispatcher) expire(ctx context.Context, endpoint postback.Endpoint) error {
	if endpoint.Retry.MaxAge == 0 || d.releases.looks%expireEvery != 0 {
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
	case (*d.backlogs.Load())[endpoint.ID]:
		return postback.ReasonOverLimit, true // behind those that wait already
	default:
		return "", false
	}
}
