package dispatcher

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/waybillhq/waybill/internal/id"
	"github.com/waybillhq/waybill/postback"
)

// Replays is what starting and cancelling replays needs of the store.
type Replays interface {
	Reopen(ctx context.Context, ids []string, at, sweepAt time.Time) ([]postback.Reopened, error)
	GroupDeliveries(ctx context.Context, filter postback.DeliveryFilter) ([]postback.DeliveryGroup, error)
	// CreateReplay writes a job; CodeLimit when as many of its publisher run as may (0:
	// any number).
	CreateReplay(ctx context.Context, job postback.ReplayJob, most int) error
	CancelReplay(ctx context.Context, id string, at time.Time) (postback.ReplayJob, error)
}

// ReplayDelivery opens one ended delivery again: CodeNotFound, CodeNotEnded,
// CodeEndpointDeleted.
func (d *Dispatcher) ReplayDelivery(ctx context.Context, deliveryID string) (postback.Delivery, error) {
	now := d.now()
	reopened, err := d.Replays.Reopen(ctx, []string{deliveryID}, now, now)
	if err != nil {
		return postback.Delivery{}, fmt.Errorf("replay delivery: %w", err)
	}
	return reopened[0].Due.Delivery, reopened[0].Err
}

// firstPartTimeout bounds how long the answer to a new replay waits to say what
// it is about.
const firstPartTimeout = 500 * time.Millisecond

// StartReplay makes a job that replays every ended delivery that the filter
// picks, as of now; without states it picks dead letters. With dryRun it only
// counts. Rate is in deliveries per second; 0 is as fast as ReplayRate allows. A job whose
// deliveries are not all known yet comes back without Collected.
func (d *Dispatcher) StartReplay(ctx context.Context, filter postback.DeliveryFilter, rate float64, dryRun bool) (postback.ReplayJob, error) {
	if len(filter.States) == 0 {
		filter.States = []postback.State{postback.Dead}
	}
	for _, state := range filter.States {
		if !state.Ended() {
			return postback.ReplayJob{}, postback.Invalid("filter.state", postback.CodeInvalid,
				"only ended deliveries can be replayed: succeeded, dead or cancelled")
		}
	}
	if rate < 0 || math.IsNaN(rate) {
		return postback.ReplayJob{}, postback.Invalid("rate", postback.CodeInvalid, "must be a number and not negative; leave it out for no limit")
	}
	now := d.now()
	// What ends after this moment is not the job's: so a delivery that fails
	// again is not replayed by the same job again.
	filter.EndedBefore = now
	filter.NoTests = true
	job := postback.ReplayJob{
		ID: id.New(id.Replay, now), Filter: filter, Rate: rate, DryRun: dryRun,
		State: postback.ReplayRunning, CreatedAt: now,
	}
	most := d.MaxReplays
	if dryRun {
		most = 0 // it is done at once
		groups, err := d.Replays.GroupDeliveries(ctx, filter)
		if err != nil {
			return postback.ReplayJob{}, fmt.Errorf("count deliveries to replay: %w", err)
		}
		for _, group := range groups {
			job.Matched += group.Count
		}
		job.Groups, job.State, job.EndedAt = groups[:min(len(groups), postback.MaxGroups)], postback.ReplayDone, now
	}
	if err := d.Replays.CreateReplay(ctx, job, most); err != nil {
		return postback.ReplayJob{}, fmt.Errorf("record replay: %w", err)
	}
	if dryRun {
		return job, nil
	}
	return d.firstPart(ctx, job), nil
}

// firstPart collects the first part of a new job, all of a small one, so that
// the answer says at once what it is about. Counting a long history would keep
// the caller waiting; what takes too long is left to the work on replays.
func (d *Dispatcher) firstPart(ctx context.Context, job postback.ReplayJob) postback.ReplayJob {
	ctx, cancel := context.WithTimeout(ctx, firstPartTimeout)
	defer cancel()
	collected, err := d.ReplayJobs.CollectReplay(ctx, job.ID, step, job.CreatedAt)
	if err != nil {
		d.Logger.InfoContext(ctx, "replay collection postponed", slog.String("replay", job.ID), slog.Any("error", err))
		return job
	}
	return collected
}

// CancelReplay ends a running job; what it has replayed stays replayed.
// CodeNotFound; CodeConflict when it has ended.
func (d *Dispatcher) CancelReplay(ctx context.Context, jobID string) (postback.ReplayJob, error) {
	job, err := d.Replays.CancelReplay(ctx, jobID, d.now())
	if err != nil {
		return postback.ReplayJob{}, fmt.Errorf("cancel replay: %w", err)
	}
	return job, nil
}
