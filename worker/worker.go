package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/waybillhq/waybill/internal/task"
)

// Worker handles tasks. It is safe for concurrent use.
type Worker struct {
	// The stages, in the order in which a delivery passes them.
	load     *loadStage
	gate     *gateStage
	sign     *signStage
	send     *sendStage
	classify *classifyStage
	decide   *decideStage
	record   *recordStage
	observe  *observeStage

	// egress is our own egress path, which gate and classify ask, too.
	egress   *egressPath
	trace    tracing
	events   Acceptor
	examples Acceptances
	now      func() time.Time
	logger   *slog.Logger
}

// Handlers are what the queue calls.
func (w *Worker) Handlers() task.Handlers {
	return task.Handlers{Deliver: w.Deliver, Event: w.Event}
}

// Deliver makes the attempt that a task asks for. An error means that nothing is
// decided, because the ledger was down or the same attempt is under way; every
// other outcome is recorded and nil.
func (w *Worker) Deliver(ctx context.Context, t task.Attempt) error {
	// The attempt must not be cut off when Redis loses sight of this worker:
	// the receiver may have acted on it. It has deadlines of its own.
	ctx, span := w.trace.start(context.WithoutCancel(ctx), t)
	defer span.End()
	if err := w.load.claim(t.Ref); err != nil {
		return err
	}
	defer w.load.release(t.Ref)

	d, err := w.attempt(ctx, t)
	if d != nil && w.egress.recovered(ctx, d) {
		t.Recheck = true // it waited for a while
		d, err = w.attempt(ctx, t)
	}
	if d == nil {
		return err
	}
	if err := w.record.write(ctx, d); err != nil {
		return err
	}
	w.observe.recorded(ctx, d)
	return nil
}

// attempt takes a delivery from the ledger to a decision. There is none when
// nothing waits for this attempt.
func (w *Worker) attempt(ctx context.Context, t task.Attempt) (*delivery, error) {
	d, err := w.load.read(ctx, t)
	if d == nil {
		return nil, err
	}
	defer w.gate.leave(d)
	if w.gate.enter(ctx, d) {
		w.try(ctx, d)
	}
	return d, nil
}

// try makes the attempt and decides what is next.
func (w *Worker) try(ctx context.Context, d *delivery) {
	w.exchange(ctx, d)
	w.decide.next(ctx, d)
	w.observe.attempted(ctx, d)
}

// exchange sends one request, and judges what came back.
func (w *Worker) exchange(ctx context.Context, d *delivery) {
	ctx, span := w.trace.attempt(ctx)
	defer span.End()
	d.begin(w.now(), span.SpanContext().TraceID())
	if w.sign.request(d) {
		w.send.request(ctx, d)
	}
	w.classify.answer(d)
	w.record.complete(d)
	describe(span, d.attempt)
}

// Run does the worker's background job until ctx ends.
func (w *Worker) Run(ctx context.Context) { w.observe.uses.run(ctx) }
