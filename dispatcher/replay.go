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

// ReplayOptions are the parts that replay.
type ReplayOptions struct {
	Ledger Replays
	Jobs   ReplayJobs
	// MaxPerPublisher is how many replays of one publisher may run at once, and how
	// many that name none. Zero: any.
	MaxPerPublisher int
	// Rate is how many deliveries per second this process reopens for all replays
	// together, so that they leave new deliveries most of what it can do. Zero: any.
	Rate int
	// Window is how many of the deliveries that a replay job reopened may be due in
	// the ledger at once. Zero means 1000.
	Window int
}

func (o ReplayOptions) complete() bool { return o.Ledger != nil && o.Jobs != nil }

// replayStage starts and cancels replays.
type replayStage struct {
	ledger          Replays
	jobs            ReplayJobs
	maxPerPublisher int
	now             func() time.Time
	logger          *slog.Logger
}

// delivery opens one ended delivery again.
func (s *replayStage) delivery(ctx context.Context, deliveryID string) (postback.Delivery, error) {
	now := s.now()
	reopened, err := s.ledger.Reopen(ctx, []string{deliveryID}, now, now)
	if err != nil {
		return postback.Delivery{}, fmt.Errorf("replay delivery: %w", err)
	}
	return reopened[0].Due.Delivery, reopened[0].Err
}

// firstPartTimeout bounds how long the answer to a new replay waits to say what
// it is about.
const firstPartTimeout = 500 * time.Millisecond

// start records a job, and collects the first part of what it replays.
func (s *replayStage) start(ctx context.Context, filter postback.DeliveryFilter, rate float64, dryRun bool) (postback.ReplayJob, error) {
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
	now := s.now()
	// What ends after this moment is not the job's: so a delivery that fails
	// again is not replayed by the same job again.
	filter.EndedBefore = now
	filter.NoTests = true
	job := postback.ReplayJob{
		ID: id.New(id.Replay, now), Filter: filter, Rate: rate, DryRun: dryRun,
		State: postback.ReplayRunning, CreatedAt: now,
	}
	most := s.maxPerPublisher
	if dryRun {
		most = 0 // it is done at once
		groups, err := s.ledger.GroupDeliveries(ctx, filter)
		if err != nil {
			return postback.ReplayJob{}, fmt.Errorf("count deliveries to replay: %w", err)
		}
		for _, group := range groups {
			job.Matched += group.Count
		}
		job.Groups, job.State, job.EndedAt = groups[:min(len(groups), postback.MaxGroups)], postback.ReplayDone, now
	}
	if err := s.ledger.CreateReplay(ctx, job, most); err != nil {
		return postback.ReplayJob{}, fmt.Errorf("record replay: %w", err)
	}
	if dryRun {
		return job, nil
	}
	return s.firstPart(ctx, job), nil
}

// firstPart collects the first part of a new job, all of a small one, so that
// the answer says at once what it is about. Counting a long history would keep
// the caller waiting; what takes too long is left to the work on replays.
func (s *replayStage) firstPart(ctx context.Context, job postback.ReplayJob) postback.ReplayJob {
	ctx, cancel := context.WithTimeout(ctx, firstPartTimeout)
	defer cancel()
	collected, err := s.jobs.CollectReplay(ctx, job.ID, step, job.CreatedAt)
	if err != nil {
		s.logger.InfoContext(ctx, "replay collection postponed", slog.String("replay", job.ID), slog.Any("error", err))
		return job
	}
	return collected
}

// cancel ends a running job.
func (s *replayStage) cancel(ctx context.Context, jobID string) (postback.ReplayJob, error) {
	job, err := s.ledger.CancelReplay(ctx, jobID, s.now())
	if err != nil {
		return postback.ReplayJob{}, fmt.Errorf("cancel replay: %w", err)
	}
	return job, nil
}
