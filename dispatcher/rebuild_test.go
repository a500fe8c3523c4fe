package dispatcher_test

import (
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
)

const filling = "queue refill started"

// lease lets one process at a time fill the queue, as the real one does.
func (b *bench) lease(length time.Duration) func() (bool, time.Duration) {
	var until time.Time
	return func() (bool, time.Duration) {
		if left := until.Sub(b.clock.now()); left > 0 {
			return false, length - left
		}
		until = b.clock.now().Add(length)
		return true, 0
	}
}

// outage is an outage of the queue that two processes notice; it loses all.
func (b *bench) outage(t *testing.T, processes ...*dispatcher.Dispatcher) {
	t.Helper()
	b.queue.set(func(q *queue) { q.away = true })
	for _, process := range processes {
		if process.Watch(t.Context()) == nil {
			t.Fatal("the outage was not noticed")
		}
	}
	b.queue.set(func(q *queue) { q.away = false; clear(q.tasks) })
}

func TestAfterAnOutageOneProcessFillsTheQueueForAll(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.queue.rebuild = b.lease(5 * time.Second)
	first := b.Dispatcher
	b.restart(t)
	second := b.Dispatcher
	b.offer(t)
	b.watch(t) // the epoch of the ledger
	b.clock.advance(10 * time.Second)
	b.many(t, 3)
	b.swept(t)
	b.outage(t, first, second)
	b.clock.advance(time.Second)
	for range 3 { // once, however often each of them looks
		for _, process := range []*dispatcher.Dispatcher{first, second} {
			if err := process.Watch(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		b.clock.advance(10 * time.Second)
	}
	if lines := b.Logs.With(filling); len(lines) != 2 {
		t.Errorf("the queue was filled %d times: %v", len(lines), lines)
	}
	if got := b.swept(t); got != 3 {
		t.Errorf("%d tasks came back, want 3", got)
	}
}

// What gets lost while another process fills the queue may have been missed by
// it, so it is filled once more.
func TestWhatIsLostDuringARebuildIsInTheNext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.queue.rebuild = b.lease(5 * time.Second)
	b.offer(t)
	b.watch(t)
	b.many(t, 3)
	b.swept(t)
	b.clock.advance(time.Second)
	b.outage(t, b.Dispatcher)
	b.watch(t) // another process still has the lease
	if got := b.swept(t); got != 0 {
		t.Errorf("%d tasks came back within the lease", got)
	}
	b.clock.advance(5 * time.Second)
	b.watch(t)
	if got := b.swept(t); got != 3 {
		t.Errorf("%d tasks came back, want 3", got)
	}
}

func TestAWipedQueueIsFilledByAnotherWhenTheFirstDies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.queue.rebuild = b.lease(5 * time.Second)
	b.offer(t)
	b.many(t, 3)
	b.queue.rebuild() // by a process that dies at once
	b.watch(t)
	if b.queue.epoch != "" {
		t.Error("two processes filled the queue at once")
	}
	b.clock.advance(5 * time.Second)
	b.watch(t)
	if b.queue.epoch == "" {
		t.Error("nobody filled the queue")
	}
}

// A single command that fails is no reason to queue everything again.
func TestAFewAttemptsThatWereRefusedAreSentAgainAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.watch(t)
	b.many(t, 10)
	b.queue.set(func(q *queue) { q.full = true })
	b.swept(t)
	b.queue.set(func(q *queue) { q.full = false })
	if got := b.swept(t); got != 0 {
		t.Errorf("%d tasks came in, though they were claimed", got)
	}
	b.watch(t)
	if got := len(b.queue.all()); got != 10 {
		t.Errorf("%d tasks came in, want 10", got)
	}
	if lines := b.Logs.With(filling); len(lines) != 1 {
		t.Errorf("the queue was filled again: %v", lines)
	}
}

// An embedded queue is empty at each start, and no Redis lost anything.
func TestAnEmbeddedQueueIsFilledWithoutAWordOfRedis(t *testing.T) {
	t.Parallel()
	for embedded, said := range map[bool]bool{false: true, true: false} {
		b := setup(t, func(o *dispatcher.Options) { o.Rebuild.Embedded = embedded })
		b.watch(t)
		lines := b.Logs.With(filling)
		if len(lines) != 1 {
			t.Fatalf("the queue was filled %d times", len(lines))
		}
		if _, is := lines[0]["redis_was_empty"]; is != said {
			t.Errorf("embedded %t: logged %v", embedded, lines[0])
		}
	}
}
