package worker_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

// perEndpoint is how many attempts to one endpoint a process makes at once.
const perEndpoint = 16

// A hundred deliveries for an endpoint that hangs, at once: it gets as many
// requests as it has slots, and the others wait parked, with no attempt used
// up. Another endpoint notices nothing.
func TestAnEndpointThatHangsDelaysNoOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	hold, arrived := make(chan struct{}), make(chan struct{}, 200)
	b.receiver.Answer(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-hold
		w.WriteHeader(http.StatusOK)
	})
	hanging := b.exchange(t, func(s *postback.EndpointSpec) { s.Timeout = postback.Duration(time.Minute) })
	healthy := testkit.NewReceiver(t)
	well := b.exchange(t, func(s *postback.EndpointSpec) { s.URL = healthy.URL })

	var group sync.WaitGroup
	deliver := func(endpointID string, count int) []string {
		ids := make([]string, count)
		for i := range ids {
			due := b.accept(t, endpointID, exchangeData)
			ids[i] = due.Delivery.ID
			group.Go(func() {
				if err := b.worker.Deliver(t.Context(), fresh(due)); err != nil {
					t.Errorf("deliver: %v", err)
				}
			})
		}
		return ids
	}
	stuck := deliver(hanging.ID, 100)
	for range perEndpoint {
		testkit.Receive(t, "a request", arrived)
	}
	passed := deliver(well.ID, 50)
	b.expectStates(t, passed, map[string]int{"succeeded  1": 50})
	b.expectStates(t, stuck, map[string]int{"pending  0": perEndpoint, "parked over_limit 0": 100 - perEndpoint})
	if more := len(arrived); more != 0 {
		t.Errorf("%d requests beyond the slots", more)
	}
	close(hold)
	group.Wait()
	b.expectStates(t, stuck, map[string]int{"succeeded  1": perEndpoint, "parked over_limit 0": 100 - perEndpoint})
	if b.Breaker.Open(hanging.ID) {
		t.Error("a full endpoint counts as failing")
	}
}

// expectStates waits until the deliveries stand as wanted: state, reason and
// attempts, with their number.
func (b *bench) expectStates(t *testing.T, ids []string, want map[string]int) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprint(want), func() bool {
		got := map[string]int{}
		for _, id := range ids {
			delivery, _ := b.read(t, id)
			got[fmt.Sprintf("%s %s %d", delivery.State, delivery.Reason, delivery.Attempts)]++
		}
		return fmt.Sprint(got) == fmt.Sprint(want)
	})
}

// trip makes ten attempts that fail.
func (b *bench) trip(t *testing.T, endpointID string) {
	t.Helper()
	b.receiver.Answer(testkit.Status(http.StatusInternalServerError))
	for i := range 10 {
		if b.Breaker.Open(endpointID) {
			t.Fatalf("the circuit is open after %d failures", i)
		}
		b.once(t, endpointID)
	}
	if !b.Breaker.Open(endpointID) {
		t.Fatal("the circuit is closed after ten failures")
	}
}

// probe lets the oldest parked delivery go as a probe, and makes its attempt.
func (b *bench) probe(t *testing.T, endpoint postback.Endpoint) (postback.Delivery, postback.Attempt) {
	t.Helper()
	streak, _ := b.Breaker.Streak(endpoint.ID)
	b.clock.advance(streak.ProbeAt.Sub(b.clock.now()))
	if err := b.Breaker.Probe(endpoint, b.clock.now())(t.Context()); err != nil {
		t.Fatal(err)
	}
	claimed, err := b.Ledger.Claim(t.Context(), postback.Claim{Now: b.clock.now(), Next: b.clock.now().Add(time.Minute), Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, due := range claimed {
		if !due.Delivery.Probe {
			continue
		}
		again := fresh(due)
		again.Recheck = true
		if err := b.worker.Deliver(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		delivery, attempts := b.read(t, due.Delivery.ID)
		return delivery, attempts[len(attempts)-1]
	}
	t.Fatal("no probe was sent")
	return postback.Delivery{}, postback.Attempt{}
}

func TestAnEndpointThatKeepsFailingIsLeftAloneAndProbed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t)
	b.clock.advance(time.Minute) // after the endpoint was made
	b.trip(t, endpoint.ID)
	waiting, attempts := b.once(t, endpoint.ID)
	expectState(t, waiting, postback.Parked, postback.ReasonCircuitOpen, 0)
	if len(attempts) != 0 {
		t.Errorf("%d attempts while the circuit is open", len(attempts))
	}
	b.expectRequests(t, 10)

	probe, attempt := b.probe(t, endpoint)
	if attempt.Trigger != postback.TriggerProbe || attempt.Outcome != postback.OutcomeFailed || probe.ID != waiting.ID {
		t.Errorf("the probe is %+v", attempt)
	}
	expectState(t, probe, postback.Retrying, "", 1)
	if probe.Probe || !b.Breaker.Open(endpoint.ID) {
		t.Error("it is a probe still, or the circuit is closed after one that failed")
	}

	b.receiver.Answer(testkit.Status(http.StatusOK))
	next, _ := b.once(t, endpoint.ID)
	expectState(t, next, postback.Parked, postback.ReasonCircuitOpen, 0)
	probe, attempt = b.probe(t, endpoint)
	expectState(t, probe, postback.Succeeded, "", 1)
	if attempt.Trigger != postback.TriggerProbe || b.Breaker.Open(endpoint.ID) {
		t.Errorf("trigger %q; the circuit is open: %t", attempt.Trigger, b.Breaker.Open(endpoint.ID))
	}
	delivery, _ := b.once(t, endpoint.ID)
	expectState(t, delivery, postback.Succeeded, "", 1)
}

// A probe asks whether the endpoint takes deliveries; a paused one does not.
func TestAProbeOfAPausedEndpointIsNotSent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t)
	b.clock.advance(time.Minute)
	b.trip(t, endpoint.ID)
	b.once(t, endpoint.ID)
	if _, err := b.Endpoints.Pause(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	streak, _ := b.Breaker.Streak(endpoint.ID)
	b.clock.advance(streak.ProbeAt.Sub(b.clock.now()))
	if err := b.Breaker.Probe(endpoint, b.clock.now())(t.Context()); err != nil {
		t.Fatal(err)
	}
	claimed, err := b.Ledger.Claim(t.Context(), postback.Claim{Now: b.clock.now(), Next: b.clock.now().Add(time.Minute), Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, due := range claimed {
		if err := b.worker.Deliver(t.Context(), fresh(due)); err != nil {
			t.Fatal(err)
		}
	}
	b.expectRequests(t, 10)
}

// What says nothing of the endpoint opens no circuit.
func TestWhatIsNoFailureOfTheEndpointOpensNoCircuit(t *testing.T) {
	t.Parallel()
	failing := func(failure egress.Failure) func(*worker.Options) {
		return func(o *worker.Options) { o.Send = &sender{result: egress.Result{Failure: &failure}} }
	}
	tests := map[string]struct {
		alter func(*worker.Options)
		try   func(t *testing.T, b *bench, endpointID string)
	}{
		"our own failure": {
			failing(egress.Failure{Kind: egress.Infrastructure, Code: "egress_address"}),
			func(t *testing.T, b *bench, id string) { t.Helper(); b.once(t, id) },
		},
		"an address that is never sent to": {
			failing(egress.Failure{Kind: egress.Refused, Code: egress.CodeDenied}),
			func(t *testing.T, b *bench, id string) { t.Helper(); b.once(t, id) },
		},
		"examples": {
			func(*worker.Options) {},
			func(t *testing.T, b *bench, id string) {
				t.Helper()
				if _, _, err := b.worker.Example(t.Context(), id, ""); err != nil {
					t.Error(err)
				}
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, tt.alter)
			b.receiver.Answer(testkit.Status(http.StatusInternalServerError))
			endpoint := b.exchange(t)
			for range 20 {
				tt.try(t, b, endpoint.ID)
			}
			if b.Breaker.Open(endpoint.ID) {
				t.Error("the circuit is open")
			}
		})
	}
}

// A publisher with many endpoints that hang holds no more than its share of a
// shard's workers; the rest waits parked, and another publisher notices nothing.
func TestAPublisherWhoseEndpointsHangDelaysNoOther(t *testing.T) {
	t.Parallel()
	const share, endpoints = 10, 20
	b := setup(t, func(o *worker.Options) { o.Gate.InFlight.PerPublisher = share })
	hold, arrived := make(chan struct{}), make(chan struct{}, 200)
	b.receiver.Answer(blocking(arrived, hold))
	healthy := testkit.NewReceiver(t)
	well := b.exchange(t, func(s *postback.EndpointSpec) { s.Publisher, s.URL = "pub_2", healthy.URL })
	var group sync.WaitGroup
	send := func(endpointID string) string {
		due := b.accept(t, endpointID, exchangeData)
		group.Go(func() {
			if err := b.worker.Deliver(t.Context(), fresh(due)); err != nil {
				t.Errorf("deliver: %v", err)
			}
		})
		return due.Delivery.ID
	}
	var stuck, passed []string
	for range endpoints {
		endpoint := b.exchange(t, func(s *postback.EndpointSpec) { s.Timeout = postback.Duration(time.Minute) })
		for range 3 {
			stuck = append(stuck, send(endpoint.ID))
		}
	}
	for range share {
		testkit.Receive(t, "a request", arrived)
	}
	for range 30 {
		passed = append(passed, send(well.ID))
	}
	b.expectStates(t, passed, map[string]int{"succeeded  1": 30})
	b.expectStates(t, stuck, map[string]int{"pending  0": share, "parked over_limit 0": endpoints*3 - share})
	close(hold)
	group.Wait()
	b.expectStates(t, stuck, map[string]int{"succeeded  1": share, "parked over_limit 0": endpoints*3 - share})
}

// What is parked the release hears of, which looks seldom while it has nothing to
// do.
func TestTheReleaseIsToldOfWhatIsParked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(testkit.Status(http.StatusOK))
	endpoint := b.exchange(t)
	b.once(t, endpoint.ID)
	if got := b.sweeper.parked.Load(); got != 0 {
		t.Errorf("it was notified of %d when nothing was parked", got)
	}
	if _, err := b.Endpoints.Pause(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	b.once(t, endpoint.ID)
	if got := b.sweeper.parked.Load(); got != 1 {
		t.Errorf("it was notified of %d", got)
	}
}
