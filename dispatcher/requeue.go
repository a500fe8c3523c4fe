package dispatcher

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// Waiting is what requeueing needs of the store.
type Waiting interface {
	Identity(ctx context.Context) (string, error)
	Claim(ctx context.Context, claim postback.Claim) ([]postback.Due, error)
	Requeue(ctx context.Context, before time.Time, limit int) (int, error)
}

// RequeueOptions are the parts that requeue.
type RequeueOptions struct {
	Ledger Waiting
	// Grace is how long a queued attempt may take before it is checked and, if it got
	// lost, queued again. Zero means 45 s: longer than the lease of a crashed worker.
	Grace time.Duration
}

const (
	defaultGrace    = 45 * time.Second
	requeueInterval = 100 * time.Millisecond // how late a retry may be enqueued
	// claimPatience is how old the answer to a claim may be for what it says of who
	// has the deliveries; much less than the grace.
	claimPatience = time.Second
)

// requeueStage moves what is due from the ledger to the queue.
type requeueStage struct {
	ledger    Waiting
	queue     Queue
	endpoints Endpoints
	lanes     *lanes
	busy      *busy
	failures  *failures
	enqueue   *enqueueStage
	grace     time.Duration
	wake      chan struct{}
	now       func() time.Time
	logger    *slog.Logger
}

// wakeUp has run called before the next interval.
func (s *requeueStage) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default: // it is about to run
	}
}

// run enqueues what is due and has no task: retries, replays, released
// deliveries, what waited for room in the queue, and what got lost.
func (s *requeueStage) run(ctx context.Context) error {
	s.enqueue.putAll(ctx, s.busy.again(s.now()), time.Time{})
	if err := s.feed(ctx); err != nil {
		s.lanes.close()
		return err
	}
	return nil
}

// feed moves due deliveries from the ledger to the queue, as far as the
// lanes have room for their endpoints. It counts before each step, for other
// processes fill the same queue: each of them keeps an endpoint to its share.
// After an interval it leaves the rest to the next run, which follows at once, so
// that a backlog keeps nothing else that a run does from being done.
func (s *requeueStage) feed(ctx context.Context) error {
	for began := s.now(); ctx.Err() == nil; {
		err := s.lanes.count(func() (task.Depth, error) { return s.queue.Depth(ctx) })
		if err != nil {
			return fmt.Errorf("count queue: %w", err)
		}
		if s.failures.closed() {
			s.lanes.close() // all that is due stays where it is
			return nil
		}
		full := s.lanes.full(s.endpoints.Of)
		moved, err := s.move(ctx, full)
		if err != nil {
			return err
		}
		if moved == 0 {
			s.lanes.leave(full)
			return nil
		}
		if s.now().Sub(began) >= requeueInterval {
			s.wakeUp()
			return nil
		}
	}
	return nil
}

// move queues a step of what is due. What it has claimed nobody else claims
// until the grace is over: it is queued even when the process stops meanwhile.
func (s *requeueStage) move(ctx context.Context, full map[string]bool) (int, error) {
	ctx, cancel := outlasting(ctx)
	defer cancel()
	now := s.now()
	due, err := s.ledger.Claim(ctx, postback.Claim{Now: now, Next: now.Add(s.grace), Limit: step, Each: s.lanes.part(), Except: full})
	if err != nil {
		return 0, fmt.Errorf("claim due deliveries: %w", err)
	}
	asked := s.now()
	if asked.Sub(now) > claimPatience {
		asked = time.Time{}
	}
	s.enqueue.putAll(ctx, due, asked)
	return len(due), nil
}

// makeDue makes everything due again that was queued until then. What is claimed
// later goes into the queue as it is now, and stays there.
func (s *requeueStage) makeDue(ctx context.Context, until time.Time) (int, error) {
	return inSteps(ctx, func(ctx context.Context, limit int) (int, error) {
		return s.ledger.Requeue(ctx, until.Add(s.grace), limit)
	})
}

// leaveToOthers makes due again what a process that stops could not put into the queue:
// until the grace is over, nobody else would claim it.
func (s *requeueStage) leaveToOthers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	s.enqueue.putFailed(ctx)
	if !s.failures.any() {
		return
	}
	if _, err := s.makeDue(ctx, s.now()); err != nil {
		s.logger.WarnContext(ctx, "requeue failed, deliveries are delayed", slog.Any("error", err))
	}
}
