package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

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
	// replaySteps is how many steps a job takes in a turn at most.
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

// replayWork moves replays on at each replayInterval, and looks for new ones once
// a second when there are none.
func (d *Dispatcher) replayWork() loop.Job {
	running := 0
	return loop.Job{
		Name: "work on replays", Logger: d.Logger,
		Do: func(ctx context.Context) (err error) {
			running, err = d.workOnReplays(ctx)
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

// workOnReplays moves every running job on by what its rate, its window and the
// rate of all together allow by now, and says how many there are. Every process
// does so: a step that another one took is not taken again. Publishers take turns
// of one step each, and so do the jobs of a publisher, so that neither a large job
// nor a publisher with many keeps another waiting, and one that fails keeps no
// other from going on. After some steps the ledger is left to others until the
// next turn.
func (d *Dispatcher) workOnReplays(ctx context.Context) (running int, err error) {
	jobs, err := d.ReplayJobs.RunningReplays(ctx)
	if err != nil {
		return 0, fmt.Errorf("list replays: %w", err)
	}
	d.paces.keep(jobs)
	turn := d.replayTurn(jobs)
	var failed []error
	for range replaySteps {
		for _, publisher := range turn.publishers {
			turn.moves[publisher], err = d.moveOne(ctx, turn.moves[publisher])
			failed = append(failed, err)
		}
	}
	return len(jobs), errors.Join(failed...)
}

// moveOne takes the next step of the first of some jobs that has one to take, and
// returns those that may take more, that one last.
func (d *Dispatcher) moveOne(ctx context.Context, moves []*replayMove) (left []*replayMove, failed error) {
	for len(moves) > 0 {
		move := moves[0]
		moves, move.moved = moves[1:], false
		again, err := d.moveReplay(ctx, move)
		if err != nil && postback.CodeOf(err) != postback.CodeConflict { // another process works on it, or it was cancelled
			failed = errors.Join(failed, fmt.Errorf("work on replay %s: %w", move.job.ID, err))
		}
		if err == nil && again {
			moves = append(moves, move)
		}
		if move.moved {
			d.jobRounds.took(move.job.ID)
			d.publisherRounds.took(move.job.Filter.Publisher)
			break
		}
	}
	return moves, failed
}

// moveReplay takes the job's next step, and reports whether it may take another in
// this turn: it collects its snapshot, and then works through it.
func (d *Dispatcher) moveReplay(ctx context.Context, move *replayMove) (again bool, err error) {
	if !move.job.Collected {
		if move.job.Filter.Newer {
			return false, nil // a process of the version that started it collects it
		}
		move.moved = true
		if move.job, err = d.ReplayJobs.CollectReplay(ctx, move.job.ID, replayStep, d.now()); err != nil {
			return false, fmt.Errorf("collect deliveries: %w", err)
		}
		return move.job.State == postback.ReplayRunning, nil
	}
	if !move.looked {
		if err := d.lookAtReplay(ctx, move); err != nil {
			return false, err
		}
	}
	if size := min(move.room, move.turn.room, move.turn.part, replayStep); size > 0 {
		return d.reopenSome(ctx, move, size)
	}
	return false, nil
}

// lookAtReplay finds out how many deliveries a job may reopen in this turn: what
// its rate allows, and no more than keeps its window full. So a job never has
// more than that waiting in the ledger, however large it is; what waits for its
// endpoint, parked, does not count, for it holds up no other.
func (d *Dispatcher) lookAtReplay(ctx context.Context, move *replayMove) error {
	move.looked = true
	if move.room = d.paces.allowed(move.job, d.now()); move.room == 0 {
		return nil
	}
	due, err := d.ReplayJobs.ReopenedDue(ctx, move.job.ID, d.ReplayWindow, d.now())
	if err != nil {
		return fmt.Errorf("count reopened deliveries: %w", err)
	}
	move.room = min(move.room, d.ReplayWindow-due)
	return nil
}

// reopenSome is one step of a job that has room.
func (d *Dispatcher) reopenSome(ctx context.Context, move *replayMove, size int) (again bool, err error) {
	move.moved = true
	before := move.job.Replayed
	job, err := d.ReplayJobs.AdvanceReplay(ctx, move.job.ID, move.job.Handled(), size, d.now())
	if err != nil {
		return false, fmt.Errorf("reopen deliveries: %w", err)
	}
	d.paces.spend(job)
	reopened := job.Replayed - before // what is skipped costs next to nothing
	d.replays.AllowN(d.now(), reopened)
	move.job, move.room, move.turn.room = job, move.room-size, move.turn.room-reopened
	if job.State == postback.ReplayDone {
		d.Logger.InfoContext(ctx, "replay done", slog.String("replay", job.ID),
			slog.Int("replayed", job.Replayed), slog.Int("skipped", job.Skipped))
	}
	return job.State == postback.ReplayRunning && move.room > 0, nil
}
