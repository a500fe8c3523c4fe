package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func replayTests() []test {
	return []test{
		{"keep every field", replayKeeps},
		{"are listed by publisher, newest first", replayListed},
		{"that run are listed, oldest first", replayRunning},
		{"run at once as many of a publisher as may, however many are created at once", replayLimited},
		{"are not known when they are not there", replayUnknown},
		{"collect what had ended and matched, in steps", replayCollects},
		{"that collect nothing are done", replayNothing},
		{"reopen their snapshot, oldest first, each once", replayAdvances},
		{"count the last ones that they reopened while those are due", replayDue},
		{"skip what moved on", replaySkips},
		{"say what became of what they reopened", replayOutcomes},
		{"count what would be replayed by endpoint, state and reason", replayGroups},
		{"skip what was for an endpoint that is deleted", replayDeleted},
		{"take a step for one of many only", replayStepsOnce},
		{"are cancelled once, and then rest", replayCancelled},
	}
}

// replay writes a job that replays dead letters.
func (k kit) replay(id string, alter ...func(*postback.ReplayJob)) postback.ReplayJob {
	k.Helper()
	job := postback.ReplayJob{
		ID: id, State: postback.ReplayRunning, CreatedAt: Noon(),
		Filter: postback.DeliveryFilter{States: []postback.State{postback.Dead}},
	}
	for _, change := range alter {
		change(&job)
	}
	k.must(k.CreateReplay(k.ctx(), job, 0))
	return job
}

// collect collects a job's snapshot in steps of a size.
func (k kit) collect(id string, limit int) postback.ReplayJob {
	k.Helper()
	for range 100 {
		job, err := k.CollectReplay(k.ctx(), id, limit, After(time.Hour))
		k.must(err)
		if job.Collected {
			return job
		}
	}
	k.Fatal("the snapshot is never complete")
	return postback.ReplayJob{}
}

// deads writes dead letters, one second apart, oldest first.
func (k kit) deads(n int) []string {
	k.Helper()
	_, made := k.series(n)
	var found []string
	for _, d := range made {
		k.record(DeadLetter(d.Ref()))
		found = append([]string{d.ID}, found...)
	}
	return found
}

func replayKeeps(k kit) {
	full := postback.ReplayJob{
		ID: "rpl_1", Rate: 2.5, DryRun: true, State: postback.ReplayRunning, Matched: 7, Replayed: 3, Skipped: 6, Collected: true, CreatedAt: Noon(),
		Skips:  postback.ReplaySkips{EndpointDeleted: 3, MovedOn: 2, Removed: 1},
		Groups: []postback.DeliveryGroup{{EndpointID: "ep_1", State: postback.Dead, Reason: postback.ReasonExhausted, EndpointDeleted: true, Count: 7}},
		Filter: postback.DeliveryFilter{
			States: []postback.State{postback.Dead}, EndpointID: "ep_1", Publisher: "pub_1", EventID: "evt_1", EventType: "conversion.*",
			Statuses: postback.Statuses{"500", "4xx"}, Errors: []string{"timeout"}, Reasons: []postback.Reason{postback.ReasonStopped}, Reference: "tx-1", Since: Noon(), Until: After(time.Hour), EndedBefore: After(time.Minute), NoTests: true,
		},
	}
	done := postback.ReplayJob{ID: "rpl_2", State: postback.ReplayDone, CreatedAt: Noon(), EndedAt: After(time.Hour)}
	for _, want := range []postback.ReplayJob{full, done} {
		k.must(k.CreateReplay(k.ctx(), want, 0))
		stored, err := k.Replay(k.ctx(), want.ID)
		k.must(err)
		same(k, "job", stored, want)
	}
}

func replayListed(k kit) {
	var want []postback.ReplayJob
	for i := range 9 {
		job := k.replay(fmt.Sprintf("rpl_%d", i), func(j *postback.ReplayJob) {
			j.CreatedAt = After(time.Duration(i) * time.Second)
			j.Filter.Publisher = []string{"", "pub_1", "pub_2"}[i%3]
		})
		if i%3 == 1 {
			want = append([]postback.ReplayJob{job}, want...)
		}
	}
	var found []postback.ReplayJob
	page := postback.Page{Limit: 2}
	for {
		part, next, err := k.ReplayJobs(k.ctx(), postback.ReplayFilter{Publisher: "pub_1"}, page)
		k.must(err)
		found = append(found, part...)
		if page.Cursor = next; next == "" {
			break
		}
	}
	same(k, "jobs", found, want)
	all, next, err := k.ReplayJobs(k.ctx(), postback.ReplayFilter{}, postback.Page{Limit: 9})
	k.must(err)
	same(k, "number of jobs and next", fmt.Sprintf("%d %q", len(all), next), `9 ""`)
}

func replayRunning(k kit) {
	jobs := []postback.ReplayJob{
		{ID: "rpl_b", State: postback.ReplayRunning, CreatedAt: After(time.Second)},
		{ID: "rpl_c", State: postback.ReplayRunning, CreatedAt: Noon()},
		{ID: "rpl_a", State: postback.ReplayRunning, CreatedAt: After(time.Minute)},
		{ID: "rpl_d", State: postback.ReplayDone, CreatedAt: Noon(), EndedAt: Noon()},
		{ID: "rpl_e", State: postback.ReplayCancelled, CreatedAt: Noon(), EndedAt: Noon()},
	}
	for _, job := range jobs {
		k.must(k.CreateReplay(k.ctx(), job, 0))
	}
	running, err := k.RunningReplays(k.ctx())
	k.must(err)
	same(k, "running", running, []postback.ReplayJob{jobs[1], jobs[0], jobs[2]})
}

func replayLimited(k kit) {
	const most = 3
	job := func(publisher string, i int) postback.ReplayJob {
		return postback.ReplayJob{
			ID: fmt.Sprintf("rpl_%s_%02d", publisher, i), State: postback.ReplayRunning, CreatedAt: Noon(), Filter: postback.DeliveryFilter{Publisher: publisher},
		}
	}
	for _, publisher := range []string{"pub_1", "pub_2", ""} {
		ended := job(publisher, 99)
		ended.State, ended.EndedAt = postback.ReplayDone, Noon()
		k.must(k.CreateReplay(k.ctx(), ended, most))
		var refused atomic.Int64
		together(20, func(i int) {
			err := k.CreateReplay(k.ctx(), job(publisher, i), most)
			switch {
			case postback.CodeOf(err) == postback.CodeLimit:
				refused.Add(1)
			case err != nil:
				k.Errorf("create: %v", err)
			}
		})
		same(k, "refused", refused.Load(), 20-most)
		k.fails(k.CreateReplay(k.ctx(), job(publisher, 50), most), postback.CodeLimit)
	}
	running, err := k.RunningReplays(k.ctx())
	k.must(err)
	same(k, "running", len(running), 3*most)
	_, err = k.CancelReplay(k.ctx(), running[0].ID, After(time.Second))
	k.must(err)
	k.must(k.CreateReplay(k.ctx(), job(running[0].Filter.Publisher, 51), most))
	k.must(k.CreateReplay(k.ctx(), job("pub_1", 52), 0))
}

func replayUnknown(k kit) {
	_, err := k.Replay(k.ctx(), "rpl_1")
	k.fails(err, postback.CodeNotFound)
	_, err = k.CollectReplay(k.ctx(), "rpl_1", 10, Noon())
	k.fails(err, postback.CodeNotFound)
	_, err = k.AdvanceReplay(k.ctx(), "rpl_1", 0, 10, Noon())
	k.fails(err, postback.CodeNotFound)
	_, err = k.CancelReplay(k.ctx(), "rpl_1", Noon())
	k.fails(err, postback.CodeNotFound)
}

func replayCollects(k kit) {
	k.deads(8)
	k.in(postback.Succeeded)
	k.in(postback.Retrying)
	for _, limit := range []int{1, 3, 8, 100} {
		job := k.replay(fmt.Sprintf("rpl_%d", limit), func(j *postback.ReplayJob) { j.Matched = 99 })
		collected := k.collect(job.ID, limit)
		job.Matched, job.Collected = 8, true
		same(k, "job", collected, job)
		again, err := k.CollectReplay(k.ctx(), job.ID, limit, After(time.Hour))
		k.must(err)
		same(k, "job collected again", again, job)
	}
	k.replay("rpl_grows")
	for _, want := range []string{"3 false", "6 false", "8 true"} {
		job, err := k.CollectReplay(k.ctx(), "rpl_grows", 3, After(time.Hour))
		k.must(err)
		same(k, "matched and collected", fmt.Sprint(job.Matched, job.Collected), want)
	}
	// A filter that does not say so picks what has ended, too.
	all := k.replay("rpl_all", func(j *postback.ReplayJob) { j.Filter.States = nil })
	same(k, "matched of all states", k.collect(all.ID, 4).Matched, 9)
}

func replayNothing(k kit) {
	k.in(postback.Succeeded)
	want := k.replay("rpl_1")
	want.Collected, want.State, want.EndedAt = true, postback.ReplayDone, After(time.Hour)
	same(k, "job", k.collect("rpl_1", 10), want)
}

func replayAdvances(k kit) {
	want := k.deads(8)
	job := k.replay("rpl_1")
	_, err := k.AdvanceReplay(k.ctx(), job.ID, 0, 3, Noon())
	k.fails(err, postback.CodeConflict) // not collected yet
	k.collect(job.ID, 2)
	var got []string
	for i, step := range []int{3, 3, 2} {
		at := After(time.Duration(i+1) * time.Hour)
		job, err = k.AdvanceReplay(k.ctx(), job.ID, 3*i, 3, at)
		k.must(err)
		same(k, "replayed", job.Replayed, 3*i+step)
		claimed, err := k.Claim(k.ctx(), postback.Claim{Now: at, Next: After(24 * time.Hour), Limit: 100})
		k.must(err)
		got = append(got, dueIDs(claimed)...)
	}
	same(k, "order", got, want)
	same(k, "state and end", fmt.Sprint(job.State, job.Skipped, job.EndedAt), fmt.Sprint(postback.ReplayDone, 0, After(3*time.Hour)))
	stored := k.stored(want[0])
	same(k, "delivery", fmt.Sprint(stored.State, stored.Generation, stored.AttemptsBefore, stored.OpenedAt, stored.CompletedAt.IsZero()),
		fmt.Sprint(postback.Pending, 2, 1, After(time.Hour), true))
	_, err = k.AdvanceReplay(k.ctx(), job.ID, 8, 3, Noon())
	k.fails(err, postback.CodeConflict)
}

func replayDue(k kit) {
	ids := k.deads(8)
	k.replay("rpl_1")
	k.collect("rpl_1", 10)
	due := func(last int, at time.Time, want int) {
		k.Helper()
		found, err := k.ReopenedDue(k.ctx(), "rpl_1", last, at)
		k.must(err)
		same(k, "due", found, want)
	}
	due(5, After(time.Hour), 0)
	_, err := k.AdvanceReplay(k.ctx(), "rpl_1", 0, 6, After(time.Hour))
	k.must(err)
	due(10, After(time.Minute), 0) // they are, an hour later
	due(10, After(time.Hour), 6)
	due(4, After(time.Hour), 4)
	k.record(DeadLetter(k.stored(ids[5]).Ref())) // the last one of the six
	due(4, After(time.Hour), 3)
	_, err = k.Reopen(k.ctx(), ids[5:6], After(time.Hour), After(time.Hour)) // by hand
	k.must(err)
	due(4, After(time.Hour), 3)
	claimed, err := k.Claim(k.ctx(), postback.Claim{Now: After(time.Hour), Next: After(2 * time.Hour), Limit: 100})
	k.must(err)
	same(k, "claimed", len(claimed), 6)
	due(10, After(time.Hour), 0)
	due(10, After(3*time.Hour), 5) // nobody made the attempts that were queued
}

func replaySkips(k kit) {
	ids := k.deads(4)
	k.replay("rpl_1")
	k.collect("rpl_1", 10)
	// One is under way again, another is a dead letter again in a later generation.
	_, err := k.Reopen(k.ctx(), ids[:2], After(time.Minute), After(time.Minute))
	k.must(err)
	k.record(DeadLetter(k.stored(ids[1]).Ref()))
	job, err := k.AdvanceReplay(k.ctx(), "rpl_1", 0, 10, After(time.Hour))
	k.must(err)
	same(k, "job", fmt.Sprintln(job.State, job.Matched, job.Replayed, job.Skipped), "done 4 2 2\n")
	same(k, "skips", job.Skips, postback.ReplaySkips{MovedOn: 2})
	for i, id := range ids {
		same(k, "generation", k.stored(id).Generation, 2)
		same(k, "state", k.stored(id).State == postback.Dead, i == 1)
	}
}

func replayStepsOnce(k kit) {
	ids := k.deads(20)
	k.replay("rpl_1")
	together(8, func(int) {
		for job := (postback.ReplayJob{}); !job.Collected; {
			var err error
			if job, err = k.CollectReplay(k.ctx(), "rpl_1", 3, After(time.Hour)); err != nil {
				k.Errorf("collect: %v", err)
				return
			}
		}
	})
	var mu sync.Mutex
	won := 0
	together(8, func(int) {
		_, err := k.AdvanceReplay(k.ctx(), "rpl_1", 0, 15, After(time.Hour))
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			won++
		case postback.CodeOf(err) != postback.CodeConflict:
			k.Errorf("advance: %v", err)
		}
	})
	same(k, "number that won", won, 1)
	job, err := k.Replay(k.ctx(), "rpl_1")
	k.must(err)
	same(k, "job", fmt.Sprintln(job.State, job.Matched, job.Replayed, job.Skipped), "running 20 15 0\n")
	for i, id := range ids {
		same(k, "reopened", k.stored(id).Generation == 2, i < 15)
	}
}

func replayCancelled(k kit) {
	ids := k.deads(3)
	k.replay("rpl_1")
	k.collect("rpl_1", 10)
	_, err := k.AdvanceReplay(k.ctx(), "rpl_1", 0, 1, After(time.Hour))
	k.must(err)
	want, err := k.Replay(k.ctx(), "rpl_1")
	k.must(err)
	job, err := k.CancelReplay(k.ctx(), "rpl_1", After(2*time.Hour))
	k.must(err)
	want.State, want.EndedAt = postback.ReplayCancelled, After(2*time.Hour)
	same(k, "job", job, want)
	_, err = k.CancelReplay(k.ctx(), "rpl_1", After(3*time.Hour))
	k.fails(err, postback.CodeConflict)
	_, err = k.AdvanceReplay(k.ctx(), "rpl_1", 1, 1, After(3*time.Hour))
	k.fails(err, postback.CodeConflict)
	rested, err := k.CollectReplay(k.ctx(), "rpl_1", 1, After(3*time.Hour))
	k.must(err)
	same(k, "job", rested, want)
	same(k, "generation", k.stored(ids[2]).Generation, 1)
}
