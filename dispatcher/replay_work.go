package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// replayInterval is how even a paced replay is: what its rate allows for so
// long goes at once.
const replayInterval = 100 * time.Millisecond

// replayTurns is the work on replays of each replayInterval, which looks for new
// jobs once a second when there are none.
func (d *Dispatcher) replayTurns() func(context.Context) error {
	rest := 0
	return func(ctx context.Context) error {
		if rest--; rest > 0 {
			return nil
		}
		running, err := d.workOnReplays(ctx)
		if running == 0 {
			rest = int(watchInterval / replayInterval)
		}
		return err
	}
}

// workOnReplays moves every running job on by what its rate allows by now, and
// says how many there are. Every process does so: a step that another one took is
// not taken again. The jobs take turns of one step each, so that a large one
// keeps no other waiting, and one that fails keeps no other from going on.
func (d *Dispatcher) workOnReplays(ctx context.Context) (running int, err error) {
	for more := true; more && ctx.Err() == nil; {
		jobs, err := d.Replays.RunningReplays(ctx)
		if err != nil {
			return 0, fmt.Errorf("list replays: %w", err)
		}
		running, more = len(jobs), false
		d.paces.keep(jobs)
		var failed []error
		for _, job := range jobs {
			again, err := d.moveReplay(ctx, job)
			if postback.CodeOf(err) == postback.CodeConflict {
				continue // another process works on it, or it was cancelled
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("work on replay %s: %w", job.ID, err))
			}
			more = more || again
		}
		if err := errors.Join(failed...); err != nil {
			return running, err
		}
	}
	return running, nil
}

// moveReplay takes the job's next step, and says whether it may take another at
// once: it collects its snapshot, and then works through it.
func (d *Dispatcher) moveReplay(ctx context.Context, job postback.ReplayJob) (again bool, err error) {
	if !job.Collected {
		if job, err = d.Replays.CollectReplay(ctx, job.ID, step, d.now()); err != nil {
			return false, fmt.Errorf("collect deliveries: %w", err)
		}
		return job.State == postback.ReplayRunning, nil
	}
	allowed := d.paces.allowed(job, d.now())
	if allowed == 0 {
		return false, nil
	}
	if job, err = d.Replays.AdvanceReplay(ctx, job.ID, job.Handled(), min(allowed, step), d.now()); err != nil {
		return false, fmt.Errorf("reopen deliveries: %w", err)
	}
	d.paces.spend(job)
	if job.State == postback.ReplayDone {
		d.Logger.InfoContext(ctx, "replay done", slog.String("replay", job.ID),
			slog.Int("replayed", job.Replayed), slog.Int("skipped", job.Skipped))
	}
	return job.State == postback.ReplayRunning && allowed > step, nil
}
