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
	// releaseInterval is how often parked deliveries are checked.
	releaseInterval = 100 * time.Millisecond
	// releaseRest is how many intervals pass at most without a check while nothing
	// of what is parked may go.
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

// releaseState is what the release of parked deliveries remembers from one check to
// the next.
type releaseState struct {
	parked atomic.Bool // something was parked here since the last check
	rest   int         // how many intervals pass before the next check
	pause  int         // how many passed before this one

	mu       sync.Mutex
	known    []string        // endpoints that had deliveries parked at the last check
	backlogs map[string]bool // the same, as a set
	flows    map[string]flow
	failed   map[string]error // by endpoint, what its last job failed with
}

func newReleaseState() releaseState {
	return releaseState{flows: map[string]flow{}, failed: map[string]error{}}
}

// see notes which endpoints have deliveries parked, and forgets the others. New
// deliveries wait behind those until the next time.
func (s *releaseState) see(ids []string) {
	there := make(map[string]bool, len(ids))
	for _, id := range ids {
		there[id] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known, s.backlogs = ids, there
	maps.DeleteFunc(s.flows, func(id string, _ flow) bool { return !there[id] })
	maps.DeleteFunc(s.failed, func(id string, _ error) bool { return !there[id] })
}

// backlog reports whether new deliveries of an endpoint wait behind parked ones.
func (s *releaseState) backlog(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backlogs[id]
}

// endpoints are those that had deliveries parked at the last check.
func (s *releaseState) endpoints() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

// again says when the next check is: soon while there is something to do, and
// later and later while there is nothing.
func (s *releaseState) again(active bool) {
	if s.pause = min(2*s.pause+1, releaseRest); active {
		s.pause = 0
	}
	s.rest = s.pause
}

func (s *releaseState) flow(id string) flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flows[id]
}

func (s *releaseState) flowed(id string, now flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flows[id] = now
}

// slowly has the endpoint begin slowly when it recovers.
func (s *releaseState) slowly(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flows, id)
}

func (s *releaseState) done(id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.failed, id); err != nil {
		s.failed[id] = err
	}
}

// failure is what the endpoints' last jobs failed with, if any did.
func (s *releaseState) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.failed) == 0 {
		return nil
	}
	first := slices.Min(slices.Collect(maps.Keys(s.failed)))
	return fmt.Errorf("release deliveries of endpoint %s (and %d others): %w", first, len(s.failed)-1, s.failed[first])
}
