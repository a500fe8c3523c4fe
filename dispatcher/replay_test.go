package dispatcher_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/postback"
)

// dead makes dead letters and lets some time pass.
func (b *bench) dead(t *testing.T, count int) []postback.Delivery {
	t.Helper()
	made := b.many(t, count)
	var group sync.WaitGroup
	for some := range slices.Chunk(made, 20) {
		group.Go(func() {
			for _, delivery := range some {
				b.end(t, delivery.ID, postback.Dead)
			}
		})
	}
	group.Wait()
	b.clock.advance(time.Second)
	return made
}

func (b *bench) start(t *testing.T, filter postback.DeliveryFilter, rate float64) postback.ReplayJob {
	t.Helper()
	job, err := b.StartReplay(t.Context(), filter, rate, false)
	if err != nil {
		t.Fatalf("start replay: %v", err)
	}
	return job
}

// turn is one turn of the work on replays.
func (b *bench) turn(t *testing.T, id string) postback.ReplayJob {
	t.Helper()
	if err := b.WorkOnReplays(t.Context()); err != nil {
		t.Fatalf("work on replays: %v", err)
	}
	return b.job(t, id)
}

// finish makes turns until the job is done.
func (b *bench) finish(t testing.TB, id string) postback.ReplayJob {
	t.Helper()
	for range 1000 {
		if err := b.WorkOnReplays(t.Context()); err != nil {
			t.Fatalf("work on replays: %v", err)
		}
		job, err := b.Ledger.Replay(t.Context(), id)
		if err != nil {
			t.Fatalf("read replay: %v", err)
		}
		if job.State == postback.ReplayDone {
			return job
		}
	}
	t.Fatal("the replay does not end")
	return postback.ReplayJob{}
}

// pass lets time pass, with the turns that come with it.
func (b *bench) pass(t *testing.T, id string, span time.Duration) postback.ReplayJob {
	t.Helper()
	for range span / dispatcher.ReplayInterval {
		b.clock.advance(dispatcher.ReplayInterval)
		b.turn(t, id)
	}
	return b.job(t, id)
}

func (b *bench) job(t *testing.T, id string) postback.ReplayJob {
	t.Helper()
	job, err := b.Ledger.Replay(t.Context(), id)
	if err != nil {
		t.Fatalf("read replay: %v", err)
	}
	return job
}

// expectGeneration checks that each delivery was opened again as often as that.
func (b *bench) expectGeneration(t *testing.T, deliveries []postback.Delivery, want int) {
	t.Helper()
	for _, delivery := range deliveries {
		if got := b.read(t, delivery.ID); got.Generation != want {
			t.Errorf("%s is in generation %d, want %d", got.EventID, got.Generation, want)
		}
	}
}

func TestReplayDelivery(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	made := b.many(t, 4)
	for i, state := range []postback.State{postback.Dead, postback.Succeeded, postback.Cancelled} {
		b.end(t, made[i].ID, state)
		b.clock.advance(time.Second)
		opened, err := b.ReplayDelivery(t.Context(), made[i].ID)
		if err != nil {
			t.Fatalf("replay a %s delivery: %v", state, err)
		}
		stored := b.read(t, made[i].ID)
		if stored.State != postback.Pending || stored.Generation != 2 || stored.AttemptsBefore != 1 || stored.Attempts != 1 ||
			!stored.NextAttemptAt.Equal(b.clock.now()) || !stored.OpenedAt.Equal(b.clock.now()) || stored.MessageID() != made[i].MessageID() {
			t.Errorf("got %+v", stored)
		}
		if opened.ID != stored.ID || opened.Generation != 2 || opened.State != postback.Pending {
			t.Errorf("answered %+v", opened)
		}
	}
	if got := b.swept(t); got != 4 {
		t.Errorf("%d tasks came in, want 4", got)
	}
	for id, want := range map[string]postback.Code{made[3].ID: postback.CodeNotEnded, made[0].ID: postback.CodeNotEnded, "dlv_unknown": postback.CodeNotFound} {
		if _, err := b.ReplayDelivery(t.Context(), id); postback.CodeOf(err) != want {
			t.Errorf("%s: got %v, want %s", id, err, want)
		}
	}
}

func TestAReplayLeavesWhatWasForADeletedEndpoint(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t)
	made := b.dead(t, 3)
	job := b.start(t, postback.DeliveryFilter{}, 0)
	endpoint.State = postback.EndpointDeleted
	if _, err := b.Ledger.SaveEndpoint(t.Context(), endpoint); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ReplayDelivery(t.Context(), made[0].ID); postback.CodeOf(err) != postback.CodeEndpointDeleted {
		t.Errorf("got %v", err)
	}
	job = b.turn(t, job.ID)
	if job.State != postback.ReplayDone || job.Replayed != 0 || job.Skips != (postback.ReplaySkips{EndpointDeleted: 3}) {
		t.Errorf("got %+v", job)
	}
	b.expectGeneration(t, made, 1)
	if got := b.count(t, in(postback.Dead)); got != len(made) {
		t.Errorf("%d are dead letters, want %d", got, len(made))
	}
}

func TestAReplayOpensDeadLettersByDefault(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t)
	made := b.many(t, 6)
	for i, state := range []postback.State{postback.Dead, postback.Dead, postback.Succeeded, postback.Cancelled} {
		b.end(t, made[i].ID, state)
	}
	b.example(t, endpoint.ID)
	b.clock.advance(time.Second)
	job := b.start(t, postback.DeliveryFilter{}, 0)
	if job.Matched != 2 || job.State != postback.ReplayRunning {
		t.Errorf("got %+v", job)
	}
	if job = b.turn(t, job.ID); job.State != postback.ReplayDone || job.Replayed != 2 || !job.EndedAt.Equal(b.clock.now()) {
		t.Errorf("got %+v", job)
	}
	b.expectGeneration(t, made[:2], 2)
	b.expectGeneration(t, made[2:], 1)
	if b.count(t, in(postback.Dead)) != 1 {
		t.Error("the failed example was replayed")
	}
}

// example writes an example that failed.
func (b *bench) example(t *testing.T, endpointID string) {
	t.Helper()
	one := event(t, "tx-example")
	one.Test, one.AcceptedAt = true, b.clock.now()
	delivery := postback.Delivery{
		ID: "dlv_0194b9aa0194b9aa0194b9aa0194b9aa", EventID: one.ID, EventType: one.Type, Publisher: one.Publisher, EndpointID: endpointID,
		State: postback.Pending, Generation: 1, Test: true, CreatedAt: b.clock.now(), OpenedAt: b.clock.now(),
		NextAttemptAt: b.clock.now(), SweepAt: b.clock.now().Add(time.Hour),
	}
	if _, err := b.Ledger.Accept(t.Context(), []postback.Acceptance{{Event: one, Deliveries: []postback.Delivery{delivery}}}); err != nil {
		t.Fatal(err)
	}
	b.end(t, delivery.ID, postback.Dead)
}

func TestAReplayKeepsToItsFilter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, second := b.offer(t), b.offer(t)
	made := b.dead(t, 3)
	job := b.start(t, postback.DeliveryFilter{EndpointID: second.ID, EventID: "tx-0001"}, 0)
	if job = b.turn(t, job.ID); job.Replayed != 1 {
		t.Errorf("got %+v", job)
	}
	for _, delivery := range made {
		want := 1
		if delivery.EndpointID == second.ID && delivery.EventID == "tx-0001" {
			want = 2
		}
		b.expectGeneration(t, []postback.Delivery{delivery}, want)
	}
	job = b.start(t, postback.DeliveryFilter{EndpointID: first.ID, States: []postback.State{postback.Succeeded}}, 0)
	if job.Matched != 0 || job.State != postback.ReplayDone {
		t.Errorf("a job without work: %+v", job)
	}
}

func TestADryRunOnlyCounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	made := b.dead(t, 5)
	job, err := b.StartReplay(t.Context(), postback.DeliveryFilter{}, 0, true)
	if err != nil || job.Matched != 5 || job.State != postback.ReplayDone || !job.DryRun || len(job.Groups) != 1 || job.Groups[0].Count != 5 {
		t.Errorf("got %+v, %v", job, err)
	}
	if job = b.turn(t, job.ID); job.Replayed != 0 {
		t.Errorf("got %+v", job)
	}
	b.expectGeneration(t, made, 1)
}

func TestStartReplayRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, state := range []postback.State{postback.Pending, postback.Retrying, postback.Parked, "unheard-of"} {
		_, err := b.StartReplay(t.Context(), in(postback.Dead, state), 0, false)
		expectInvalid(t, err, "filter.state")
	}
	_, err := b.StartReplay(t.Context(), postback.DeliveryFilter{}, -1, false)
	expectInvalid(t, err, "rate")
	_, err = b.StartReplay(t.Context(), postback.DeliveryFilter{}, math.NaN(), false)
	expectInvalid(t, err, "rate")
	if _, err := b.Ledger.Replay(t.Context(), "rpl_unknown"); postback.CodeOf(err) != postback.CodeNotFound {
		t.Errorf("got %v", err)
	}
}

func expectInvalid(t *testing.T, err error, field string) {
	t.Helper()
	var refused *postback.Error
	if !errors.As(err, &refused) || refused.Code != postback.CodeInvalid || refused.Field != field {
		t.Errorf("got %v, want the field %s refused", err, field)
	}
}

func TestADeliveryThatDiesAgainIsNotReplayedByTheSameJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	made := b.dead(t, 3)
	job := b.start(t, postback.DeliveryFilter{}, 1)
	for range 10 {
		b.clock.advance(time.Second)
		b.turn(t, job.ID)
		for _, delivery := range made {
			if b.read(t, delivery.ID).State == postback.Pending {
				b.end(t, delivery.ID, postback.Dead)
			}
		}
	}
	if job = b.job(t, job.ID); job.State != postback.ReplayDone || job.Replayed != 3 {
		t.Errorf("got %+v", job)
	}
	b.expectGeneration(t, made, 2)
}

func TestWhatEndsAfterAReplayBeganIsNotIts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	made := b.many(t, 4)
	for _, delivery := range made[1:] {
		b.end(t, delivery.ID, postback.Dead)
	}
	b.clock.advance(time.Second)
	job := b.start(t, postback.DeliveryFilter{}, 1)
	b.end(t, made[0].ID, postback.Dead) // the oldest, to which the job comes last
	for range 10 {
		b.clock.advance(time.Second)
		job = b.turn(t, job.ID)
	}
	if job.Matched != 3 || job.Replayed != 3 || job.State != postback.ReplayDone {
		t.Errorf("got %+v", job)
	}
	b.expectGeneration(t, made[:1], 1)
}

func TestAReplayOfManyPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	made := b.dead(t, 501)
	job := b.start(t, postback.DeliveryFilter{}, 0)
	if job = b.turn(t, job.ID); job.State != postback.ReplayDone || job.Replayed != len(made) {
		t.Errorf("got %+v", job)
	}
	if pending := b.count(t, in(postback.Pending)); pending != len(made) {
		t.Errorf("%d deliveries are open, want %d", pending, len(made))
	}
}

func TestACancelledReplayStops(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.dead(t, 20)
	job := b.start(t, postback.DeliveryFilter{}, 5)
	replayed := b.pass(t, job.ID, time.Second).Replayed
	cancelled, err := b.CancelReplay(t.Context(), job.ID)
	if err != nil || replayed == 0 || cancelled.State != postback.ReplayCancelled || cancelled.Replayed != replayed || !cancelled.EndedAt.Equal(b.clock.now()) {
		t.Errorf("got %+v, %v", cancelled, err)
	}
	b.clock.advance(time.Minute)
	if job = b.turn(t, job.ID); job.State != postback.ReplayCancelled || b.count(t, in(postback.Pending)) != replayed {
		t.Errorf("got %+v", job)
	}
	if _, err := b.CancelReplay(t.Context(), job.ID); postback.CodeOf(err) != postback.CodeConflict {
		t.Errorf("cancelled again: %v", err)
	}
	if _, err := b.CancelReplay(t.Context(), "rpl_unknown"); postback.CodeOf(err) != postback.CodeNotFound {
		t.Errorf("got %v", err)
	}
}

func TestARestartInTheMiddleGoesOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	made := b.dead(t, 12)
	job := b.start(t, postback.DeliveryFilter{}, 4)
	if job = b.pass(t, job.ID, time.Second); job.Replayed == 0 || job.State != postback.ReplayRunning {
		t.Fatalf("got %+v", job)
	}
	b.restart(t)
	job = b.pass(t, job.ID, 5*time.Second)
	if job.State != postback.ReplayDone || job.Replayed != 12 {
		t.Errorf("got %+v", job)
	}
	b.expectGeneration(t, made, 2)
}

// dying is a ledger whose process dies after deliveries were opened and before
// it learned that they were.
type dying struct {
	dispatcher.ReplayJobs

	left int
}

func (d *dying) AdvanceReplay(ctx context.Context, id string, handled, limit int, at time.Time) (postback.ReplayJob, error) {
	job, err := d.ReplayJobs.AdvanceReplay(ctx, id, handled, limit, at)
	if d.left--; d.left < 0 {
		return postback.ReplayJob{}, errAway
	}
	return job, err
}

func TestAProcessThatDiesBeforeItLearnsWhatItReplayed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	made := b.dead(t, 12)
	b.restart(t, func(o *dispatcher.Options) { o.Replay.Jobs = &dying{ReplayJobs: b.Ledger, left: 1} })
	job := b.start(t, postback.DeliveryFilter{}, 4)
	b.turn(t, job.ID)
	b.clock.advance(time.Second)
	if err := b.WorkOnReplays(t.Context()); !errors.Is(err, errAway) {
		t.Fatalf("got %v", err)
	}
	b.restart(t)
	job = b.pass(t, job.ID, 6*time.Second)
	if job.State != postback.ReplayDone || job.Replayed != 12 || job.Skipped != 0 {
		t.Errorf("got %+v", job)
	}
	b.expectGeneration(t, made, 2)
}
