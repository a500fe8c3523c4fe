// Package loop repeats background jobs.
//
// It guarantees that an outage is one line when a job starts to fail and one
// when it has succeeded again, however often it fails in between, and that the
// end of a process is no outage.
package loop

import (
	"context"
	"log/slog"
	"time"
)

// Job is work that is repeated.
type Job struct {
	Name   string // what it does, for the log
	Every  time.Duration
	Pause  func(last Turn) time.Duration // before the next turn, instead of Every
	Wake   <-chan struct{}               // does it at once; nil for never
	Do     func(ctx context.Context) error
	Logger *slog.Logger
}

// Turn is what came of doing a job once. The zero Turn stands before the first.
type Turn struct {
	Number int // from 1
	Took   time.Duration
	Err    error
}

// Run does the job in turns until ctx ends.
func Run(ctx context.Context, job Job) {
	var turn Turn
	var outage Outage
	timer := time.NewTimer(job.pause(turn))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-job.Wake:
		}
		if ctx.Err() != nil {
			return // both were ready
		}
		job.answerWake()
		began := time.Now()
		err := job.Do(ctx)
		if ctx.Err() != nil {
			return
		}
		turn = Turn{Number: turn.Number + 1, Took: time.Since(began), Err: err}
		outage.Note(ctx, job.Logger, job.Name, err)
		timer.Reset(job.pause(turn))
	}
}

// answerWake takes a wake that came before the turn begins: the turn is for that
// one, too, whichever of it and the timer was looked at first.
func (j Job) answerWake() {
	select {
	case <-j.Wake:
	default:
	}
}

// lastPatience bounds the last turn.
const lastPatience = 5 * time.Second

// Last does a job once more when ctx has ended. When that fails, it logs what is
// lost.
func Last(ctx context.Context, logger *slog.Logger, lost string, do func(ctx context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastPatience)
	defer cancel()
	if err := do(ctx); err != nil {
		logger.WarnContext(ctx, lost, slog.Any("error", err)) //nolint:sloglint // each caller has a constant
	}
}

// pause is the time from a turn to the next. Every counts from the start of the
// turn: what is done each second is done each second, however long it takes.
func (j Job) pause(last Turn) time.Duration {
	if j.Pause != nil {
		return j.Pause(last)
	}
	return max(0, j.Every-last.Took)
}

// Outage follows whether a job fails, and logs each change once.
type Outage struct {
	since time.Time // zero while the job succeeds
}

// Note logs that the job has begun to fail or recovered.
func (o *Outage) Note(ctx context.Context, logger *slog.Logger, job string, err error) {
	switch {
	case err == nil && !o.since.IsZero():
		logger.InfoContext(ctx, "background job recovered", slog.String("job", job), slog.Duration("failed_for", time.Since(o.since)))
		o.since = time.Time{}
	case err != nil && o.since.IsZero():
		logger.WarnContext(ctx, "background job failing, will retry", slog.String("job", job), slog.Any("error", err))
		o.since = time.Now()
	}
}
