package dispatcher

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/waybillhq/waybill/internal/loop"
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
	for _, job := range d.jobs() {
		group.Go(func() { loop.Run(ctx, job) })
	}
	group.Wait()
	d.crews.wait()
	d.leaveToOthers(ctx)
}

// jobs are what is done again and again.
func (d *Dispatcher) jobs() []loop.Job {
	return []loop.Job{
		{Name: "sweep due deliveries", Every: sweepInterval, Wake: d.wake, Do: d.sweep, Logger: d.Logger},
		{Name: "watch the queue", Every: watchInterval, Do: d.watch, Logger: d.Logger},
		{Name: "release parked deliveries", Every: releaseInterval, Do: d.releaseTurn, Logger: d.Logger},
		{Name: "expire parked deliveries", Every: expireInterval, Do: d.expireParked, Logger: d.Logger},
		{Name: "look after ordering groups", Every: groupsInterval, Do: d.lookAfterGroups, Logger: d.Logger},
		d.replayWork(),
	}
}

// Wake has what became due just now queued at once, and not in the sweeper's
// next turn.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default: // it is about to look
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
	for ctx.Err() == nil {
		err := d.lanes.count(func() (task.Depth, error) { return d.Queue.Depth(ctx) })
		if err != nil {
			return fmt.Errorf("count queue: %w", err)
		}
		if d.handoff.refused() || d.handoff.foreign.Load() {
			d.lanes.close() // all that is due stays where it is
			return nil
		}
		full := d.lanes.full(d.Endpoints.Of)
		moved, err := d.move(ctx, full)
		if err != nil {
			return err
		}
		if moved == 0 {
			d.lanes.leave(full)
			return nil
		}
	}
	return nil
}

// move queues a step of what is due. What it has claimed nobody else looks at
// until the grace is over: it is queued even when the process stops meanwhile.
func (d *Dispatcher) move(ctx context.Context, full map[string]bool) (int, error) {
	ctx, cancel := outlasting(ctx)
	defer cancel()
	now := d.now()
	due, err := d.Waiting.Claim(ctx, postback.Claim{Now: now, Next: now.Add(d.Grace), Limit: step, Each: d.lanes.part(), Except: full})
	if err != nil {
		return 0, fmt.Errorf("claim due deliveries: %w", err)
	}
	d.enqueueAll(ctx, due)
	return len(due), nil
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
