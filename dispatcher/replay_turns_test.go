package dispatcher_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/postback"
)

// unending are replays that never come to an end, and count their steps.
type unending struct {
	dispatcher.Replays
	jobs  []postback.ReplayJob
	full  map[string]bool // jobs whose window is full
	steps map[string]int
}

func (e *unending) RunningReplays(context.Context) ([]postback.ReplayJob, error) { return e.jobs, nil }

func (e *unending) ReopenedDue(_ context.Context, jobID string, last int, _ time.Time) (int, error) {
	if e.full[jobID] {
		return last, nil
	}
	return 0, nil
}

func (e *unending) AdvanceReplay(_ context.Context, id string, _, _ int, _ time.Time) (postback.ReplayJob, error) {
	e.steps[id]++
	return postback.ReplayJob{ID: id, State: postback.ReplayRunning, Collected: true}, nil
}

// A publisher with many replays gets through with no more in a turn than another
// one with a single one; a job that waits leaves its steps to the publisher's others.
func TestReplaysOfAPublisherShareItsTurns(t *testing.T) {
	t.Parallel()
	jobs := &unending{steps: map[string]int{}, full: map[string]bool{"job_0": true}}
	for i := range 6 {
		jobs.jobs = append(jobs.jobs, postback.ReplayJob{
			ID: fmt.Sprintf("job_%d", i), Filter: postback.DeliveryFilter{Publisher: "pub_1"}, State: postback.ReplayRunning, Collected: true,
		})
	}
	jobs.jobs = append(jobs.jobs, postback.ReplayJob{
		ID: "job_other", Filter: postback.DeliveryFilter{Publisher: "pub_2"}, State: postback.ReplayRunning, Collected: true,
	})
	b := setup(t, func(o *dispatcher.Options) { o.Replays = jobs })
	if err := b.WorkOnReplays(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{0, 2, 2, 2, 2, 2} {
		if got := jobs.steps[fmt.Sprintf("job_%d", i)]; got != want {
			t.Errorf("job_%d took %d steps, want %d", i, got, want)
		}
	}
	if got := jobs.steps["job_other"]; got != 10 {
		t.Errorf("the other publisher's took %d steps, want 10", got)
	}
}
