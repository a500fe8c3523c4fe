package dispatcher

import (
	"sync/atomic"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// failures are what the queue did not take, or may have lost.
type failures struct {
	foreign atomic.Bool // the queue is that of another ledger

	attempts chan postback.Due // those that did not get into the queue
	// lost is when the queue was away and may have lost what it had, or more did
	// not get there than attempts can hold, in Unix nanoseconds; 0 when nothing is.
	lost atomic.Int64
}

func newFailures(handoff int) *failures {
	// Room for all that is on its way when the queue begins to refuse: what is
	// handed over, and a step or two of requeue.
	return &failures{attempts: make(chan postback.Due, handoff+2*step)}
}

// any reports whether the queue refused anything: then all that is due stays where
// it is until the queue has taken that.
func (f *failures) any() bool { return len(f.attempts) > 0 || f.lost.Load() != 0 }

// closed reports whether nothing may enter the queue.
func (f *failures) closed() bool { return f.any() || f.foreign.Load() }

// add remembers an attempt that did not get into the queue.
func (f *failures) add(due postback.Due, at time.Time) {
	select {
	case f.attempts <- due:
	default:
		f.lose(at)
	}
}

// lose remembers that the queue has to be filled again from the ledger.
func (f *failures) lose(at time.Time) { f.lost.Store(at.UnixNano()) }

// forget drops the attempts: the ledger brings them back with all the rest.
func (f *failures) forget() {
	for {
		select {
		case <-f.attempts:
		default:
			return
		}
	}
}
