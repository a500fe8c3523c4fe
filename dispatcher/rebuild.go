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

// Epochs tells which ledger the queue was filled from.
type Epochs interface {
	Epoch(ctx context.Context) (string, error)
	SetEpoch(ctx context.Context, epoch string) error
	// BeginRebuild lets one process at a time fill the queue again. To the
	// others it says how long ago that one began.
	BeginRebuild(ctx context.Context) (mine bool, ago time.Duration, err error)
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
func (d *Dispatcher) watch(ctx context.Context) error {
	identity, err := d.Waiting.Identity(ctx)
	if err != nil {
		return fmt.Errorf("read the ledger's identity: %w", err)
	}
	epoch, err := d.Epochs.Epoch(ctx)
	if err != nil {
		d.handoff.lose(d.now())
		return err //nolint:wrapcheck // it says what it was doing
	}
	err = CheckEpoch(epoch, identity)
	d.handoff.foreign.Store(err != nil)
	if err != nil {
		return err
	}
	if epoch == "" {
		return d.rebuild(ctx, identity)
	}
	if d.handoff.lost.Load() != 0 {
		return d.rebuild(ctx, "")
	}
	d.resend(ctx)
	return nil
}

// rebuild queues everything again that should be in the queue, unless another
// process does so or has done so since this one lost something. An epoch is
// set when the queue is full again, so that another process takes over from
// one that crashes on the way.
func (d *Dispatcher) rebuild(ctx context.Context, epoch string) error {
	lost := d.handoff.lost.Load()
	mine, ago, err := d.Epochs.BeginRebuild(ctx)
	if err != nil {
		d.handoff.lose(d.now())
		return err //nolint:wrapcheck // it says what it was doing
	}
	began := d.now().Add(-ago)
	if !mine && began.UnixNano() < lost {
		return nil // what was lost since is in the next rebuild
	}
	d.handoff.lost.CompareAndSwap(lost, 0)
	if !mine {
		return nil
	}
	d.handoff.forget()
	total, err := d.requeue(ctx, began)
	if err != nil {
		d.handoff.lose(d.now())
		return fmt.Errorf("mark lost deliveries as due: %w", err)
	}
	d.logRebuild(ctx, epoch != "", total)
	if epoch == "" {
		return nil
	}
	return d.Epochs.SetEpoch(ctx, epoch) //nolint:wrapcheck // it says what it was doing
}

// logRebuild tells of a rebuild. An embedded queue is filled at each start, which
// says nothing of a Redis that lost something.
func (d *Dispatcher) logRebuild(ctx context.Context, wasEmpty bool, total int) {
	log := d.Logger.With(slog.Int("deliveries", total))
	if !d.Embedded {
		log = log.With(slog.Bool("redis_was_empty", wasEmpty))
	}
	log.InfoContext(ctx, "queue refill started")
}

// requeue makes everything due again that was queued until then. What is claimed
// later goes into the queue as it is now, and needs no second turn.
func (d *Dispatcher) requeue(ctx context.Context, until time.Time) (int, error) {
	return inSteps(ctx, func(ctx context.Context, limit int) (int, error) {
		return d.Waiting.Requeue(ctx, until.Add(d.Grace), limit)
	})
}

// resend puts attempts into the queue that did not get there.
func (d *Dispatcher) resend(ctx context.Context) {
	for range len(d.handoff.failed) {
		select {
		case due := <-d.handoff.failed:
			d.enqueue(ctx, due, true)
		default:
			return
		}
	}
}
