package worker_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/limit"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

// limits answers what it is told to, and counts.
type limits struct {
	asked atomic.Int32
	take  func(ctx context.Context, endpointID string) (time.Duration, bool, error)
}

func (l *limits) Take(ctx context.Context, endpointID string, _ postback.RateLimit) (time.Duration, bool, error) {
	l.asked.Add(1)
	return l.take(ctx, endpointID)
}

func with(l worker.Limits) func(*worker.Options) {
	return func(o *worker.Options) { o.Gate.Limits = l }
}

// limited is a spec of an endpoint with a limit of which nothing grows back while
// a test runs.
func limited(burst int) func(*postback.EndpointSpec) {
	return func(s *postback.EndpointSpec) { s.RateLimit = &postback.RateLimit{PerSecond: 0.001, Burst: burst} }
}

// realLimits are those of an embedded queue.
func realLimits(t *testing.T) worker.Limits {
	t.Helper()
	queue := task.OpenEmbedded()
	t.Cleanup(func() {
		if err := queue.Close(); err != nil {
			t.Errorf("close queue: %v", err)
		}
	})
	return limit.New(queue.Scripter())
}

// Every attempt counts, whatever it is for, and what is over the limit waits
// parked with no attempt used up.
func TestEveryAttemptCountsForTheLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, with(realLimits(t)))
	endpoint := b.exchange(t, limited(4))
	b.once(t, endpoint.ID)
	b.receiver.Answer(testkit.Status(http.StatusInternalServerError))
	failed, _ := b.once(t, endpoint.ID)
	retried, _ := b.deliver(t, failed.ID)
	expectState(t, retried, postback.Retrying, "", 2)
	if _, _, err := b.worker.Example(t.Context(), endpoint.ID, ""); err != nil {
		t.Errorf("an example within the limit: %v", err)
	}
	b.expectRequests(t, 4)

	over, attempts := b.once(t, endpoint.ID)
	expectState(t, over, postback.Parked, postback.ReasonOverLimit, 0)
	if len(attempts) != 0 || !over.NextAttemptAt.IsZero() {
		t.Errorf("got %d attempts, the next one at %v", len(attempts), over.NextAttemptAt)
	}
	retried, _ = b.deliver(t, b.retrying(t, endpoint.ID))
	expectState(t, retried, postback.Parked, postback.ReasonOverLimit, 1)
	if _, _, err := b.worker.Example(t.Context(), endpoint.ID, ""); postback.CodeOf(err) != postback.CodeConflict {
		t.Errorf("an example over the limit: %v", err)
	}
	other, _ := b.once(t, b.exchange(t, limited(1)).ID)
	if other.Attempts != 1 {
		t.Error("another endpoint is held up by the limit")
	}
	b.expectRequests(t, 5)

	patch := postback.EndpointPatch{"rate_limit": nil}
	if _, _, err := b.Endpoints.Update(t.Context(), endpoint.ID, patch); err != nil {
		t.Fatal(err)
	}
	if free, _ := b.once(t, endpoint.ID); free.Attempts != 1 {
		t.Error("a limit that was removed still holds")
	}
}

// Guarantee: while nobody can say, nothing is sent and no attempt is used up.
func TestALimitThatCannotBeAskedForLetsNothingGo(t *testing.T) {
	t.Parallel()
	b := setup(t, with(&limits{take: func(context.Context, string) (time.Duration, bool, error) { return 0, false, errAway }}))
	endpoint := b.exchange(t, limited(10))
	delivery, attempts := b.once(t, endpoint.ID)
	expectState(t, delivery, postback.Pending, "", 0)
	b.expectNext(t, delivery, time.Second)
	if len(attempts) != 0 {
		t.Errorf("the history has %+v", attempts)
	}
	delivery, _ = b.deliver(t, b.retrying(t, endpoint.ID))
	expectState(t, delivery, postback.Retrying, "", 1)
	b.expectNext(t, delivery, time.Second)
	if _, _, err := b.worker.Example(t.Context(), endpoint.ID, ""); err == nil {
		t.Error("an example was sent")
	}
	b.expectRequests(t, 0)
	if len(b.Logs.With("rate limits unavailable, deliveries of endpoints that have one wait")) == 0 {
		t.Error("the log does not say so")
	}
}

// A slot is for an attempt: whoever cannot make one takes none.
func TestASlotIsTakenOnlyToSend(t *testing.T) {
	t.Parallel()
	given := &limits{take: func(context.Context, string) (time.Duration, bool, error) { return 0, true, nil }}
	b := setup(t, with(given), func(o *worker.Options) { o.Gate.InFlight.PerEndpoint = 1 })
	b.once(t, b.exchange(t).ID)
	if asked := given.asked.Load(); asked != 0 {
		t.Errorf("asked %d times for an endpoint without a limit", asked)
	}
	paused := b.exchange(t, limited(1))
	if _, err := b.Endpoints.Pause(t.Context(), paused.ID); err != nil {
		t.Fatal(err)
	}
	b.once(t, paused.ID)
	if asked := given.asked.Load(); asked != 0 {
		t.Errorf("asked %d times for a paused endpoint", asked)
	}
	arrived, leave := make(chan struct{}, 10), make(chan struct{})
	release := sync.OnceFunc(func() { close(leave) })
	defer release()
	b.receiver.Answer(blocking(arrived, leave))
	full := b.exchange(t, limited(1))
	first := b.accept(t, full.ID, exchangeData)
	var group sync.WaitGroup
	group.Go(func() {
		if err := b.worker.Deliver(t.Context(), fresh(first)); err != nil {
			t.Errorf("deliver: %v", err)
		}
	})
	testkit.Receive(t, "a request", arrived)
	second, _ := b.once(t, full.ID)
	expectState(t, second, postback.Parked, postback.ReasonOverLimit, 0)
	if asked := given.asked.Load(); asked != 1 {
		t.Errorf("asked %d times for one slot", asked)
	}
	release()
	group.Wait()
}

// Guarantee: nothing is sent to an endpoint that was paused while an attempt
// waited for its slot.
func TestAPauseCountsForWhoWaits(t *testing.T) {
	t.Parallel()
	pause := func(context.Context, string) {}
	b := setup(t, with(&limits{take: func(ctx context.Context, endpointID string) (time.Duration, bool, error) {
		pause(ctx, endpointID)
		return time.Millisecond, true, nil
	}}))
	pause = func(ctx context.Context, endpointID string) {
		if _, err := b.Endpoints.Pause(ctx, endpointID); err != nil {
			t.Errorf("pause: %v", err)
		}
	}
	delivery, _ := b.once(t, b.exchange(t, limited(1)).ID)
	expectState(t, delivery, postback.Parked, postback.ReasonPaused, 0)
	b.expectRequests(t, 0)
}

// Guarantee: an endpoint with a cap of its own never has more attempts under way
// than that, examples included, and a changed cap holds at once.
func TestAnEndpointsOwnCap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	arrived, leave := make(chan struct{}, 100), make(chan struct{})
	release := sync.OnceFunc(func() { close(leave) })
	defer release()
	b.receiver.Answer(blocking(arrived, leave))
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) { s.MaxInFlight, s.Timeout = 2, postback.Duration(time.Minute) })
	var group sync.WaitGroup
	deliver := func(count int) (ids []string) {
		for range count {
			due := b.accept(t, endpoint.ID, exchangeData)
			ids = append(ids, due.Delivery.ID)
			group.Go(func() {
				if err := b.worker.Deliver(t.Context(), fresh(due)); err != nil {
					t.Errorf("deliver: %v", err)
				}
			})
		}
		return ids
	}
	first := deliver(10)
	expectArrived := func(more int) {
		t.Helper()
		for range more {
			testkit.Receive(t, "a request", arrived)
		}
		if len(arrived) > 0 {
			t.Errorf("there are more requests than %d", more)
		}
	}
	b.expectStates(t, first, map[string]int{"pending  0": 2, "parked over_limit 0": 8})
	expectArrived(2)
	if _, _, err := b.worker.Example(t.Context(), endpoint.ID, ""); postback.CodeOf(err) != postback.CodeConflict {
		t.Errorf("an example over the cap: %v", err)
	}
	if _, _, err := b.Endpoints.Update(t.Context(), endpoint.ID, postback.EndpointPatch{"max_in_flight": 5}); err != nil {
		t.Fatal(err)
	}
	second := deliver(10)
	b.expectStates(t, second, map[string]int{"pending  0": 3, "parked over_limit 0": 7})
	expectArrived(3)
	release()
	group.Wait()
	b.expectStates(t, append(first, second...), map[string]int{"succeeded  1": 5, "parked over_limit 0": 15})
}

// Guarantee: an endpoint that asks for all the workers there are does not get
// them.
func TestNoEndpointGetsMorePlacesThanThereAreForOne(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *worker.Options) { o.Gate.InFlight.MaxPerEndpoint = perEndpoint + 2 })
	arrived, leave := make(chan struct{}, 100), make(chan struct{})
	release := sync.OnceFunc(func() { close(leave) })
	t.Cleanup(release)
	b.receiver.Answer(blocking(arrived, leave))
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) {
		s.MaxInFlight, s.Timeout = postback.MaxInFlight, postback.Duration(time.Minute)
	})
	var group sync.WaitGroup
	var ids []string
	for range perEndpoint + 5 {
		due := b.accept(t, endpoint.ID, exchangeData)
		ids = append(ids, due.Delivery.ID)
		group.Go(func() {
			if err := b.worker.Deliver(t.Context(), fresh(due)); err != nil {
				t.Errorf("deliver: %v", err)
			}
		})
	}
	b.expectStates(t, ids, map[string]int{"pending  0": perEndpoint + 2, "parked over_limit 0": 3})
	release()
	group.Wait()
}

// Whatever becomes of an attempt, its slots are free for the next one.
func TestSlotsAreFreeAfterAnAttempt(t *testing.T) {
	t.Parallel()
	over := true
	b := setup(t, with(&limits{take: func(context.Context, string) (time.Duration, bool, error) { return 0, !over, nil }}),
		func(o *worker.Options) { o.Gate.InFlight.PerEndpoint, o.Gate.InFlight.PerPublisher = 1, 1 })
	endpoint, other := b.exchange(t, limited(1)), b.exchange(t, limited(1))
	parked, _ := b.once(t, endpoint.ID)
	expectState(t, parked, postback.Parked, postback.ReasonOverLimit, 0)
	if _, _, err := b.worker.Example(t.Context(), endpoint.ID, ""); postback.CodeOf(err) != postback.CodeConflict {
		t.Errorf("an example over the rate limit: %v", err)
	}
	over = false
	if free, _ := b.once(t, endpoint.ID); free.State != postback.Succeeded {
		t.Fatalf("the next one is %s", free.State)
	}
	arrived, leave := make(chan struct{}, 1), make(chan struct{})
	release := sync.OnceFunc(func() { close(leave) })
	defer release()
	b.receiver.Answer(blocking(arrived, leave))
	var group sync.WaitGroup
	first := b.accept(t, endpoint.ID, exchangeData)
	group.Go(func() {
		if err := b.worker.Deliver(t.Context(), fresh(first)); err != nil {
			t.Errorf("deliver: %v", err)
		}
	})
	testkit.Receive(t, "a request", arrived)
	parked, _ = b.once(t, other.ID) // its publisher has no slot
	expectState(t, parked, postback.Parked, postback.ReasonOverLimit, 0)
	release()
	group.Wait()
	b.receiver.Answer(testkit.Status(http.StatusOK))
	for range 2 {
		for _, id := range []string{endpoint.ID, other.ID} {
			sent, _ := b.once(t, id)
			expectState(t, sent, postback.Succeeded, "", 1)
			if _, _, err := b.worker.Example(t.Context(), id, ""); err != nil {
				t.Errorf("an example: %v", err)
			}
		}
	}
}
