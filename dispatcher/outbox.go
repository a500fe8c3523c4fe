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

// outbox is the handoff: it holds what was just written to the ledger and goes
// to the queue next, so that a producer's answer never waits for Redis. The lanes
// say what may come in.
type outbox struct {
	pending chan postback.Due
	foreign atomic.Bool // the queue is that of another ledger

	failed chan postback.Due // attempts that did not get into the queue
	// lost is when the queue was away and may have lost what it had, or more did
	// not get there than failed can hold, in Unix nanoseconds; 0 when nothing is.
	lost atomic.Int64
}

func newOutbox(handoff int) *outbox {
	// Room for all that is on its way when the queue begins to refuse: what is
	// handed over, and a step or two of the sweeper.
	return &outbox{pending: make(chan postback.Due, handoff), failed: make(chan postback.Due, handoff+2*step)}
}

// refused reports whether the queue takes nothing: then all that is due stays
// where it is until the queue has taken what it refused.
func (o *outbox) refused() bool { return len(o.failed) > 0 || o.lost.Load() != 0 }

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
	longer, cancel := outlasting(ctx)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			d.sendRest(longer)
			return
		case due := <-d.outbox.pending:
			d.enqueueReserved(longer, due)
		}
	}
}

func (d *Dispatcher) sendRest(ctx context.Context) {
	for {
		select {
		case due := <-d.outbox.pending:
			d.enqueueReserved(ctx, due)
		default:
			return
		}
	}
}

// enqueueReserved enqueues what was handed over. What had to wait for its turn,
// because the queue was slow, may have been taken for lost and made meanwhile.
func (d *Dispatcher) enqueueReserved(ctx context.Context, due postback.Due) {
	defer d.lanes.unreserve(ownerOf(due.Delivery))
	waited := d.now().Sub(due.Delivery.NextAttemptAt) > sweepInterval
	d.enqueue(ctx, due, waited)
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
	if queued {
		d.lanes.entered(attempt)
	}
	if recheck && err == nil {
		err = d.settle(ctx, attempt, queued)
	}
	if err != nil {
		span.SetStatus(codes.Error, "queue unreachable")
		d.outbox.fail(due, d.now())
	}
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
		d.lanes.entered(attempt)
	case task.Waiting:
	}
	d.busy.remove(attempt.Ref)
	return nil
}
