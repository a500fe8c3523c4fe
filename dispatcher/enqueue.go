package dispatcher

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// Queue is the run queue.
type Queue interface {
	// Enqueue queues one attempt; false means that it is queued already.
	Enqueue(ctx context.Context, attempt task.Attempt) (bool, error)
	// Takeover says who has an attempt that is queued already, and forgets it if
	// that is a worker that crashed: nobody has it then.
	Takeover(ctx context.Context, attempt task.Attempt) (task.Holder, error)
	// Depth counts the attempts that are queued on each lane.
	Depth(ctx context.Context) (task.Depth, error)
}

// EnqueueOptions are the parts that enqueue.
type EnqueueOptions struct {
	Queue Queue
	// Senders is how many enqueues are under way at once; they share round
	// trips. Zero means 32.
	Senders int
}

const defaultSenders = 32

// enqueueStage makes attempts tasks of the queue.
type enqueueStage struct {
	queue    Queue
	pending  <-chan postback.Due // what was handed off
	lanes    *lanes
	busy     *busy
	failures *failures
	senders  int
	tracer   trace.Tracer
	now      func() time.Time
}

// run moves deliveries from the handoff to the queue until ctx ends, and then
// what is left.
func (s *enqueueStage) run(ctx context.Context) {
	longer, cancel := outlasting(ctx)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			s.drain(longer)
			return
		case due := <-s.pending:
			s.putReserved(longer, due)
		}
	}
}

func (s *enqueueStage) drain(ctx context.Context) {
	for {
		select {
		case due := <-s.pending:
			s.putReserved(ctx, due)
		default:
			return
		}
	}
}

// putReserved enqueues what was handed off.
func (s *enqueueStage) putReserved(ctx context.Context, due postback.Due) {
	defer s.lanes.unreserve(ownerOf(due.Delivery))
	s.put(ctx, due, due.Delivery.NextAttemptAt)
}

// put puts one attempt into the queue, which nobody had when the ledger was asked; the
// zero time says that somebody may have it. An attempt that a crashed worker holds is
// taken over. A failure is remembered, not returned: requeue makes it good.
//
// What had to wait because the queue was slow may have been taken for lost and made
// meanwhile: the worker asks the ledger before it sends. It does so in any case of a
// delivery that others wait for: a task that Redis brings back after it was done must
// not make an attempt behind theirs.
func (s *enqueueStage) put(ctx context.Context, due postback.Due, asked time.Time) {
	ctx, span := s.tracer.Start(inTraceOf(ctx, due.Event), "enqueue delivery", trace.WithSpanKind(trace.SpanKindProducer), describe(due))
	defer span.End()
	late := s.now().Sub(asked) > requeueInterval
	attempt := task.Attempt{
		Ref: due.Delivery.Ref(), EndpointID: due.Delivery.EndpointID, Due: &due,
		AskedAt: asked, Recheck: late || due.Delivery.OrderKey != "", Headers: traceHeaders(ctx),
	}
	queued, err := s.queue.Enqueue(ctx, attempt)
	if queued {
		s.lanes.entered(attempt)
	}
	if err == nil {
		err = s.checkHolder(ctx, attempt, queued)
	}
	if err != nil {
		span.SetStatus(codes.Error, "queue unreachable")
		s.failures.add(due, s.now())
	}
}

// checkHolder handles an attempt that the queue had already: one that nobody works on
// any more is queued again, and one that a worker is busy with is tried again soon.
func (s *enqueueStage) checkHolder(ctx context.Context, attempt task.Attempt, queued bool) error {
	holder := task.Waiting
	if !queued {
		var err error
		if holder, err = s.queue.Takeover(ctx, attempt); err != nil {
			return err //nolint:wrapcheck // put only remembers that it failed
		}
	}
	switch holder {
	case task.Running:
		s.busy.add(*attempt.Due, s.now())
		return nil
	case task.Nobody:
		if _, err := s.queue.Enqueue(ctx, attempt); err != nil {
			return err //nolint:wrapcheck // put only remembers that it failed
		}
		s.lanes.entered(attempt)
	case task.Waiting:
	}
	s.busy.remove(attempt.Ref)
	return nil
}

// putAll enqueues several attempts, and waits until it has tried each. Of those that
// were unqueued when the ledger was asked, the worker need not ask again; the zero
// time has it ask of all.
func (s *enqueueStage) putAll(ctx context.Context, due []postback.Due, asked time.Time) {
	var group sync.WaitGroup
	next := make(chan postback.Due)
	for range min(s.senders, len(due)) {
		group.Go(func() {
			for one := range next {
				var free time.Time
				if one.Unqueued {
					free = asked
				}
				s.put(ctx, one, free)
			}
		})
	}
	for _, one := range due {
		next <- one
	}
	close(next)
	group.Wait()
}

// putFailed enqueues what did not get into the queue before.
func (s *enqueueStage) putFailed(ctx context.Context) {
	for range len(s.failures.attempts) {
		select {
		case due := <-s.failures.attempts:
			s.put(ctx, due, time.Time{})
		default:
			return
		}
	}
}
