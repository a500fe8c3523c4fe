package dispatcher

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// releaseInterval is how often parked deliveries are looked after.
	releaseInterval = 100 * time.Millisecond
	// releaseRest is how many of these times are left out at most while nothing of
	// what is parked may go.
	releaseRest = 9
)

// releaseCrews do what the ledger is asked for, for many endpoints at once. Jobs
// that wait for something else, or are work for the ledger, have hands of their
// own, so that they keep no release waiting.
type releaseCrews struct {
	free    *crew // releases of endpoints without a rate limit: they share transactions
	limited *crew // of those with one, for which Redis is asked first
	other   *crew // probes, and the ends of what waits for deleted endpoints
}

func newReleaseCrews() releaseCrews {
	return releaseCrews{free: newCrew(64, 16), limited: newCrew(32, 8), other: newCrew(4, 2)}
}

func (c releaseCrews) wait() {
	for _, one := range []*crew{c.free, c.limited, c.other} {
		one.wait()
	}
}

// releases is what the release of parked deliveries remembers from one look to
// the next.
type releases struct {
	parked atomic.Bool // something was parked here since the last look
	rest   int         // how many turns are left out before the next look
	pause  int         // how many were, before this one

	mu     sync.Mutex
	known  []string // endpoints that had deliveries parked at the last look
	flows  map[string]flow
	failed map[string]error // by endpoint, what its last job failed with
}

func newReleases() releases { return releases{flows: map[string]flow{}, failed: map[string]error{}} }

// see notes which endpoints have deliveries parked, as a list and as a set, and
// forgets the others.
func (r *releases) see(ids []string, there map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = ids
	maps.DeleteFunc(r.flows, func(id string, _ flow) bool { return !there[id] })
	maps.DeleteFunc(r.failed, func(id string, _ error) bool { return !there[id] })
}

// endpoints are those that had deliveries parked at the last look.
func (r *releases) endpoints() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known
}

// again says when the next look is: soon while there is something to do, and
// later and later while there is nothing.
func (r *releases) again(active bool) {
	if r.pause = min(2*r.pause+1, releaseRest); active {
		r.pause = 0
	}
	r.rest = r.pause
}

func (r *releases) flow(id string) flow {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.flows[id]
}

func (r *releases) flowed(id string, now flow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flows[id] = now
}

// begin has the endpoint begin slowly when it recovers.
func (r *releases) begin(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.flows, id)
}

func (r *releases) done(id string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if delete(r.failed, id); err != nil {
		r.failed[id] = err
	}
}

// failure is what the endpoints' last jobs failed with, if any did.
func (r *releases) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failed) == 0 {
		return nil
	}
	first := slices.Min(slices.Collect(maps.Keys(r.failed)))
	return fmt.Errorf("release deliveries of endpoint %s (and %d others): %w", first, len(r.failed)-1, r.failed[first])
}
