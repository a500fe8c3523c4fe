package dispatcher

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/waybillhq/waybill/internal/id"
	"github.com/waybillhq/waybill/postback"
)

// Replays is what replaying needs of the store.
type Replays interface {
	Reopener
	ReplayJobs
}

// Reopener picks ended deliveries and opens them again.
type Reopener interface {
	Reopen(ctx context.Context, ids []string, at, sweepAt time.Time) ([]postback.Reopened, error)
	Deliveries(ctx context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.Delivery, string, error)
	CountDeliveries(ctx context.Context, filter postback.DeliveryFilter) (int, error)
}

// ReplayJobs keeps replay jobs.
type ReplayJobs interface {
	SaveReplay(ctx context.Context, job postback.ReplayJob) error
	Replay(ctx context.Context, id string) (postback.ReplayJob, error)
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
	if err := d.Replays.SaveReplay(ctx, job); err != nil {
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

// CancelReplay ends a running job; what it has replayed stays replayed.
// CodeNotFound; CodeConflict when it has ended.
func (d *Dispatcher) CancelReplay(ctx context.Context, jobID string) (postback.ReplayJob, error) {
	d.jobs.Lock()
	defer d.jobs.Unlock()
	job, err := d.Replay(ctx, jobID)
	if err != nil {
		return postback.ReplayJob{}, err
	}
	if job.State != postback.ReplayRunning {
		return postback.ReplayJob{}, postback.Failure(postback.CodeConflict, "the replay has ended already (%s)", job.State)
	}
	return d.endReplay(ctx, job, postback.ReplayCancelled)
}

func (d *Dispatcher) endReplay(ctx context.Context, job postback.ReplayJob, state postback.ReplayState) (postback.ReplayJob, error) {
	job.State, job.EndedAt = state, d.now()
	if err := d.Replays.SaveReplay(ctx, job); err != nil {
		return postback.ReplayJob{}, fmt.Errorf("record end of replay: %w", err)
	}
	return job, nil
}

// workOnReplays moves every running job on, each by what its rate allows for
// one interval.
func (d *Dispatcher) workOnReplays(ctx context.Context) error {
	jobs, err := d.Replays.RunningReplays(ctx)
	if err != nil {
		return fmt.Errorf("list replays: %w", err)
	}
	for _, job := range jobs {
		if err := d.workOn(ctx, job.ID); err != nil {
			return fmt.Errorf("work on replay %s: %w", job.ID, err)
		}
	}
	return nil
}

// workOn replays pages until the job ends or has had what its rate allows for
// this interval.
func (d *Dispatcher) workOn(ctx context.Context, jobID string) error {
	for allowed := -1; allowed != 0 && ctx.Err() == nil; {
		job, moved, err := d.replayPage(ctx, jobID, &allowed)
		if err != nil {
			return err
		}
		if moved == 0 || job.State != postback.ReplayRunning {
			return nil
		}
	}
	return nil
}

// replayPage replays the job's next page and records how far it got. A process
// that dies in between replays the page again; what was reopened by then no
// longer matches the filter.
func (d *Dispatcher) replayPage(ctx context.Context, jobID string, allowed *int) (postback.ReplayJob, int, error) {
	d.jobs.Lock()
	defer d.jobs.Unlock()
	job, err := d.Replay(ctx, jobID)
	if err != nil || job.State != postback.ReplayRunning {
		return job, 0, err
	}
	if *allowed < 0 {
		*allowed = d.allowance(job)
	}
	page := postback.Page{Cursor: job.Cursor, Limit: min(*allowed, step)}
	if page.Limit == 0 {
		return job, 0, nil
	}
	deliveries, next, err := d.Replays.Deliveries(ctx, job.Filter, page)
	if err != nil {
		return job, 0, fmt.Errorf("read deliveries to replay: %w", err)
	}
	replayed, err := d.reopen(ctx, deliveries)
	if err != nil {
		return job, 0, err
	}
	*allowed -= len(deliveries)
	job.Replayed += replayed
	job.Cursor = next
	if next == "" {
		job, err = d.endReplay(ctx, job, postback.ReplayDone)
		d.Logger.InfoContext(ctx, "replay done", slog.String("replay", job.ID), slog.Int("deliveries", job.Replayed))
		return job, len(deliveries), err
	}
	if err := d.Replays.SaveReplay(ctx, job); err != nil {
		return job, 0, fmt.Errorf("record progress of replay: %w", err)
	}
	return job, len(deliveries), nil
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

func (d *Dispatcher) reopen(ctx context.Context, deliveries []postback.Delivery) (int, error) {
	if len(deliveries) == 0 {
		return 0, nil
	}
	ids := make([]string, 0, len(deliveries))
	for _, delivery := range deliveries {
		ids = append(ids, delivery.ID)
	}
	now := d.now()
	reopened, err := d.Replays.Reopen(ctx, ids, now, now)
	if err != nil {
		return 0, fmt.Errorf("reopen deliveries: %w", err)
	}
	opened := slices.DeleteFunc(reopened, func(one postback.Reopened) bool { return one.Err != nil })
	return len(opened), nil
}
