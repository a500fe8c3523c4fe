package worker

import (
	"context"
	"sync"
	"time"
)

const (
	// maxInFlight is how many attempts to one endpoint a process makes at once.
	maxInFlight = 16
	// flightPatience is how long an attempt waits for one of them to end before
	// its delivery is parked: a burst is not worth two writes to the ledger.
	flightPatience = 200 * time.Millisecond
)

// flights counts the attempts under way to each endpoint, so that one endpoint
// that hangs holds no more of this process than its share.
type flights struct {
	mu   sync.Mutex
	byID map[string]*flight // endpoints that have attempts under way
}

// flight is one endpoint's attempts: those under way, and those that wait for
// one of them to end.
type flight struct {
	underWay int
	waiting  []chan struct{} // in the order in which they came; closed when the turn is theirs
}

// enter takes one of the endpoint's places. When all are taken it waits for
// one, for no longer than patience and behind no more than as many others as
// there are places; false means that there was none. The caller leaves what it
// entered.
func (f *flights) enter(ctx context.Context, endpointID string, places int, patience time.Duration) bool {
	turn := f.queue(endpointID, places)
	if turn == nil {
		return false
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-turn:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return !f.giveUp(endpointID, turn)
}

// queue gives a channel that is closed when the turn has come; nil when too
// many wait already.
func (f *flights) queue(endpointID string, places int) chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.byID[endpointID]
	if one == nil {
		one = &flight{}
		f.byID[endpointID] = one
	}
	turn := make(chan struct{})
	switch {
	case one.underWay < places:
		one.underWay++
		close(turn)
	case len(one.waiting) < places:
		one.waiting = append(one.waiting, turn)
	default:
		return nil
	}
	return turn
}

// giveUp takes a turn out of the queue; false when it has come meanwhile.
func (f *flights) giveUp(endpointID string, turn chan struct{}) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.byID[endpointID]
	for i, other := range one.waiting {
		if other == turn {
			one.waiting = append(one.waiting[:i], one.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// leave gives a place back: to the one that waits longest, if there is one.
func (f *flights) leave(endpointID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.byID[endpointID]
	if len(one.waiting) > 0 {
		close(one.waiting[0])
		one.waiting = one.waiting[1:]
		return
	}
	if one.underWay--; one.underWay == 0 {
		delete(f.byID, endpointID)
	}
}
