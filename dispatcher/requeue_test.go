package dispatcher_test

import (
	"context"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

func TestTheSweeperFillsTheQueueAsFarAsThereIsRoom(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Lanes.MaxQueued = 10 })
	b.offer(t)
	made := b.many(t, 35)
	for _, want := range []int{10, 0} {
		if got := b.swept(t); got != want {
			t.Fatalf("%d tasks came in, want %d", got, want)
		}
	}
	b.queue.work(5)
	if got := b.swept(t); got != 5 {
		t.Errorf("%d tasks came in, want as many as were worked off", got)
	}
	// What has no room stays due.
	due, err := b.Ledger.Claim(t.Context(), postback.Claim{Now: b.clock.now(), Next: b.clock.now().Add(time.Hour), Limit: 1000})
	if err != nil || len(due) != len(made)-15 {
		t.Errorf("%d deliveries wait in the ledger, %v, want %d", len(due), err, len(made)-15)
	}
}

// A Redis that is out of memory counts its tasks and takes no more.
func TestTheSweeperStopsWhenTheQueueRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.watch(t)
	made := b.many(t, 510)
	b.queue.set(func(q *queue) { q.full = true })
	for range 2 { // and the second time nothing is claimed
		if got := b.swept(t); got != 0 {
			t.Fatalf("%d tasks came in", got)
		}
	}
	due, err := b.Ledger.Claim(t.Context(), postback.Claim{Now: b.clock.now(), Next: b.clock.now(), Limit: 1000})
	if err != nil || len(due) != 10 {
		t.Errorf("%d deliveries are still due, %v, want all but one step", len(due), err)
	}
	b.queue.set(func(q *queue) { q.full = false })
	b.watch(t)
	b.swept(t)
	if got := len(b.queue.all()); got != len(made) {
		t.Errorf("%d tasks came in, want %d", got, len(made))
	}
}

func TestNewDeliveriesWaitBehindOlderOnes(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Lanes.MaxQueued = 5 })
	b.offer(t)
	b.many(t, 20)
	b.swept(t)
	b.queue.work(5) // room again, but not for who comes last
	b.clock.advance(time.Millisecond)
	answer := b.accept(t, event(t, "tx-last"))
	if waits := b.read(t, answer.Deliveries[0].ID); !waits.SweepAt.Equal(b.clock.now()) {
		t.Errorf("the last one is swept in %s, want at once", waits.SweepAt.Sub(b.clock.now()))
	}
	var order []string
	for len(order) < 21 {
		b.swept(t)
		b.queue.work(5)
		order = nil
		for _, one := range b.queue.all() {
			order = append(order, one.Due.Event.ID)
		}
	}
	if order[20] != "tx-last" {
		t.Errorf("the queue got %v", order)
	}
}

func TestATaskThatGotLostComesBackAfterTheGrace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.queue.set(func(q *queue) { q.loses = true })
	b.many(t, 3)
	if got := b.swept(t); got != 3 {
		t.Fatalf("%d tasks came in", got)
	}
	b.clock.advance(grace - time.Microsecond)
	if got := b.swept(t); got != 0 {
		t.Errorf("%d tasks came in before the grace was over", got)
	}
	b.clock.advance(time.Microsecond)
	if got := b.swept(t); got != 3 {
		t.Errorf("%d lost tasks came back, want 3", got)
	}
}

func TestATaskThatIsOnlyLateIsNotQueuedTwice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.many(t, 3)
	b.swept(t)
	b.clock.advance(grace)
	if got := b.swept(t); got != 0 {
		t.Errorf("%d tasks came in again", got)
	}
}

func TestATaskOfADeadWorkerIsTakenOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.many(t, 2)
	b.swept(t)
	held := b.queue.all()[0].Ref
	b.queue.set(func(q *queue) { q.orphans[held] = true })
	b.clock.advance(grace)
	if got := b.swept(t); got != 1 {
		t.Fatalf("%d tasks came in, want the one that was held", got)
	}
	if last := b.queue.all()[2]; last.Ref != held || !last.Recheck {
		t.Errorf("got %+v", last)
	}
}

// lateClaims is a ledger whose claims are answered late.
type lateClaims struct {
	dispatcher.Waiting

	late func()
}

func (s lateClaims) Claim(ctx context.Context, claim postback.Claim) ([]postback.Due, error) {
	due, err := s.Waiting.Claim(ctx, claim)
	s.late()
	return due, err
}

// Guarantee: the worker believes the sweeper only of what nobody had before; anything
// else may have been made meanwhile.
func TestWhatSomebodyHadBeforeIsRechecked(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before func(*testing.T, *bench)
		want   bool
	}{
		"nobody had it": {func(*testing.T, *bench) {}, false},
		"the claim is answered late": {func(t *testing.T, b *bench) {
			b.restart(t, func(o *dispatcher.Options) {
				o.Requeue.Ledger = lateClaims{b.Ledger, func() { b.clock.advance(2 * time.Second) }}
			})
		}, true},
		"it was claimed and lost": {func(t *testing.T, b *bench) {
			b.claimed(t)
			b.clock.advance(grace)
		}, true},
		"it was in another queue": {func(t *testing.T, b *bench) {
			b.claimed(t)
			if count, err := b.Ledger.Requeue(t.Context(), b.clock.now().Add(grace), 10); count != 1 || err != nil {
				t.Fatalf("requeued %d, %v", count, err)
			}
		}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.offer(t)
			b.many(t, 1)
			tt.before(t, b)
			if got := b.swept(t); got != 1 {
				t.Fatalf("%d tasks came in", got)
			}
			if one := b.queue.all()[0]; one.Recheck != tt.want || one.AskedAt.Equal(b.clock.now()) == tt.want {
				t.Errorf("got %+v, want it to be rechecked: %t", one, tt.want)
			}
		})
	}
}

// claimed claims what is due, as a process does that is killed then.
func (b *bench) claimed(t *testing.T) {
	t.Helper()
	now := b.clock.now()
	if due, err := b.Ledger.Claim(t.Context(), postback.Claim{Now: now, Next: now.Add(grace), Limit: 10}); len(due) != 1 || err != nil {
		t.Fatalf("claimed %d, %v", len(due), err)
	}
}

func TestEndedDeliveriesAreLeftAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	made := b.many(t, 3)
	for i, state := range []postback.State{postback.Dead, postback.Succeeded} {
		b.end(t, made[i].ID, state)
	}
	if got := b.swept(t); got != 1 {
		t.Errorf("%d tasks came in, want that of the one that waits", got)
	}
}

func TestRetriesComeWhenTheyAreDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	made := b.many(t, 1)
	move := postback.Transition{
		Ref: made[0].Ref(), To: postback.Retrying, At: b.clock.now(),
		NextAttemptAt: b.clock.now().Add(time.Minute), SweepAt: b.clock.now().Add(time.Minute),
		Attempt: &postback.Attempt{DeliveryID: made[0].ID, Generation: 1, Number: 1, StartedAt: b.clock.now(), Outcome: postback.OutcomeFailed},
	}
	if err := b.Ledger.Record(t.Context(), move); err != nil {
		t.Fatal(err)
	}
	if got := b.swept(t); got != 0 {
		t.Errorf("%d tasks came in too early", got)
	}
	b.clock.advance(time.Minute)
	if got := b.swept(t); got != 1 || b.queue.all()[0].Ref.Attempt != 2 {
		t.Errorf("%d tasks came in: %+v", got, b.queue.all())
	}
}

func TestAWipedQueueIsFilledAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.watch(t)
	made := b.many(t, 501) // more than one step of the ledger
	b.swept(t)
	ended := b.queue.all()[0].Ref.DeliveryID
	b.end(t, ended, postback.Succeeded)
	b.watch(t)
	if got := b.swept(t); got != 0 {
		t.Fatalf("%d tasks came in although none was lost", got)
	}
	b.queue.set(func(q *queue) { clear(q.tasks); q.epoch = "" })
	b.watch(t)
	if got, want := b.swept(t), len(made)-1; got != want {
		t.Errorf("%d tasks came back, want %d", got, want)
	}
	identity, err := b.Ledger.Identity(t.Context())
	if err != nil || b.queue.epoch != identity {
		t.Errorf("the queue has the epoch %q, %v, want %q", b.queue.epoch, err, identity)
	}
	if lines := b.Logs.With("queue refill started"); len(lines) != 2 || lines[1]["deliveries"] != 500.0 {
		t.Errorf("logged %v", lines)
	}
}

func (b *bench) watch(t *testing.T) {
	t.Helper()
	if err := b.Watch(t.Context()); err != nil {
		t.Fatalf("watch: %v", err)
	}
}

// A Redis that was away, and is back with its tasks, may have missed some.
func TestAfterAnOutageEverythingIsQueuedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.watch(t)
	b.many(t, 3)
	b.swept(t)
	b.queue.set(func(q *queue) { q.away = true })
	if err := b.Watch(t.Context()); err == nil {
		t.Error("the outage was not noticed")
	}
	b.queue.set(func(q *queue) { q.away = false; clear(q.tasks) })
	b.watch(t)
	if got := b.swept(t); got != 3 {
		t.Errorf("%d tasks came back, want 3", got)
	}
}

func TestAQueueOfAnotherLedgerIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.watch(t)
	b.many(t, 3)
	b.swept(t)
	b.queue.set(func(q *queue) { q.epoch = "another-ledger"; clear(q.tasks) })
	if err := b.Watch(t.Context()); postback.CodeOf(err) != dispatcher.CodeForeignQueue {
		t.Errorf("got %v", err)
	}
	if b.queue.epoch != "another-ledger" {
		t.Errorf("the epoch was overwritten by %q", b.queue.epoch)
	}
	b.clock.advance(grace)
	b.accept(t, event(t, "tx-new"))
	stop := run(t, b.Dispatcher)
	if got := b.swept(t); got != 0 {
		t.Errorf("%d tasks came into the queue of another ledger", got)
	}
	stop()
	if got := len(b.queue.all()); got != 3 {
		t.Errorf("%d tasks came into the queue of another ledger", got-3)
	}
	b.queue.set(func(q *queue) { q.epoch = "" })
	b.watch(t)
	if got := b.swept(t); got != 4 {
		t.Errorf("%d tasks came into our own queue, want 4", got)
	}
	for epoch, want := range map[string]bool{"": true, "a": true, "b": false} {
		if err := dispatcher.CheckEpoch(epoch, "a"); (err == nil) != want {
			t.Errorf("epoch %q: %v", epoch, err)
		}
	}
}

func TestRunDoesAllOfItByItself(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t)
	made := b.many(t, 5)
	stop := run(t, b.Dispatcher)
	testkit.Eventually(t, "what was due is queued", func() bool { return len(b.queue.all()) == len(made) })
	if _, err := b.Endpoints.Pause(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	parked := b.accept(t, event(t, "tx-parked")).Deliveries[0]
	if _, err := b.Endpoints.Resume(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "what was parked is queued", func() bool { return len(b.queue.all()) == len(made)+1 })
	b.end(t, parked.ID, postback.Dead)
	b.clock.advance(time.Second)
	if _, err := b.StartReplay(t.Context(), postback.DeliveryFilter{}, 0, false); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "what was replayed is queued", func() bool { return len(b.queue.all()) == len(made)+2 })
	b.queue.set(func(q *queue) { clear(q.tasks); q.epoch = "" })
	testkit.Eventually(t, "a wiped queue is full again", func() bool { return len(b.queue.all()) == 2*(len(made)+1)+1 })
	stop()
}

func TestRunHandsOverWhatItHasBeforeItEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.swept(t)
	b.many(t, 200) // into the handoff, and nobody empties it yet
	run(t, b.Dispatcher)()
	if got := len(b.queue.all()); got != 200 {
		t.Errorf("%d tasks came in before the end, want 200", got)
	}
}
