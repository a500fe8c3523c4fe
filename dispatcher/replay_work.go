package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/waybillhq/waybill/internal/loop"
	"github.com/waybillhq/waybill/postback"
)

// replayInterval is how even a paced replay is: what its rate allows for so
// long goes at once.
const replayInterval = 100 * time.Millisecond

const (
	// replayStep is how many deliveries a job collects or reopens in one
	// transaction: few, because others that write wait for it.
	replayStep = 100
	// replaySteps is how many steps a job takes in a round at most.
	replaySteps = 10
)

// ReplayJobs is what moving replays on needs of the store.
type ReplayJobs interface {
	RunningReplays(ctx context.Context) ([]postback.ReplayJob, error)
	CollectReplay(ctx context.Context, id string, limit int, at time.Time) (postback.ReplayJob, error)
	AdvanceReplay(ctx context.Context, id string, handled, limit int, at time.Time) (postback.ReplayJob, error)
	// ReopenedDue counts which of the last deliveries that a job reopened are due
	// in the ledger.
	ReopenedDue(ctx context.Context, jobID string, last int, at time.Time) (int, error)
}

// defaultReplayWindow is more than the queue takes in until the next run, and few
// enough to be counted at each.
const defaultReplayWindow = 1000

// replayWork moves replays on.
type replayWork struct {
	ledger  ReplayJobs
	window  int
	paces   paces
	limiter *rate.Limiter // of all replays together
	// jobs and publishers say which replay is next, and whose.
	jobs, publishers served
	now              func() time.Time
	logger           *slog.Logger
}

func newReplayWork(options ReplayOptions, now func() time.Time, logger *slog.Logger) *replayWork {
	return &replayWork{
		ledger: options.Jobs, window: options.Window, paces: paces{}, limiter: newReplayLimiter(options.Rate), now: now, logger: logger,
	}
}

// job moves replays on at each replayInterval, and looks for new ones once
// a second when there are none.
func (w *replayWork) job() loop.Job {
	running := 0
	return loop.Job{
		Name: "work on replays", Logger: w.logger,
		Do: func(ctx context.Context) (err error) {
			running, err = w.run(ctx)
			return err
		},
		Pause: func(last loop.Turn) time.Duration {
			if running == 0 {
				return watchInterval
			}
			return max(0, replayInterval-last.Took)
		},
	}
}

// run moves every running job on by what its rate, its window and the
// rate of all together allow by now, and says how many there are. Every process
// does so: a step that another one took is not taken again. Publishers are served in
// turn, a step each, and so are the jobs of a publisher, so that neither a large job
// nor a publisher with many keeps another waiting, and one that fails keeps no
// other from going on. After some steps the ledger is left to others until the
// next run.
func (w *replayWork) run(ctx context.Context) (running int, err error) {
	jobs, err := w.ledger.RunningReplays(ctx)
	if err != nil {
		return 0, fmt.Errorf("list replays: %w", err)
	}
	w.paces.keep(jobs)
	round := w.round(jobs)
	var failed []error
	for range replaySteps {
		for _, publisher := range round.publishers {
			round.moves[publisher], err = w.moveOne(ctx, round.moves[publisher])
			failed = append(failed, err)
		}
	}
	return len(jobs), errors.Join(failed...)
}

// moveOne takes the next step of the first of some jobs that has one to take, and
// returns those that may take more, that one last.
func (w *replayWork) moveOne(ctx context.Context, moves []*replayMove) (left []*replayMove, failed error) {
	for len(moves) > 0 {
		move := moves[0]
		moves, move.moved = moves[1:], false
		again, err := w.step(ctx, move)
		if err != nil && postback.CodeOf(err) != postback.CodeConflict { // another process works on it, or it was cancelled
			failed = errors.Join(failed, fmt.Errorf("work on replay %s: %w", move.job.ID, err))
		}
		if err == nil && again {
			moves = append(moves, move)
		}
		if move.moved {
			w.jobs.note(move.job.ID)
			w.publishers.note(move.job.Filter.Publisher)
			break
		}
	}
	return moves, failed
}

// step takes the job's next step, and reports whether it may take another in
// this round: it collects its snapshot, and then works through it.
func (w *replayWork) step(ctx context.Context, move *replayMove) (again bool, err error) {
	if !move.job.Collected {
		if move.job.Filter.Newer {
			return false, nil // a process of the version that started it collects it
		}
		move.moved = true
		if move.job, err = w.ledger.CollectReplay(ctx, move.job.ID, replayStep, w.now()); err != nil {
			return false, fmt.Errorf("collect deliveries: %w", err)
		}
		return move.job.State == postback.ReplayRunning, nil
	}
	if !move.measured {
		if err := w.measure(ctx, move); err != nil {
			return false, err
		}
	}
	if size := min(move.room, move.round.room, move.round.part, replayStep); size > 0 {
		return w.reopenSome(ctx, move, size)
	}
	return false, nil
}

// measure finds out how many deliveries a job may reopen in this round: what
// its rate allows, and no more than keeps its window full. So a job never has
// more than that waiting in the ledger, however large it is; what waits for its
// endpoint, parked, does not count, for it holds up no other.
func (w *replayWork) measure(ctx context.Context, move *replayMove) error {
	move.measured = true
	if move.room = w.paces.allowed(move.job, w.now()); move.room == 0 {
		return nil
	}
	due, err := w.ledger.ReopenedDue(ctx, move.job.ID, w.window, w.now())
	if err != nil {
		return fmt.Errorf("count reopened deliveries: %w", err)
	}
	move.room = min(move.room, w.window-due)
	return nil
}

// reopenSome is one step of a job that has room.
func (w *replayWork) reopenSome(ctx context.Context, move *replayMove, size int) (again bool, err error) {
	move.moved = true
	before := move.job.Replayed
	job, err := w.ledger.AdvanceReplay(ctx, move.job.ID, move.job.Handled(), size, w.now())
	if err != nil {
		return false, fmt.Errorf("reopen deliveries: %w", err)
	}
	w.paces.spend(job)
	reopened := job.Replayed - before // what is skipped costs next to nothing
	w.limiter.AllowN(w.now(), reopened)
	move.job, move.room, move.round.room = job, move.room-size, move.round.room-reopened
	if job.State == postback.ReplayDone {
		w.logger.InfoContext(ctx, "replay done", slog.String("replay", job.ID),
			slog.Int("replayed", job.Replayed), slog.Int("skipped", job.Skipped))
	}
	return job.State == postback.ReplayRunning && move.room > 0, nil
}
