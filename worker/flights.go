package worker

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// flightPatience is how long an attempt waits for one of them to end before
	// its delivery is parked: a burst is not worth two writes to the ledger.
	flightPatience = 200 * time.Millisecond
	// flightQueue bounds how many wait for an endpoint's places: no more than half
	// of those that take first attempts from a shard, as a rule.
	flightQueue = 128
)

// flights counts the attempts in flight to each endpoint, or to each publisher's
// endpoints, so that one that hangs holds no more of this process than its share.
type flights struct {
	patience time.Duration // of one that waits

	mu   sync.Mutex
	byID map[string]*flight // endpoints that have attempts under way
}

func newFlights(patience time.Duration) *flights {
	return &flights{patience: patience, byID: map[string]*flight{}}
}

// flight is one endpoint's attempts: those under way, those that wait for one
// of them to end, and how many ended lately.
type flight struct {
	places   int // as they were set when one entered last
	underWay int
	waiting  []chan struct{} // in the order in which they came; closed when the turn is theirs

	began         time.Time // when it had none under way before
	span          time.Time // when the count of those that ended began
	ended, before int       // in this span, as long as one's patience, and in the one before
}

// enter takes one of the endpoint's places. When all are taken it waits for
// one, for no longer than its patience, if it can be expected to have its turn by
// then; false means that there was none. The caller leaves what it entered.
func (f *flights) enter(ctx context.Context, endpointID string, places int) bool {
	turn := f.queue(endpointID, places)
	if turn == nil {
		return false
	}
	select {
	case <-turn:
		return true
	default:
	}
	timer := time.NewTimer(f.patience)
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
	now := time.Now()
	one := f.byID[endpointID]
	if one == nil {
		one = &flight{began: now, span: now}
		f.byID[endpointID] = one
	}
	one.places = places
	one.letIn() // there may be more places than there were
	if one.underWay >= places && len(one.waiting) >= one.room(now, f.patience) {
		return nil
	}
	turn := make(chan struct{})
	one.waiting = append(one.waiting, turn)
	one.letIn()
	return turn
}

// letIn gives free places to those that wait longest.
func (one *flight) letIn() {
	for one.underWay < one.places && len(one.waiting) > 0 {
		one.underWay++
		close(one.waiting[0])
		one.waiting = one.waiting[1:]
	}
}

// room is how many may wait: as many as ended lately in the time that they
// would wait. Of an endpoint that was idle the best is assumed at first.
func (one *flight) room(now time.Time, patience time.Duration) int {
	one.count(now, patience, 0)
	if now.Sub(one.began) < patience {
		return flightQueue
	}
	return min(max(one.ended, one.before), flightQueue)
}

// count counts attempts that ended, by spans of time.
func (one *flight) count(now time.Time, span time.Duration, ended int) {
	switch since := now.Sub(one.span); {
	case since >= 2*span:
		one.span, one.ended, one.before = now, 0, 0
	case since >= span:
		one.span, one.ended, one.before = one.span.Add(span), 0, one.ended
	}
	one.ended += ended
}

// giveUp takes a turn out of the queue; false when it has come meanwhile.
func (f *flights) giveUp(endpointID string, turn chan struct{}) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.byID[endpointID]
	if one == nil {
		return false
	}
	place := slices.Index(one.waiting, turn)
	if place < 0 {
		return false
	}
	one.waiting = slices.Delete(one.waiting, place, place+1)
	return true
}

// leave gives a place back: to the one that waits longest, if there is one.
func (f *flights) leave(endpointID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.byID[endpointID]
	one.count(time.Now(), f.patience, 1)
	one.underWay--
	if one.letIn(); one.underWay == 0 {
		delete(f.byID, endpointID)
	}
}
