package cli

import (
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// exportProgress shows an export's progress on a terminal, until the function
// that it returns is called. Elsewhere only interruptions are noted.
func (p *program) exportProgress(job *exportJob, toFile bool) (ended func(complete bool)) {
	job.note = func(message string) { p.notef("%s\n", escapeLine(message)) }
	if !isTerminal(p.err) || !toFile && isTerminal(p.out) {
		return func(bool) {}
	}
	tracker := &progress.Tracker{Message: "deliveries"}
	bar, done := p.bar(tracker, "not complete")
	job.count = true
	there := -1 // when it was resumed
	job.show = func(deliveries, all int) {
		if there < 0 {
			there = max(0, deliveries-1)
		}
		tracker.UpdateTotal(int64(max(all, deliveries) - there))
		tracker.SetValue(int64(deliveries - there))
	}
	job.note = func(message string) { bar.Log("%s", escapeLine(message)) }
	return done
}

// bar shows a tracker until the function that it returns is called.
func (p *program) bar(tracker *progress.Tracker, failed string) (bar progress.Writer, done func(ended bool)) {
	bar = progress.NewWriter()
	bar.SetOutputWriter(p.err)
	bar.Style().Options.TimeInProgressPrecision = time.Second
	bar.Style().Options.TimeDonePrecision = time.Second
	bar.Style().Visibility.Speed = true
	bar.Style().Options.ErrorString = failed
	bar.SetAutoStop(true) // Render ends when the tracker is done.
	bar.AppendTracker(tracker)
	var rendering sync.WaitGroup
	rendering.Go(bar.Render)
	return bar, func(ended bool) {
		if ended {
			tracker.MarkAsDone()
		} else {
			tracker.MarkAsErrored()
		}
		rendering.Wait()
	}
}
