package dispatcher

import (
	"context"
	"log/slog"
	"sync"

	"github.com/waybillhq/waybill/internal/loop"
	"github.com/waybillhq/waybill/postback"
)

// Dispatcher accepts events and keeps the queue filled. It is safe for
// concurrent use.
type Dispatcher struct {
	// The stages of a new event, in their order.
	accept  *acceptStage
	enqueue *enqueueStage

	// What brings deliveries back to the queue.
	requeue    *requeueStage
	release    *releaseStage
	expire     *expireStage
	groups     *groupStage
	replay     *replayStage
	replayWork *replayWork
	rematch    *rematchStage
	rebuild    *rebuildStage

	logger *slog.Logger
}

// Run keeps the queue filled until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) {
	var group sync.WaitGroup
	for range d.enqueue.senders {
		group.Go(func() { d.enqueue.run(ctx) })
	}
	for _, job := range d.jobs() {
		group.Go(func() { loop.Run(ctx, job) })
	}
	group.Wait()
	d.release.crews.wait()
	d.requeue.leaveToOthers(ctx)
}

// jobs run in the background.
func (d *Dispatcher) jobs() []loop.Job {
	return []loop.Job{
		{Name: "sweep due deliveries", Every: requeueInterval, Wake: d.requeue.wake, Do: d.requeue.run, Logger: d.logger},
		{Name: "watch the queue", Every: watchInterval, Do: d.rebuild.watch, Logger: d.logger},
		{Name: "release parked deliveries", Every: releaseInterval, Do: d.release.run, Logger: d.logger},
		{Name: "expire parked deliveries", Every: expireInterval, Do: d.expire.run, Logger: d.logger},
		{Name: "look after ordering groups", Every: groupsInterval, Do: d.groups.run, Logger: d.logger},
		d.replayWork.job(),
	}
}

// Accept records events and the deliveries they call for, and answers in the
// same order. An item's Err says why that event was refused: CodeConflict, or
// data that no endpoint that wants it can carry; or it is CodeUnavailable, and
// sending that event again is right. An error for the whole
// call means that the ledger could not be reached; no event can then be said
// to be accepted, and sending all of them again is right.
//
// Accepting is finished once it has begun, whatever becomes of ctx: what is
// written is queued, too.
func (d *Dispatcher) Accept(ctx context.Context, events []postback.Event) ([]postback.Acceptance, error) {
	return d.accept.events(ctx, events)
}

// AcceptQueued accepts the event of a task that a producer put into Redis. A
// bad one is recorded as rejected, with the reason: no producer waits for
// an answer. The error is for a ledger that could not be reached.
func (d *Dispatcher) AcceptQueued(ctx context.Context, payload []byte) error {
	return d.accept.queued(ctx, payload)
}

// Parked has the release check what was parked just now, however seldom it
// checked because there was nothing to do.
func (d *Dispatcher) Parked() { d.release.parked() }

// Wake has what became due just now queued at once, before the next interval.
func (d *Dispatcher) Wake() { d.requeue.wakeUp() }

// DeliverEvents matches recorded events that a filter picks with the endpoints as
// they are now, and makes the deliveries that are missing; no endpoint gets a
// second one of an event. With dryRun it only counts. It ends after a while, with
// the cursor to continue at. What it did stays done when it fails or is killed, and
// calling it again with the same filter does the rest.
func (d *Dispatcher) DeliverEvents(ctx context.Context, filter postback.EventFilter, cursor string, dryRun bool) (postback.Rematch, error) {
	return d.rematch.events(ctx, filter, cursor, dryRun)
}

// ReplayDelivery opens one ended delivery again: CodeNotFound, CodeNotEnded,
// CodeEndpointDeleted.
func (d *Dispatcher) ReplayDelivery(ctx context.Context, deliveryID string) (postback.Delivery, error) {
	return d.replay.delivery(ctx, deliveryID)
}

// StartReplay makes a job that replays every ended delivery that the filter
// picks, as of now; without states it picks dead letters. With dryRun it only
// counts. Rate is in deliveries per second; 0 is as fast as ReplayOptions.Rate
// allows. A job whose deliveries are not all known yet comes back without Collected.
func (d *Dispatcher) StartReplay(ctx context.Context, filter postback.DeliveryFilter, rate float64, dryRun bool) (postback.ReplayJob, error) {
	return d.replay.start(ctx, filter, rate, dryRun)
}

// CancelReplay ends a running job; what it has replayed stays replayed.
// CodeNotFound; CodeConflict when it has ended.
func (d *Dispatcher) CancelReplay(ctx context.Context, jobID string) (postback.ReplayJob, error) {
	return d.replay.cancel(ctx, jobID)
}
