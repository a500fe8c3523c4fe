package worker_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

// now is the endpoint as the ledger has it.
func (b *bench) now(t *testing.T, id string) postback.Endpoint {
	t.Helper()
	endpoint, err := b.Ledger.Endpoint(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return endpoint
}

func expectDisabled(t *testing.T, endpoint postback.Endpoint, want bool) {
	t.Helper()
	if got := endpoint.State == postback.EndpointDisabled; got != want || (endpoint.DisabledReason == "gone") != want || endpoint.DisabledAt.IsZero() == want {
		t.Errorf("the endpoint is %s %q since %v", endpoint.State, endpoint.DisabledReason, endpoint.DisabledAt)
	}
}

func TestA410DisablesTheEndpointAndLosesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(testkit.Status(http.StatusGone))
	endpoint := b.exchange(t)
	waiting := b.accept(t, endpoint.ID, exchangeData)
	delivery, attempts := b.once(t, endpoint.ID)
	expectState(t, delivery, postback.Parked, postback.ReasonDisabled, 1)
	if len(attempts) != 1 || attempts[0].StatusCode != 410 || attempts[0].Outcome != postback.OutcomeFailed || delivery.LastStatusCode != 410 {
		t.Errorf("got %+v", attempts)
	}
	expectDisabled(t, b.now(t, endpoint.ID), true)

	other, _ := b.deliver(t, waiting.Delivery.ID)
	expectState(t, other, postback.Parked, postback.ReasonDisabled, 0)
	b.expectRequests(t, 1)

	// An example is sent still, and one that succeeds enables nothing.
	b.receiver.Answer(testkit.Status(http.StatusOK))
	example, _, err := b.worker.Example(t.Context(), endpoint.ID, "")
	if err != nil || example.State != postback.Succeeded {
		t.Errorf("example: %+v, %v", example, err)
	}
	b.expectRequests(t, 2)
	expectDisabled(t, b.now(t, endpoint.ID), true)

	if _, err := b.Endpoints.Resume(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	expectDisabled(t, b.now(t, endpoint.ID), false)
	if n, err := b.Ledger.Release(t.Context(), endpoint.ID, b.clock.now(), 10, 10); n != 2 || err != nil {
		t.Fatalf("released %d, %v", n, err)
	}
	delivery, _ = b.deliver(t, delivery.ID)
	expectState(t, delivery, postback.Succeeded, "", 2)
	other, _ = b.deliver(t, other.ID)
	expectState(t, other, postback.Succeeded, "", 1)
}

func TestA410ToAnExampleDisablesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(testkit.Status(http.StatusGone))
	endpoint := b.exchange(t)
	example, _, err := b.worker.Example(t.Context(), endpoint.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	expectState(t, example, postback.Dead, postback.ReasonExample, 1)
	expectDisabled(t, b.now(t, endpoint.ID), false)
}

func TestAPolicyThatNames410MeansSomethingElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(testkit.Status(http.StatusGone))
	retried := b.exchange(t, func(s *postback.EndpointSpec) { s.Retry.On = []string{"410"} })
	delivery, _ := b.once(t, retried.ID)
	expectState(t, delivery, postback.Retrying, "", 1)
	stopped := b.exchange(t, func(s *postback.EndpointSpec) { s.Retry.StopOn = []int{410} })
	delivery, _ = b.once(t, stopped.ID)
	expectState(t, delivery, postback.Dead, postback.ReasonStopped, 1)
	for _, endpoint := range []postback.Endpoint{retried, stopped} {
		expectDisabled(t, b.now(t, endpoint.ID), false)
	}
	unnamed := b.exchange(t, func(s *postback.EndpointSpec) { s.Retry.On = []string{"4xx"} })
	b.once(t, unnamed.ID)
	expectDisabled(t, b.now(t, unnamed.ID), true)
}

// TestANewURLIsNotDisabledByTheOldOnesAnswer changes the endpoint while its 410
// is on the way.
func TestANewURLIsNotDisabledByTheOldOnesAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t)
	mended := b.receiver.URL + "/mended"
	b.receiver.Answer(func(w http.ResponseWriter, _ *http.Request) {
		if _, _, err := b.Endpoints.Update(context.WithoutCancel(t.Context()), endpoint.ID, postback.EndpointPatch{"url": mended}); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusGone)
	})
	delivery, _ := b.once(t, endpoint.ID)
	expectState(t, delivery, postback.Retrying, "", 1)
	b.expectNext(t, delivery, time.Second)
	expectDisabled(t, b.now(t, endpoint.ID), false)
}

// TestManyAnswersDisableOnce: the endpoint is changed by the first one alone.
func TestManyAnswersDisableOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const attempts = 8
	var arrived sync.WaitGroup
	arrived.Add(attempts)
	b.receiver.Answer(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Done()
		arrived.Wait() // all are sent before the first answer
		w.WriteHeader(http.StatusGone)
	})
	endpoint := b.exchange(t)
	var work sync.WaitGroup
	var ids []string
	for range attempts {
		due := b.accept(t, endpoint.ID, exchangeData)
		ids = append(ids, due.Delivery.ID)
		work.Go(func() {
			if err := b.worker.Deliver(t.Context(), fresh(due)); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	for _, id := range ids {
		delivery, _ := b.read(t, id)
		expectState(t, delivery, postback.Parked, postback.ReasonDisabled, 1)
	}
	after := b.now(t, endpoint.ID)
	expectDisabled(t, after, true)
	if after.Revision != endpoint.Revision+1 {
		t.Errorf("the endpoint was changed from revision %d to %d", endpoint.Revision, after.Revision)
	}
}

func TestAnEndpointThatCannotBeDisabledIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *worker.Options) { o.Decide.Disabler = stuck{} })
	b.receiver.Answer(testkit.Status(http.StatusGone))
	delivery, _ := b.once(t, b.exchange(t).ID)
	expectState(t, delivery, postback.Retrying, "", 1)
	b.expectNext(t, delivery, time.Second)
}
