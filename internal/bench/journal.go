package bench

import (
	"sync/atomic"
	"time"
)

// journal keeps the times of every event, in nanoseconds since it was opened;
// zero is never. It is safe for concurrent use.
type journal struct {
	opened   time.Time
	begun    []atomic.Int64 // its request was begun
	accepted []atomic.Int64 // its request was answered with 202
	received []atomic.Int64 // the receiver got it for the first time

	acceptances atomic.Int64 // events accepted
	receipts    atomic.Int64 // events received
	repeats     atomic.Int64 // requests for events received before
}

func newJournal(events int) *journal {
	return &journal{
		opened: time.Now(),
		begun:  make([]atomic.Int64, events), accepted: make([]atomic.Int64, events), received: make([]atomic.Int64, events),
	}
}

func (j *journal) now() int64 { return int64(time.Since(j.opened)) }

// answered notes that events from first on were accepted by one request.
func (j *journal) answered(first, count int, begun int64) {
	now := j.now()
	for index := first; index < first+count; index++ {
		j.begun[index].Store(begun)
		j.accepted[index].Store(now)
	}
	j.acceptances.Add(int64(count))
}

// receive notes that the receiver got an event at a time.
func (j *journal) receive(index int, at int64) {
	if j.received[index].CompareAndSwap(0, at) {
		j.receipts.Add(1)
	} else {
		j.repeats.Add(1)
	}
}

// findings are what the journal says at the end of a run.
type findings struct {
	accepted, received, repeated int

	api      []time.Duration // from the request to its answer
	delivery []time.Duration // from the answer to the receipt, zero when that came first
	total    []time.Duration // from the request to the receipt

	firstBegun, firstAccepted, lastAccepted, lastReceived time.Duration
}

func (j *journal) findings() findings {
	found := findings{repeated: int(j.repeats.Load())}
	for index := range j.accepted {
		begun, accepted, received := j.times(index)
		if accepted == 0 {
			continue
		}
		if found.accepted == 0 || accepted < found.firstAccepted {
			found.firstAccepted = accepted
		}
		if found.accepted == 0 || begun < found.firstBegun {
			found.firstBegun = begun
		}
		found.accepted++
		found.lastAccepted = max(found.lastAccepted, accepted)
		found.api = append(found.api, accepted-begun)
		if received == 0 {
			continue
		}
		found.received++
		found.lastReceived = max(found.lastReceived, received)
		found.delivery = append(found.delivery, max(0, received-accepted))
		found.total = append(found.total, received-begun)
	}
	return found
}

func (j *journal) times(index int) (begun, accepted, received time.Duration) {
	return time.Duration(j.begun[index].Load()), time.Duration(j.accepted[index].Load()), time.Duration(j.received[index].Load())
}
