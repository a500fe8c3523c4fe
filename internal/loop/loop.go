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
	Wake   <-chan struct{} // does it at once; nil for never
	Do     func(ctx context.Context) error
	Logger *slog.Logger
}

// Run does the job at each interval until ctx ends.
func Run(ctx context.Context, job Job) {
	ticker := time.NewTicker(job.Every)
	defer ticker.Stop()
	var failing time.Time // since when; zero while the job succeeds
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-job.Wake:
		}
		err := job.Do(ctx)
		if ctx.Err() != nil {
			return
		}
		failing = job.note(ctx, failing, err)
	}
}

// note logs that the job has begun to fail or recovered, and returns since when
// it fails.
func (j Job) note(ctx context.Context, failing time.Time, err error) time.Time {
	switch {
	case err == nil && !failing.IsZero():
		j.Logger.InfoContext(ctx, "background job recovered", slog.String("job", j.Name), slog.Duration("failed_for", time.Since(failing)))
		return time.Time{}
	case err != nil && failing.IsZero():
		j.Logger.WarnContext(ctx, "background job failing, will retry", slog.String("job", j.Name), slog.Any("error", err))
		return time.Now()
	}
	return failing
}
