package dispatcher_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/id"
	"github.com/waybillhq/waybill/postback"
)

// deadMany writes dead letters as they are when a publisher was away for long.
func deadMany(tb testing.TB, ledger dispatcher.Ledger, count int, at time.Time) {
	tb.Helper()
	const part = 1000
	for from := 0; from < count; from += part {
		items := make([]postback.Acceptance, 0, part)
		for i := from; i < min(count, from+part); i++ {
			created := at.Add(time.Duration(i-count) * time.Millisecond)
			event := postback.Event{
				ID: fmt.Sprintf("tx-%06d", i), Type: "conversion.completed", Publisher: "pub_1",
				Data: raw(`{"transaction_id":"tx"}`), AcceptedAt: created, Digest: []byte("digest"),
			}
			items = append(items, postback.Acceptance{Event: event, Deliveries: []postback.Delivery{{
				ID: id.New(id.Delivery, created), EventID: event.ID, EventType: event.Type, Publisher: event.Publisher, EndpointID: "ep_1",
				State: postback.Dead, Reason: postback.ReasonExhausted, Generation: 1, Attempts: 1, LastStatusCode: 500,
				CreatedAt: created, OpenedAt: created, CompletedAt: created,
			}}})
		}
		if _, err := ledger.Accept(tb.Context(), items); err != nil {
			tb.Fatal(err)
		}
	}
}

// mortal is a ledger whose process is killed in one of its steps, after the step
// was written and before it learned of it.
type mortal struct {
	dispatcher.ReplayJobs

	kill  context.CancelFunc
	steps atomic.Int64
	last  int64
}

func (m *mortal) AdvanceReplay(ctx context.Context, id string, handled, limit int, at time.Time) (postback.ReplayJob, error) {
	taken := m.steps.Add(1)
	if taken > m.last {
		return postback.ReplayJob{}, errAway
	}
	job, err := m.ReplayJobs.AdvanceReplay(ctx, id, handled, limit, at)
	if taken == m.last {
		m.kill()
		return postback.ReplayJob{}, errAway
	}
	return job, err
}

// Six thousand dead letters, two processes at once on one job and then on
// another, one of them killed in the middle, a third in its place; and a second
// job over the same deliveries: none is missed and none is opened twice.
func TestAReplayOfThousandsByProcessesThatDie(t *testing.T) {
	t.Parallel()
	const count = 6_000
	b := setup(t)
	deadMany(t, b.Ledger, count, b.clock.now())
	job := b.start(t, postback.DeliveryFilter{}, 0)
	again := b.start(t, postback.DeliveryFilter{}, 0) // the same command, given twice

	dying, kill := context.WithCancel(t.Context())
	defer kill()
	killed := &mortal{ReplayJobs: b.Ledger, kill: kill, last: 7}
	team := map[*dispatcher.Dispatcher]context.Context{
		b.Dispatcher: t.Context(),
		b.twin(t, func(o *dispatcher.Options) { o.Replay.Jobs = killed }): dying,
	}
	b.work(t, team)
	if killed.steps.Load() < killed.last {
		t.Fatalf("the process made %d steps: it was not killed in the middle", killed.steps.Load())
	}
	if err := b.twin(t).WorkOnReplays(t.Context()); err != nil {
		t.Error(err)
	}
	job, again = b.job(t, job.ID), b.job(t, again.ID)
	// What one of them opened before the other had collected it does not match there.
	if job.State != postback.ReplayDone || again.State != postback.ReplayDone ||
		job.Matched < count-again.Replayed || again.Matched < count-job.Replayed ||
		job.Handled() != job.Matched || again.Handled() != again.Matched || job.Replayed+again.Replayed != count {
		t.Errorf("got %+v\nand %+v", job, again)
	}
	b.expectGenerations(t, map[int]int{2: count})
}

// work lets each process take turns until it dies or no job runs any more.
func (b *bench) work(t *testing.T, team map[*dispatcher.Dispatcher]context.Context) {
	t.Helper()
	var group sync.WaitGroup
	for one, ctx := range team {
		group.Go(func() {
			for ctx.Err() == nil {
				if err := one.WorkOnReplays(ctx); err != nil && ctx.Err() == nil {
					t.Errorf("work on replays: %v", err)
				}
				jobs, err := b.Ledger.RunningReplays(t.Context())
				if err != nil || len(jobs) == 0 {
					return
				}
			}
		})
	}
	group.Wait()
}

// expectGenerations counts deliveries by generation.
func (b *bench) expectGenerations(t *testing.T, want map[int]int) {
	t.Helper()
	got := map[int]int{}
	page := postback.Page{Limit: 1000}
	for more := true; more; more = page.Cursor != "" {
		part, next, err := b.Ledger.Deliveries(t.Context(), postback.DeliveryFilter{}, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, delivery := range part {
			got[delivery.Generation]++
		}
		page.Cursor = next
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("deliveries by generation: got %v, want %v", got, want)
	}
}

// A cancelled job opens no more, whoever works on it, and what it left is the
// next job's.
func TestACancelledReplayLeavesTheRestToTheNext(t *testing.T) {
	t.Parallel()
	const count = 3000
	b := setup(t)
	deadMany(t, b.Ledger, count, b.clock.now())
	job := b.start(t, postback.DeliveryFilter{}, 5000)
	other := b.twin(t)
	for range 2 {
		b.pass(t, job.ID, dispatcher.ReplayInterval)
		if err := other.WorkOnReplays(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cancelled, err := b.CancelReplay(t.Context(), job.ID)
	if err != nil || cancelled.Replayed == 0 || cancelled.Replayed == count {
		t.Fatalf("got %+v, %v", cancelled, err)
	}
	b.pass(t, job.ID, time.Second)
	b.expectGenerations(t, map[int]int{1: count - cancelled.Replayed, 2: cancelled.Replayed})
	next := b.start(t, postback.DeliveryFilter{}, 0)
	if next = b.finish(t, next.ID); next.State != postback.ReplayDone || next.Replayed != count-cancelled.Replayed || next.Skipped != 0 {
		t.Errorf("got %+v", next)
	}
	b.expectGenerations(t, map[int]int{2: count})
}

// However large a job is, no more of it than its window is due in the ledger at
// once, whichever process works on it, and it goes on as the queue takes those in.
func TestAReplayKeepsToItsWindow(t *testing.T) {
	t.Parallel()
	const count, window = 1000, 250
	narrow := func(o *dispatcher.Options) { o.Replay.Window = window }
	b := setup(t, narrow)
	deadMany(t, b.Ledger, count, b.clock.now())
	job := b.start(t, postback.DeliveryFilter{}, 0)
	other := b.twin(t, narrow)
	for opened := window; opened <= count; opened += window {
		for range 3 {
			b.turn(t, job.ID)
			if err := other.WorkOnReplays(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if job = b.job(t, job.ID); job.Replayed != opened {
			t.Fatalf("%d are reopened, want %d", job.Replayed, opened)
		}
		if got := b.swept(t); got != window {
			t.Fatalf("%d tasks came in, want %d", got, window)
		}
		b.queue.work(window)
	}
	if job.State != postback.ReplayDone {
		t.Errorf("got %+v", job)
	}
}

// A turn leaves the ledger to others after some small steps, whatever is left.
func TestATurnOfReplaysHasAnEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	deadMany(t, b.Ledger, 1500, b.clock.now())
	var noted diary
	b.restart(t, func(o *dispatcher.Options) { noted.ReplayJobs, o.Replay.Jobs = b.Ledger, &noted })
	job := b.start(t, postback.DeliveryFilter{}, 0)
	for len(noted.steps) == 0 {
		job = b.turn(t, job.ID) // until it is collected
	}
	if len(noted.steps) > 10 || job.Replayed == 0 || job.Replayed > 1000 || job.State != postback.ReplayRunning {
		t.Errorf("%d steps, got %+v", len(noted.steps), job)
	}
}

// newer has jobs of a later version, whose filters have a field more.
type newer struct{ dispatcher.ReplayJobs }

func (n newer) RunningReplays(ctx context.Context) ([]postback.ReplayJob, error) {
	jobs, err := n.ReplayJobs.RunningReplays(ctx)
	for i := range jobs {
		stored, _ := json.Marshal(jobs[i].Filter)
		stored = append(stored[:len(stored)-1], `,"color":"red"}`...)
		err = errors.Join(err, json.Unmarshal(stored, &jobs[i].Filter))
	}
	return jobs, err
}

// While processes of two versions run, the older ones do not know every filter.
func TestAReplayWhoseFilterIsNotKnownWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.dead(t, 3)
	b.restart(t, func(o *dispatcher.Options) { o.Replay.Jobs = newer{b.Ledger} })
	begun := postback.ReplayJob{
		ID: id.New(id.Replay, b.clock.now()), State: postback.ReplayRunning, CreatedAt: b.clock.now(),
		Filter: postback.DeliveryFilter{States: []postback.State{postback.Dead}, EndedBefore: b.clock.now()},
	}
	if err := b.Ledger.CreateReplay(t.Context(), begun, 0); err != nil {
		t.Fatal(err)
	}
	if job := b.turn(t, begun.ID); job.Matched != 0 || job.Replayed != 0 || job.State != postback.ReplayRunning {
		t.Errorf("got %+v", job)
	}
	b.restart(t, func(o *dispatcher.Options) { o.Replay.Jobs = b.Ledger })
	if job := b.finish(t, begun.ID); job.Replayed != 3 {
		t.Errorf("got %+v", job)
	}
}

// slow is a ledger whose history is too long to be looked through at once.
type slow struct{ dispatcher.ReplayJobs }

func (slow) CollectReplay(ctx context.Context, _ string, _ int, _ time.Time) (postback.ReplayJob, error) {
	<-ctx.Done()
	return postback.ReplayJob{}, ctx.Err()
}

func TestAReplayOfALongHistoryIsAnsweredSoon(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	made := b.dead(t, 3)
	b.restart(t, func(o *dispatcher.Options) { o.Replay.Jobs = slow{b.Ledger} })
	job := b.start(t, postback.DeliveryFilter{}, 0)
	if job.State != postback.ReplayRunning || job.Collected || job.Matched != 0 {
		t.Errorf("got %+v", job)
	}
	b.restart(t)
	if job = b.turn(t, job.ID); job.State != postback.ReplayDone || job.Matched != 3 {
		t.Errorf("got %+v", job)
	}
	b.expectGeneration(t, made, 2)
}

// diary notes which job each step was of.
type diary struct {
	dispatcher.ReplayJobs

	steps []string
}

func (d *diary) AdvanceReplay(ctx context.Context, id string, handled, limit int, at time.Time) (postback.ReplayJob, error) {
	d.steps = append(d.steps, id)
	return d.ReplayJobs.AdvanceReplay(ctx, id, handled, limit, at)
}

// A large job keeps a small one waiting for no longer than a step.
func TestReplaysTakeTurns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	deadMany(t, b.Ledger, 3000, b.clock.now())
	var noted diary
	b.restart(t, func(o *dispatcher.Options) { noted.ReplayJobs, o.Replay.Jobs = b.Ledger, &noted })
	large := b.start(t, postback.DeliveryFilter{}, 0)
	b.clock.advance(time.Second)
	small := b.start(t, postback.DeliveryFilter{EventID: "tx-002999"}, 0)
	large = b.finish(t, large.ID)
	small = b.job(t, small.ID)
	if large.State != postback.ReplayDone || small.State != postback.ReplayDone || large.Replayed+small.Replayed != 3000 {
		t.Errorf("got %+v and %+v", large, small)
	}
	if noted.steps[0] != small.ID || len(noted.steps) != 31 {
		t.Errorf("the steps were %q, where %s is the small one", noted.steps, small.ID)
	}
}

// BenchmarkReplay replays a hundred thousand dead letters: go test -bench Replay
// -benchtime 1x.
func BenchmarkReplay(b *testing.B) {
	const count = 100_000
	for range b.N {
		b.StopTimer()
		parts := setup(b)
		deadMany(b, parts.Ledger, count, parts.clock.now())
		b.StartTimer()
		started := time.Now()
		job, err := parts.StartReplay(b.Context(), postback.DeliveryFilter{}, 0, false)
		if err != nil {
			b.Fatal(err)
		}
		answered := time.Since(started)
		if job = parts.finish(b, job.ID); job.Replayed != count {
			b.Fatalf("got %+v", job)
		}
		b.ReportMetric(float64(answered.Milliseconds()), "ms-to-answer")
		b.ReportMetric(count/time.Since(started).Seconds(), "deliveries/s")
	}
}

// noReplays is a ledger without replays, which can be away.
type noReplays struct {
	dispatcher.ReplayJobs
	away  atomic.Bool
	asked atomic.Int64
}

func (n *noReplays) RunningReplays(context.Context) ([]postback.ReplayJob, error) {
	n.asked.Add(1)
	if n.away.Load() {
		return nil, errAway
	}
	return nil, nil
}

// An outage lasts until replays were looked for in vain no more: a turn in which
// nothing was looked for is no recovery.
func TestWorkOnReplaysHasRecoveredWhenItHas(t *testing.T) {
	t.Parallel()
	replays := &noReplays{}
	b := setup(t, func(o *dispatcher.Options) { o.Replay.Jobs = replays })
	logged := func(failing, recovered int) {
		t.Helper()
		if f, r := len(b.Logs.With("background job failing, will retry")), len(b.Logs.With("background job recovered")); f != failing || r != recovered {
			t.Errorf("%d outages and %d recoveries are logged, want %d and %d", f, r, failing, recovered)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			b.KeepWorkingOnReplays(ctx)
		}()
		replays.away.Store(true)
		<-time.After(10*time.Second + time.Millisecond)
		logged(1, 0)
		replays.away.Store(false)
		<-time.After(10 * time.Second)
		logged(1, 1)
		if asked := replays.asked.Load(); asked != 20 {
			t.Errorf("replays were looked for %d times in 20 s, want once a second", asked)
		}
		stop()
		<-ended
	})
}
