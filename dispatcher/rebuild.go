package dispatcher

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// CodeForeignQueue says that the queue was filled from another ledger: its
// tasks are not ours to make.
const CodeForeignQueue postback.Code = "foreign_queue"

// Epochs says which ledger the queue was filled from.
type Epochs interface {
	Epoch(ctx context.Context) (string, error)
	SetEpoch(ctx context.Context, epoch string) error
	// BeginRebuild lets one process at a time fill the queue again. To the
	// others it says how long ago that one began.
	BeginRebuild(ctx context.Context) (mine bool, ago time.Duration, err error)
}

// RebuildOptions are the parts that refill the queue.
type RebuildOptions struct {
	Epochs Epochs
	// Embedded says that the queue is in this process, and so empty at each start.
	Embedded bool
}

// watchInterval is how soon a wiped Redis is noticed.
const watchInterval = time.Second

// rebuildStage refills a queue that lost its tasks.
type rebuildStage struct {
	ledger   Waiting
	epochs   Epochs
	embedded bool
	enqueue  *enqueueStage
	requeue  *requeueStage
	failures *failures
	now      func() time.Time
	logger   *slog.Logger
}

// CheckEpoch refuses a queue that was filled from another ledger.
func CheckEpoch(epoch, identity string) error {
	if epoch == "" || epoch == identity {
		return nil
	}
	return postback.Failure(CodeForeignQueue,
		"this Redis holds the queue of another ledger; give each ledger a Redis database of its own, such as redis://127.0.0.1:6379/1, or clear this one")
}

// watch notices a queue that lost its tasks: a new or wiped Redis lacks our
// epoch, and one that was away may have missed some. Everything that should
// be queued is then queued again, by one of the processes that noticed. Single
// attempts that did not get into the queue are put there now.
func (s *rebuildStage) watch(ctx context.Context) error {
	identity, err := s.ledger.Identity(ctx)
	if err != nil {
		return fmt.Errorf("read the ledger's identity: %w", err)
	}
	epoch, err := s.epochs.Epoch(ctx)
	if err != nil {
		s.failures.lose(s.now())
		return err //nolint:wrapcheck // it says what it was doing
	}
	err = CheckEpoch(epoch, identity)
	s.failures.foreign.Store(err != nil)
	if err != nil {
		return err
	}
	if epoch == "" {
		return s.rebuild(ctx, identity)
	}
	if s.failures.lost.Load() != 0 {
		return s.rebuild(ctx, "")
	}
	s.enqueue.putFailed(ctx)
	return nil
}

// rebuild queues everything again that should be in the queue, unless another
// process does so or has done so since this one lost something. An epoch is
// set when the queue is full again, so that another process takes over from
// one that crashes on the way.
func (s *rebuildStage) rebuild(ctx context.Context, epoch string) error {
	lost := s.failures.lost.Load()
	mine, ago, err := s.epochs.BeginRebuild(ctx)
	if err != nil {
		s.failures.lose(s.now())
		return err //nolint:wrapcheck // it says what it was doing
	}
	began := s.now().Add(-ago)
	if !mine && began.UnixNano() < lost {
		return nil // what was lost since is in the next rebuild
	}
	s.failures.lost.CompareAndSwap(lost, 0)
	if !mine {
		return nil
	}
	s.failures.forget()
	total, err := s.requeue.makeDue(ctx, began)
	if err != nil {
		s.failures.lose(s.now())
		return fmt.Errorf("mark lost deliveries as due: %w", err)
	}
	s.logRebuild(ctx, epoch != "", total)
	if epoch == "" {
		return nil
	}
	return s.epochs.SetEpoch(ctx, epoch) //nolint:wrapcheck // it says what it was doing
}

// logRebuild logs a rebuild. An embedded queue is filled at each start, which
// says nothing of a Redis that lost something.
func (s *rebuildStage) logRebuild(ctx context.Context, wasEmpty bool, total int) {
	log := s.logger.With(slog.Int("deliveries", total))
	if !s.embedded {
		log = log.With(slog.Bool("redis_was_empty", wasEmpty))
	}
	log.InfoContext(ctx, "queue refill started")
}
