package dispatcher

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// Waiting is what the sweeper needs of the store.
type Waiting interface {
	Identity(ctx context.Context) (string, error)
	Claim(ctx context.Context, claim postback.Claim) ([]postback.Due, error)
	Requeue(ctx context.Context, before time.Time, limit int) (int, error)
}

const (
	sweepInterval = 100 * time.Millisecond // how late a retry may be enqueued
	watchInterval = time.Second            // how soon a wiped Redis is noticed
	step          = 500                    // rows moved in one ledger transaction
)

// Run keeps the queue filled until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) {
	var group sync.WaitGroup
	for range d.Senders {
		group.Go(func() { d.send(ctx) })
	}
	group.Go(func() { d.everyOr(ctx, sweepInterval, d.wake, "sweep due deliveries", d.sweep) })
	group.Go(func() { d.every(ctx, watchInterval, "watch the queue", d.watch) })
	group.Go(func() { d.every(ctx, releaseInterval, "release parked deliveries", d.releaseParked) })
	group.Go(func() { d.every(ctx, rowsInterval, "look after rows", d.lookAfterRows) })
	group.Go(func() { d.every(ctx, replayInterval, "work on replays", d.replayTurns()) })
	group.Wait()
}

// Wake has what became due just now queued at once, and not in the sweeper's
// next turn.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default: // it is about to look
	}
}

// every calls work at each interval until ctx ends, and logs what an outage
// makes fail once, not at every turn.
func (d *Dispatcher) every(ctx context.Context, interval time.Duration, what string, work func(context.Context) error) {
	d.everyOr(ctx, interval, nil, what, work)
}

// everyOr is every for work that may be woken before its time.
func (d *Dispatcher) everyOr(ctx context.Context, interval time.Duration, wake <-chan struct{}, what string, work func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-wake:
		}
		err := work(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			d.Logger.WarnContext(ctx, "work is failing; trying on", slog.String("work", what), slog.Any("error", err))
		}
		if err == nil && failing {
			d.Logger.InfoContext(ctx, "work goes on", slog.String("work", what))
		}
		failing = err != nil
	}
}

// sweep enqueues what is due and has no task: retries, replays, released
// deliveries, what waited for room in the queue, and what got lost.
func (d *Dispatcher) sweep(ctx context.Context) error {
	d.enqueueAll(ctx, d.busy.again(d.now()))
	if err := d.feed(ctx); err != nil {
		d.lanes.close()
		return err
	}
	return nil
}

// feed moves due deliveries from the ledger to the queue, each endpoint in its
// turn, as far as their lanes have room. It counts before each step, for other
// processes fill the same queue: each of them keeps an endpoint to its share.
func (d *Dispatcher) feed(ctx context.Context) error {
	for {
		err := d.lanes.count(func() (task.Depth, error) { return d.Queue.Depth(ctx) })
		if err != nil {
			return fmt.Errorf("count queue: %w", err)
		}
		if d.outbox.refused() || d.outbox.foreign.Load() {
			d.lanes.close() // all that is due stays where it is
			return nil
		}
		now, full := d.now(), d.lanes.full()
		due, err := d.Waiting.Claim(ctx, postback.Claim{Now: now, Next: now.Add(d.Grace), Limit: step, Each: d.lanes.part(), Except: full})
		if err != nil {
			return fmt.Errorf("claim due deliveries: %w", err)
		}
		if len(due) == 0 {
			d.lanes.leave(full)
			return nil
		}
		d.enqueueAll(ctx, due)
	}
}

func (d *Dispatcher) enqueueAll(ctx context.Context, due []postback.Due) {
	var group sync.WaitGroup
	next := make(chan postback.Due)
	for range min(d.Senders, len(due)) {
		group.Go(func() {
			for one := range next {
				d.enqueue(ctx, one, true)
			}
		})
	}
	for _, one := range due {
		next <- one
	}
	close(next)
	group.Wait()
}

// inSteps calls a bounded ledger operation until nothing is left for it.
func inSteps(ctx context.Context, operation func(ctx context.Context, limit int) (int, error)) (int, error) {
	total := 0
	for {
		moved, err := operation(ctx, step)
		total += moved
		if err != nil || moved == 0 {
			return total, err
		}
	}
}
