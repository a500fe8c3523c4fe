package dispatcher

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// send moves deliveries from the handoff to the queue until ctx ends, and then
// what is left.
func (d *Dispatcher) send(ctx context.Context) {
	longer, cancel := outlasting(ctx)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			d.sendRest(longer)
			return
		case due := <-d.handoff.pending:
			d.enqueueReserved(longer, due)
		}
	}
}

func (d *Dispatcher) sendRest(ctx context.Context) {
	for {
		select {
		case due := <-d.handoff.pending:
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
	attempt := task.Attempt{
		Ref: due.Delivery.Ref(), EndpointID: due.Delivery.EndpointID,
		Due: &due, Recheck: recheck || due.Delivery.OrderKey != "", Headers: traceHeaders(ctx),
	}
	queued, err := d.Queue.Enqueue(ctx, attempt)
	if queued {
		d.lanes.entered(attempt)
	}
	if recheck && err == nil {
		err = d.checkHolder(ctx, attempt, queued)
	}
	if err != nil {
		span.SetStatus(codes.Error, "queue unreachable")
		d.handoff.fail(due, d.now())
	}
}

// checkHolder sees to an attempt that the queue had already: one that nobody works on
// any more is queued again, and one that a worker is busy with is looked at
// again soon.
func (d *Dispatcher) checkHolder(ctx context.Context, attempt task.Attempt, queued bool) error {
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
