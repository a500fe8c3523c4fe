package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// watchInterval is how often a replay job is looked at.
const watchInterval = 500 * time.Millisecond

// watch shows a replay job's progress until it ends, and returns its last
// state. When ctx ends first it says how to go on.
func (p *program) watch(ctx context.Context, c *client.Client, started client.ReplayJob) (client.ReplayJob, error) {
	job := started
	show, done := p.progress(job)
	defer func() { done(job.State != postback.ReplayRunning) }()
	show(job)
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for job.State == postback.ReplayRunning {
		select {
		case <-ctx.Done():
			return job, unwatched(job, errInterrupted())
		case <-ticker.C:
		}
		seen, err := c.ReplayProgress(ctx, job.ID)
		if err != nil {
			return job, unwatched(job, err)
		}
		job = seen
		show(job)
	}
	return getReplay(ctx, c, job.ID)
}

func unwatched(job client.ReplayJob, cause error) error {
	return fmt.Errorf("stopped watching, but %s continues (\"waybill replay watch %s\" shows it, \"waybill replay cancel %s\" stops it): %s",
		job.ID, job.ID, job.ID, describe(cause))
}

// progress gives a function that shows progress and one that ends the show: a
// bar on a terminal, else a line for each tenth.
func (p *program) progress(job client.ReplayJob) (show func(client.ReplayJob), done func(ended bool)) {
	if isTerminal(p.err) {
		return p.progressBar(job)
	}
	shown := -1
	return func(job client.ReplayJob) {
		if tenth := tenths(job); tenth > shown {
			shown = tenth
			p.notef("%s: %s\n", escapeLine(job.ID), progressOf(job))
		}
	}, func(bool) {}
}

func tenths(job client.ReplayJob) int {
	if job.Matched == 0 {
		return 0
	}
	return 10 * (job.Replayed + job.Skipped) / job.Matched
}

func (p *program) progressBar(job client.ReplayJob) (show func(client.ReplayJob), done func(ended bool)) {
	tracker := &progress.Tracker{Message: barLabel(job), Total: int64(job.Matched)}
	_, done = p.bar(tracker, "not watched any more")
	show = func(job client.ReplayJob) {
		tracker.UpdateMessage(barLabel(job))
		tracker.UpdateTotal(int64(job.Matched))
		tracker.SetValue(min(int64(job.Replayed+job.Skipped), int64(job.Matched)))
	}
	return show, done
}

// barLabel stands before the bar, which counts what is replayed or skipped.
func barLabel(job client.ReplayJob) string {
	label := escapeLine(job.ID)
	if !job.Collected && job.State == postback.ReplayRunning {
		return label + " (collecting)"
	}
	if job.Skipped > 0 {
		return fmt.Sprintf("%s (%d skipped)", label, job.Skipped)
	}
	return label
}
