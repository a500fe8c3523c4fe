package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/postback"
)

// release is one turn of the release of parked deliveries.
func (b *bench) release(t *testing.T) {
	t.Helper()
	if err := b.ReleaseParked(t.Context()); err != nil {
		t.Fatalf("release parked: %v", err)
	}
}

// hold pauses an endpoint and accepts events for it.
func (b *bench) hold(t *testing.T, endpointID string, count int) []postback.Delivery {
	t.Helper()
	if _, err := b.Endpoints.Pause(t.Context(), endpointID); err != nil {
		t.Fatal(err)
	}
	made := b.many(t, count)
	b.clock.advance(time.Second)
	b.release(t)
	if got := b.swept(t); got != 0 || b.count(t, in(postback.Parked)) != count {
		t.Fatalf("%d tasks came in for a paused endpoint", got)
	}
	return made
}

func (b *bench) resume(t *testing.T, endpointID string) {
	t.Helper()
	if _, err := b.Endpoints.Resume(t.Context(), endpointID); err != nil {
		t.Fatal(err)
	}
}

// take ends up to so many of the deliveries that are in the queue, in the order
// in which they came, and says which.
func (b *bench) take(t *testing.T, from, count int) []string {
	t.Helper()
	var ended []string
	for _, one := range b.queue.all()[from:] {
		if len(ended) == count {
			break
		}
		b.end(t, one.Ref.DeliveryID, postback.Succeeded)
		ended = append(ended, one.Ref.DeliveryID)
	}
	return ended
}

func TestAResumedEndpointGetsWhatWaitedInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Lanes.MaxQueued = 1 })
	endpoint := b.offer(t)
	made := b.hold(t, endpoint.ID, 30)
	b.resume(t, endpoint.ID)
	var order []string
	for turn := 0; len(order) < len(made) && turn < 100; turn++ {
		b.clock.advance(100 * time.Millisecond)
		b.release(t)
		if turn == 3 {
			late := b.accept(t, event(t, "tx-late")).Deliveries[0]
			if late.State != postback.Parked || late.Reason != postback.ReasonOverLimit {
				t.Errorf("a new delivery is %s %q while older ones are parked", late.State, late.Reason)
			}
		}
		b.swept(t)
		ended := b.take(t, len(order), 1)
		b.queue.work(len(ended))
		order = append(order, ended...)
	}
	var want []string
	for _, delivery := range made {
		want = append(want, delivery.ID)
	}
	if !slices.Equal(order[:len(want)], want) {
		t.Errorf("the queue got %v\nwant %v", order, want)
	}
}

// What an endpoint does not take is not in the queue, where it would be in the
// way of others; what it takes quickly is not held up.
func TestTheReleaseKeepsTheEndpointsPace(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		takes int // in each turn
		turns int // that 2,000 deliveries may take, at most
		most  int // that may be due at once
	}{
		{"nothing", 0, 0, 16},
		{"slowly", 2, 0, 20},
		{"at once", 2000, 20, 144},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *dispatcher.Options) { o.Lanes.MaxQueued = 10_000 })
			endpoint := b.offer(t)
			for range 2 {
				b.clock.advance(time.Second)
				if _, err := b.Endpoints.Pause(t.Context(), endpoint.ID); err != nil {
					t.Fatal(err)
				}
			}
			events := make([]postback.Event, 2000)
			for i := range events {
				events[i] = event(t, fmt.Sprintf("tx-%04d", i))
			}
			for some := range slices.Chunk(events, 1000) {
				if _, err := b.Accept(t.Context(), some); err != nil {
					t.Fatal(err)
				}
			}
			b.resume(t, endpoint.ID)
			done := 0
			for turn := 1; turn <= 20 && done < len(events); turn++ {
				b.clock.advance(100 * time.Millisecond)
				b.release(t)
				if due := b.count(t, in(postback.Pending)); due > tt.most {
					t.Fatalf("turn %d: %d are due, want %d at most", turn, due, tt.most)
				}
				b.swept(t)
				ended := b.take(t, done, tt.takes)
				b.queue.work(len(ended))
				done += len(ended)
				if tt.turns > 0 && turn == tt.turns && done < len(events) {
					t.Fatalf("%d of %d after %d turns", done, len(events), turn)
				}
			}
		})
	}
}

func TestManyProcessesReleaseNoMoreThanOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t)
	b.hold(t, endpoint.ID, 100)
	b.resume(t, endpoint.ID)
	for range 4 {
		b.restart(t) // another process: it remembers nothing
		b.release(t)
	}
	if due := b.count(t, in(postback.Pending)); due != 16 {
		t.Errorf("%d are due, want 16", due)
	}
}

// trip opens an endpoint's circuit.
func (b *bench) trip(t *testing.T, endpointID string) {
	t.Helper()
	b.clock.advance(time.Second) // after the endpoint was made
	for range 10 {
		b.Breaker.Failed(t.Context(), endpointID, "timeout", b.clock.now())
	}
	if !b.Breaker.Open(endpointID) {
		t.Fatal("the circuit is closed after ten failures")
	}
}

func TestDeliveriesOfAnOpenCircuitWaitAndProbe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t)
	b.trip(t, endpoint.ID)
	made := b.many(t, 3)
	for _, delivery := range made {
		if delivery.State != postback.Parked || delivery.Reason != postback.ReasonCircuitOpen {
			t.Fatalf("a new delivery is %s %q", delivery.State, delivery.Reason)
		}
	}
	probed := 0
	for _, after := range []time.Duration{4999, 1, 9999, 1, 19_999, 1} { // 5 s, then 10 s, then 20 s
		b.clock.advance(after * time.Millisecond)
		b.release(t)
		got := b.swept(t)
		if after == 1 && (got != 1 || !b.queue.all()[probed].Due.Delivery.Probe || b.queue.all()[probed].Ref.DeliveryID != made[probed].ID) {
			t.Fatalf("at the time of the probe %d tasks came in", got)
		}
		if after != 1 && got != 0 {
			t.Fatalf("%d tasks came in before the time of the probe", got)
		}
		probed += got
	}
	b.Breaker.Succeeded(t.Context(), endpoint.ID, true, b.clock.now())
	b.clock.advance(100 * time.Millisecond)
	if late := b.accept(t, event(t, "tx-late")).Deliveries[0]; late.State != postback.Parked && late.State != postback.Pending {
		t.Errorf("a new delivery is %s", late.State)
	}
	b.release(t)
	b.swept(t)
	if parked := b.count(t, in(postback.Parked)); parked != 0 {
		t.Errorf("%d are still parked after the endpoint was well again", parked)
	}
}

func TestAnotherProcessLearnsOfACircuit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t)
	b.trip(t, endpoint.ID)
	_, _, err := b.Ledger.Recover(t.Context(), endpoint.ID, b.clock.now()) // as the other one did
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Breaker.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.accept(t, event(t, "tx-1")).Deliveries[0]; got.State != postback.Pending {
		t.Errorf("a delivery of a closed circuit is %s", got.State)
	}
}

func TestParkedDeliveriesAge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t, func(s *postback.EndpointSpec) {
		s.Retry = postback.RetryPolicy{
			Schedule: []postback.Duration{postback.Duration(time.Second)}, MaxAge: postback.Duration(time.Hour),
		}
	})
	old := b.hold(t, endpoint.ID, 3)
	b.clock.advance(30 * time.Minute)
	young := b.accept(t, event(t, "tx-young")).Deliveries[0]
	b.clock.advance(30 * time.Minute)
	b.release(t) // it says whose there are
	if err := b.ExpireParked(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, delivery := range old {
		if got := b.read(t, delivery.ID); got.State != postback.Dead || got.Reason != postback.ReasonMaxAge {
			t.Errorf("an old one is %s %q", got.State, got.Reason)
		}
	}
	if got := b.read(t, young.ID); got.State != postback.Parked {
		t.Errorf("a young one is %s", got.State)
	}
}

func TestWhatWaitsForADeletedEndpointIsCancelled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t)
	if _, err := b.Endpoints.Pause(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	made := b.many(t, 3)
	// Another process deleted it and died before it cancelled anything.
	stored, err := b.Ledger.Endpoint(t.Context(), endpoint.ID)
	if err != nil {
		t.Fatal(err)
	}
	stored.State = postback.EndpointDeleted
	if _, err := b.Ledger.SaveEndpoint(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	b.release(t)
	if b.count(t, in(postback.Parked)) != 3 {
		t.Error("something was done before this process knew")
	}
	if err := b.Registry.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.release(t)
	for _, delivery := range made {
		if got := b.read(t, delivery.ID); got.State != postback.Cancelled || got.Reason != postback.ReasonEndpointDeleted {
			t.Errorf("got %s %q", got.State, got.Reason)
		}
	}
}

// sick is a store that cannot release one endpoint's deliveries.
type sick struct {
	dispatcher.Parking
	endpointID string
}

func (s sick) Release(ctx context.Context, endpointID string, at time.Time, window, limit int) (int, error) {
	if endpointID == s.endpointID {
		return 0, errAway
	}
	return s.Parking.Release(ctx, endpointID, at, window, limit)
}

func TestAnEndpointWhoseReleaseFailsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, second := b.offer(t), b.offer(t) // in the order in which they are released
	b.restart(t, func(o *dispatcher.Options) { o.Release.Ledger = sick{b.Ledger, first.ID} })
	for _, endpoint := range []postback.Endpoint{first, second} {
		if _, err := b.Endpoints.Pause(t.Context(), endpoint.ID); err != nil {
			t.Fatal(err)
		}
	}
	b.many(t, 3)
	b.resume(t, first.ID)
	b.resume(t, second.ID)
	if err := b.ReleaseParked(t.Context()); !errors.Is(err, errAway) || !strings.Contains(err.Error(), first.ID) {
		t.Errorf("got %v", err)
	}
	for id, want := range map[string]int{first.ID: 3, second.ID: 0} {
		filter := in(postback.Parked)
		filter.EndpointID = id
		if parked := b.count(t, filter); parked != want {
			t.Errorf("%d deliveries are parked, want %d", parked, want)
		}
	}
}
