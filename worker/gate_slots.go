package worker

import (
	"context"
	"slices"
	"sync"
	"time"
)

// maxWaiting bounds how many attempts wait for a slot of one endpoint: no more
// than half of those that take first attempts from a shard, as a rule.
const maxWaiting = 128

// slots gives out in-flight slots by key: of an endpoint, or of a publisher in a
// shard. An endpoint that hangs holds no more of this process than its limit.
type slots struct {
	patience time.Duration // how long an attempt waits for a slot

	mu    sync.Mutex
	byKey map[string]*slotQueue // keys with attempts in flight
}

func newSlots(patience time.Duration) *slots {
	return &slots{patience: patience, byKey: map[string]*slotQueue{}}
}

// slotQueue is one key's attempts: those in flight, those that wait for a slot, and
// how many ended lately.
type slotQueue struct {
	limit    int // as it was when the last attempt came
	inFlight int
	waiting  []chan struct{} // in the order in which they came; closed when a slot is theirs

	began         time.Time // since when there are attempts in flight
	span          time.Time // when the count of those that ended began
	ended, before int       // in this span, as long as the patience, and in the one before
}

// take takes one of so many slots. When all are taken it waits for one, for no
// longer than its patience, if one can be expected by then; false means that there
// was none. Whoever takes a slot gives it back.
func (s *slots) take(ctx context.Context, key string, limit int) bool {
	turn := s.queue(key, limit)
	if turn == nil {
		return false
	}
	select {
	case <-turn:
		return true
	default:
	}
	timer := time.NewTimer(s.patience)
	defer timer.Stop()
	select {
	case <-turn:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return !s.stopWaiting(key, turn)
}

// queue gives a channel that is closed when a slot is there; nil when too many wait
// already.
func (s *slots) queue(key string, limit int) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	q := s.byKey[key]
	if q == nil {
		q = &slotQueue{began: now, span: now}
		s.byKey[key] = q
	}
	q.limit = limit
	q.admit() // the limit may have grown
	if q.inFlight >= limit && len(q.waiting) >= q.room(now, s.patience) {
		return nil
	}
	turn := make(chan struct{})
	q.waiting = append(q.waiting, turn)
	q.admit()
	return turn
}

// stopWaiting takes a turn out of the queue; false when it has come meanwhile.
func (s *slots) stopWaiting(key string, turn chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.byKey[key]
	if q == nil {
		return false
	}
	at := slices.Index(q.waiting, turn)
	if at < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, at, at+1)
	return true
}

// give gives a slot back: to the attempt that waits longest, if there is one.
func (s *slots) give(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.byKey[key]
	q.count(time.Now(), s.patience, 1)
	q.inFlight--
	if q.admit(); q.inFlight == 0 {
		delete(s.byKey, key)
	}
}

// admit gives free slots to those that wait longest.
func (q *slotQueue) admit() {
	for q.inFlight < q.limit && len(q.waiting) > 0 {
		q.inFlight++
		close(q.waiting[0])
		q.waiting = q.waiting[1:]
	}
}

// room is how many may wait: as many as ended lately in the time that they would
// wait. Of an endpoint that was idle the best is assumed at first.
func (q *slotQueue) room(now time.Time, patience time.Duration) int {
	q.count(now, patience, 0)
	if now.Sub(q.began) < patience {
		return maxWaiting
	}
	return min(max(q.ended, q.before), maxWaiting)
}

// count counts attempts that ended, by spans of time.
func (q *slotQueue) count(now time.Time, span time.Duration, ended int) {
	switch since := now.Sub(q.span); {
	case since >= 2*span:
		q.span, q.ended, q.before = now, 0, 0
	case since >= span:
		q.span, q.ended, q.before = q.span.Add(span), 0, q.ended
	}
	q.ended += ended
}
