package dispatcher_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/postback"
)

// unending are replays that never come to an end, and count their steps and what
// they handled.
type unending struct {
	dispatcher.ReplayJobs
	jobs    []postback.ReplayJob
	skips   map[string]bool // jobs of which all is skipped
	full    map[string]bool // jobs whose window is full
	steps   map[string]int
	handled map[string]int
}

func (e *unending) add(id, publisher string) {
	e.jobs = append(e.jobs, postback.ReplayJob{
		ID: id, Filter: postback.DeliveryFilter{Publisher: publisher}, State: postback.ReplayRunning, Collected: true,
	})
}

func (e *unending) RunningReplays(context.Context) ([]postback.ReplayJob, error) { return e.jobs, nil }

func (e *unending) ReopenedDue(_ context.Context, jobID string, last int, _ time.Time) (int, error) {
	if e.full[jobID] {
		return last, nil
	}
	return 0, nil
}

func (e *unending) AdvanceReplay(_ context.Context, id string, _, limit int, _ time.Time) (postback.ReplayJob, error) {
	e.steps[id]++
	e.handled[id] += limit
	job := &e.jobs[slices.IndexFunc(e.jobs, func(job postback.ReplayJob) bool { return job.ID == id })]
	if e.skips[id] {
		job.Skipped += limit
	} else {
		job.Replayed += limit
	}
	return *job, nil
}

// A publisher with many replays gets through with no more in a turn than another
// one with a single one; a job that waits leaves its steps to the publisher's others.
func TestReplaysOfAPublisherShareItsTurns(t *testing.T) {
	t.Parallel()
	jobs := &unending{steps: map[string]int{}, handled: map[string]int{}, full: map[string]bool{"job_0": true}}
	for i := range 6 {
		jobs.add(fmt.Sprintf("job_%d", i), "pub_1")
	}
	jobs.add("job_other", "pub_2")
	b := setup(t, func(o *dispatcher.Options) { o.Replay.Jobs = jobs })
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

// All replays of a process together keep its rate, whatever the rates of their
// own, and each publisher has an equal part of it; with fewer deliveries in a turn
// than jobs, the jobs take turns.
func TestReplaysTogetherKeepTheRateOfTheProcess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rate                  int
		publishers            int
		mine, theirs, nobodys [2]int // handled in 50 turns by: one of two of a publisher, one of each other, all
	}{
		{rate: 500, publishers: 2, mine: [2]int{600, 650}, theirs: [2]int{1225, 1275}, nobodys: [2]int{2450, 2550}},
		{rate: 20, publishers: 5, mine: [2]int{5, 15}, theirs: [2]int{15, 25}, nobodys: [2]int{98, 104}},
	} {
		t.Run(fmt.Sprint(tt.rate), func(t *testing.T) {
			t.Parallel()
			jobs := &unending{steps: map[string]int{}, handled: map[string]int{}}
			for i := range tt.publishers {
				jobs.add(fmt.Sprintf("job_%d", i), fmt.Sprintf("pub_%d", i))
			}
			jobs.add("job_twin", "pub_0")
			b := setup(t, func(o *dispatcher.Options) { o.Replay.Jobs, o.Replay.Rate = jobs, tt.rate })
			for range 50 {
				if err := b.WorkOnReplays(t.Context()); err != nil {
					t.Fatal(err)
				}
				b.clock.advance(dispatcher.ReplayInterval)
			}
			all := 0
			for id, handled := range jobs.handled {
				all += handled
				want := tt.theirs
				if id == "job_0" || id == "job_twin" {
					want = tt.mine
				}
				if handled < want[0] || handled > want[1] {
					t.Errorf("%s handled %d, want %d to %d", id, handled, want[0], want[1])
				}
			}
			if all < tt.nobodys[0] || all > tt.nobodys[1] || len(jobs.handled) != tt.publishers+1 {
				t.Errorf("%d jobs handled %d, want %d to %d", len(jobs.handled), all, tt.nobodys[0], tt.nobodys[1])
			}
		})
	}
}

// A job that another one has done already costs the others nothing.
func TestSkippedDeliveriesTakeNoneOfTheRate(t *testing.T) {
	t.Parallel()
	jobs := &unending{steps: map[string]int{}, handled: map[string]int{}, skips: map[string]bool{"job_1": true, "job_2": true}}
	for i := range 3 {
		jobs.add(fmt.Sprintf("job_%d", i), fmt.Sprintf("pub_%d", i))
	}
	b := setup(t, func(o *dispatcher.Options) { o.Replay.Jobs, o.Replay.Rate = jobs, 60 })
	for range 50 {
		if err := b.WorkOnReplays(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.clock.advance(dispatcher.ReplayInterval)
	}
	if got := jobs.handled["job_0"]; got < 290 || got > 315 {
		t.Errorf("%d were replayed in five seconds at 60 a second", got)
	}
}
