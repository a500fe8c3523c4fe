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

// Replays is what replaying needs of the store.
type Replays interface {
	Reopener
	ReplayJobs
	ReplayReader
}

// Reopener counts deliveries and opens ended ones again.
type Reopener interface {
	Reopen(ctx context.Context, ids []string, at, sweepAt time.Time) ([]postback.Reopened, error)
	CountDeliveries(ctx context.Context, filter postback.DeliveryFilter) (int, error)
}

// ReplayJobs keeps replay jobs and their snapshots.
type ReplayJobs interface {
	CreateReplay(ctx context.Context, job postback.ReplayJob) error
	CollectReplay(ctx context.Context, id string, limit int, at time.Time) (postback.ReplayJob, error)
	AdvanceReplay(ctx context.Context, id string, handled, limit int, at time.Time) (postback.ReplayJob, error)
	CancelReplay(ctx context.Context, id string, at time.Time) (postback.ReplayJob, error)
}

// ReplayReader reads replay jobs.
type ReplayReader interface {
	Replay(ctx context.Context, id string) (postback.ReplayJob, error)
	ReplayJobs(ctx context.Context, filter postback.ReplayFilter, page postback.Page) ([]postback.ReplayJob, string, error)
	RunningReplays(ctx context.Context) ([]postback.ReplayJob, error)
}

// ReplayDelivery opens one ended delivery again: CodeNotFound, CodeNotEnded.
func (d *Dispatcher) ReplayDelivery(ctx context.Context, deliveryID string) (postback.Delivery, error) {
	now := d.now()
	reopened, err := d.Replays.Reopen(ctx, []string{deliveryID}, now, now)
	if err != nil {
		return postback.Delivery{}, fmt.Errorf("replay delivery: %w", err)
	}
	return reopened[0].Due.Delivery, reopened[0].Err
}

// StartReplay makes a job that replays every ended delivery that the filter
// picks, as of now; without states it picks dead letters. With dryRun it only
// counts. Rate is in deliveries per second; 0 is as fast as it goes.
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
	matched, err := d.Replays.CountDeliveries(ctx, filter)
	if err != nil {
		return postback.ReplayJob{}, fmt.Errorf("count deliveries to replay: %w", err)
	}
	job := postback.ReplayJob{
		ID: id.New(id.Replay, now), Filter: filter, Rate: rate, DryRun: dryRun,
		State: postback.ReplayRunning, Matched: matched, CreatedAt: now,
	}
	if dryRun || matched == 0 {
		job.State, job.EndedAt = postback.ReplayDone, now
	}
	if err := d.Replays.CreateReplay(ctx, job); err != nil {
		return postback.ReplayJob{}, fmt.Errorf("record replay: %w", err)
	}
	return job, nil
}

// Replay returns a replay job; CodeNotFound.
func (d *Dispatcher) Replay(ctx context.Context, jobID string) (postback.ReplayJob, error) {
	job, err := d.Replays.Replay(ctx, jobID)
	if err != nil {
		return postback.ReplayJob{}, fmt.Errorf("read replay: %w", err)
	}
	return job, nil
}

// ListReplays lists replay jobs, newest first, and the next cursor.
func (d *Dispatcher) ListReplays(ctx context.Context, filter postback.ReplayFilter, page postback.Page) ([]postback.ReplayJob, string, error) {
	jobs, next, err := d.Replays.ReplayJobs(ctx, filter, page)
	if err != nil {
		return nil, "", fmt.Errorf("list replays: %w", err)
	}
	return jobs, next, nil
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

// workOnReplays moves every running job on, each by what its rate allows for
// one interval. Every process does so: a step that another one took is not
// taken again.
func (d *Dispatcher) workOnReplays(ctx context.Context) error {
	jobs, err := d.Replays.RunningReplays(ctx)
	if err != nil {
		return fmt.Errorf("list replays: %w", err)
	}
	for _, job := range jobs {
		err := d.workOn(ctx, job)
		if postback.CodeOf(err) == postback.CodeConflict {
			continue // another process works on it, or it was cancelled
		}
		if err != nil {
			return fmt.Errorf("work on replay %s: %w", job.ID, err)
		}
	}
	return nil
}

// workOn collects the job's snapshot and then works through it, until the job
// ends or has had what its rate allows for this interval.
func (d *Dispatcher) workOn(ctx context.Context, job postback.ReplayJob) (err error) {
	for !job.Collected && job.State == postback.ReplayRunning && ctx.Err() == nil {
		if job, err = d.Replays.CollectReplay(ctx, job.ID, step, d.now()); err != nil {
			return fmt.Errorf("collect deliveries: %w", err)
		}
	}
	for allowed := d.allowance(job); allowed > 0 && job.Collected && job.State == postback.ReplayRunning && ctx.Err() == nil; {
		before := job.Replayed
		if job, err = d.Replays.AdvanceReplay(ctx, job.ID, job.Handled(), min(allowed, step), d.now()); err != nil {
			return fmt.Errorf("reopen deliveries: %w", err)
		}
		allowed -= job.Replayed - before
	}
	if job.State == postback.ReplayDone {
		d.Logger.InfoContext(ctx, "replay done", slog.String("replay", job.ID),
			slog.Int("replayed", job.Replayed), slog.Int("skipped", job.Skipped))
	}
	return nil
}

// allowance is how many deliveries a job's rate has allowed since it was made,
// less those it has replayed, and no more than one interval's worth: a job
// that stood still for an hour does not catch up in a burst.
func (d *Dispatcher) allowance(job postback.ReplayJob) int {
	const unlimited = 1 << 30
	if job.Rate == 0 {
		return unlimited
	}
	since := d.now().Sub(job.CreatedAt).Seconds()
	return int(min(max(since*job.Rate-float64(job.Replayed), 0), max(job.Rate, 1), unlimited))
}
