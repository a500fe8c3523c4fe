package dispatcher

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// outbox holds what was just written to the ledger and goes to the queue next,
// so that a producer's answer never waits for Redis. What it loses, the
// sweeper finds in the ledger.
type outbox struct {
	pending chan postback.Due
	max     int          // attempts in the queue at once
	queued  atomic.Int64 // attempts in the queue, as last counted
	behind  atomic.Bool  // older deliveries wait in the ledger: they go first
	foreign atomic.Bool  // the queue is that of another ledger

	failed chan postback.Due // attempts that did not get into the queue
	// lost is when more got lost than failed can hold, or the queue was away
	// and may have lost what it had, in Unix nanoseconds; 0 when nothing is.
	lost atomic.Int64
}

// failedSize is how many attempts are worth remembering one by one.
const failedSize = 256

func newOutbox(maxQueued, handoff int) *outbox {
	return &outbox{pending: make(chan postback.Due, handoff), failed: make(chan postback.Due, failedSize), max: maxQueued}
}

// room reports whether n more deliveries may go to the queue directly.
func (o *outbox) room(n int) bool {
	return !o.behind.Load() && n <= o.free() && len(o.pending)+n <= cap(o.pending)/2
}

// free is how many more attempts the queue may hold.
func (o *outbox) free() int {
	if o.foreign.Load() {
		return 0
	}
	return max(0, o.max-int(o.queued.Load())-len(o.pending))
}

func (o *outbox) put(due postback.Due, at time.Time) {
	select {
	case o.pending <- due:
	default:
		o.lose(at)
	}
}

// fail remembers an attempt that did not get into the queue.
func (o *outbox) fail(due postback.Due, at time.Time) {
	select {
	case o.failed <- due:
	default:
		o.lose(at)
	}
}

// lose remembers that the queue has to be filled again from the ledger.
func (o *outbox) lose(at time.Time) { o.lost.Store(at.UnixNano()) }

// forget drops what failed: the ledger brings it back with all the rest.
func (o *outbox) forget() {
	for {
		select {
		case <-o.failed:
		default:
			return
		}
	}
}

// send moves deliveries from the outbox to the queue until ctx ends, and then
// what is left.
func (d *Dispatcher) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			d.sendRest(context.WithoutCancel(ctx))
			return
		case due := <-d.outbox.pending:
			d.enqueue(ctx, due, false)
		}
	}
}

func (d *Dispatcher) sendRest(ctx context.Context) {
	for {
		select {
		case due := <-d.outbox.pending:
			d.enqueue(ctx, due, false)
		default:
			return
		}
	}
}

// enqueue puts one attempt into the queue. With recheck the worker asks the
// ledger before it sends, and an attempt that a dead worker holds is taken
// over. A failure is remembered, not returned: the sweeper makes it good.
//
// Of a delivery that others wait for the worker asks in any case: a task that
// Redis brings back after it was done must not make an attempt behind theirs.
func (d *Dispatcher) enqueue(ctx context.Context, due postback.Due, recheck bool) {
	ctx, span := d.Tracer.Start(inTraceOf(ctx, due.Event), "enqueue delivery", trace.WithSpanKind(trace.SpanKindProducer), describe(due))
	defer span.End()
	attempt := task.Delivery{
		Ref: due.Delivery.Ref(), EndpointID: due.Delivery.EndpointID,
		Due: &due, Recheck: recheck || due.Delivery.OrderKey != "", Headers: traceHeaders(ctx),
	}
	queued, err := d.Queue.Enqueue(ctx, attempt)
	if recheck && err == nil {
		err = d.settle(ctx, attempt, queued)
	}
	if err != nil {
		span.SetStatus(codes.Error, "queue unreachable")
		d.outbox.fail(due, d.now())
		return
	}
	d.outbox.queued.Add(1)
}

// settle sees to an attempt that the queue had already: one that nobody works on
// any more is queued again, and one that a worker is busy with is looked at
// again soon.
func (d *Dispatcher) settle(ctx context.Context, attempt task.Delivery, queued bool) error {
	holder := task.Waiting
	if !queued {
		var err error
		if holder, err = d.Queue.Takeover(ctx, attempt); err != nil {
			return err //nolint:wrapcheck // enqueue only remembers that it failed
		}
	}
	switch holder {
	case task.Running:
		d.busy.add(*attempt.Due, d.now())
		return nil
	case task.Nobody:
		if _, err := d.Queue.Enqueue(ctx, attempt); err != nil {
			return err //nolint:wrapcheck // enqueue only remembers that it failed
		}
	case task.Waiting:
	}
	d.busy.remove(attempt.Ref)
	return nil
}
