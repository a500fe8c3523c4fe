package dispatcher

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Waiting is what the sweeper needs of the store.
type Waiting interface {
	Identity(ctx context.Context) (string, error)
	Claim(ctx context.Context, now, next time.Time, limit int) ([]postback.Due, error)
	Requeue(ctx context.Context, before time.Time, limit int) (int, error)
}

// Parking is what releasing parked deliveries needs of the store.
type Parking interface {
	ParkedEndpoints(ctx context.Context) ([]string, error)
	Release(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error)
	Cancel(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error)
}

const (
	sweepInterval = 100 * time.Millisecond // how late a retry may be enqueued
	watchInterval = time.Second            // how soon a wiped Redis is noticed
	step          = 500                    // rows moved in one ledger transaction
)

// Run keeps the queue filled until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) {
	var group sync.WaitGroup
	for range senders {
		group.Go(func() { d.send(ctx) })
	}
	group.Go(func() { d.every(ctx, sweepInterval, "sweep due deliveries", d.sweep) })
	group.Go(func() { d.every(ctx, watchInterval, "watch the queue", d.watch) })
	group.Go(func() { d.every(ctx, watchInterval, "release parked deliveries", d.releaseParked) })
	group.Go(func() { d.every(ctx, replayInterval, "work on replays", d.replayTurns()) })
	group.Wait()
}

// every calls work at each interval until ctx ends, and logs what an outage
// makes fail once, not at every turn.
func (d *Dispatcher) every(ctx context.Context, interval time.Duration, what string, work func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
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
	behind, err := d.feed(ctx)
	d.outbox.behind.Store(behind)
	return err
}

// feed moves due deliveries from the ledger to the queue while there is room,
// and reports whether some had to stay behind. It counts before each step, for
// other processes fill the same queue: together they exceed its bound by no
// more than a step each.
func (d *Dispatcher) feed(ctx context.Context) (behind bool, err error) {
	for {
		depth, err := d.Queue.Depth(ctx)
		if err != nil {
			return true, fmt.Errorf("count queue: %w", err)
		}
		d.outbox.queued.Store(int64(depth))
		free := d.outbox.free()
		if free == 0 {
			return true, nil
		}
		now := d.now()
		due, err := d.Waiting.Claim(ctx, now, now.Add(d.Grace), min(free, step))
		if err != nil {
			return true, fmt.Errorf("claim due deliveries: %w", err)
		}
		if len(due) == 0 {
			return false, nil
		}
		d.enqueueAll(ctx, due)
		if d.outbox.lost.Load() != 0 {
			return true, nil // the queue refuses: the rest stays due where it is
		}
	}
}

func (d *Dispatcher) enqueueAll(ctx context.Context, due []postback.Due) {
	var group sync.WaitGroup
	next := make(chan postback.Due)
	for range min(senders, len(due)) {
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

// releaseParked frees what was parked for an endpoint that takes deliveries
// again, and cancels what was parked for one that is gone. It runs all the
// time, so that neither a process that dies in the middle of a release nor one
// that learned late of a resume leaves a delivery parked for good.
func (d *Dispatcher) releaseParked(ctx context.Context) error {
	ids, err := d.Parking.ParkedEndpoints(ctx)
	if err != nil {
		return fmt.Errorf("list endpoints with parked deliveries: %w", err)
	}
	for _, id := range ids {
		endpoint, known := d.Endpoints.Endpoint(id)
		if _, held := endpoint.Holds(); held || !known {
			continue
		}
		if _, err := inSteps(ctx, d.unpark(endpoint)); err != nil {
			return fmt.Errorf("release deliveries of endpoint %s: %w", id, err)
		}
	}
	return nil
}

func (d *Dispatcher) unpark(endpoint postback.Endpoint) func(context.Context, int) (int, error) {
	if endpoint.State == postback.EndpointDeleted {
		return func(ctx context.Context, limit int) (int, error) {
			return d.Parking.Cancel(ctx, endpoint.ID, postback.ReasonEndpointDeleted, d.now(), limit)
		}
	}
	return func(ctx context.Context, limit int) (int, error) {
		for _, reason := range []postback.Reason{postback.ReasonPaused, postback.ReasonDisabled} {
			if moved, err := d.Parking.Release(ctx, endpoint.ID, reason, d.now(), limit); err != nil || moved > 0 {
				return moved, err //nolint:wrapcheck // releaseParked wraps it
			}
		}
		return 0, nil
	}
}
