package dispatcher_test

import (
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/postback"
)

// holds holds one endpoint until a time.
type holds struct {
	endpointID string
	until      time.Time
}

func (h *holds) Held(endpoint postback.Endpoint, now time.Time) bool {
	return endpoint.ID == h.endpointID && now.Before(h.until)
}

// endDue ends all that is due for an endpoint.
func (b *bench) endDue(t *testing.T, endpointID string) {
	t.Helper()
	due := in(postback.Pending)
	due.EndpointID = endpointID
	found, _, err := b.Ledger.Deliveries(t.Context(), due, postback.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, delivery := range found {
		b.end(t, delivery.ID, postback.Succeeded)
	}
}

// What comes for an endpoint that asked to be left alone waits until then, and
// is released one at a time at first; others do not wait for it.
func TestAHeldEndpointIsReleasedSlowlyAfterwards(t *testing.T) {
	t.Parallel()
	held := &holds{}
	b := setup(t, func(o *dispatcher.Options) { o.Release.Holds = held })
	endpoint, other := b.offer(t), b.offer(t)
	of := func(id string, state postback.State) int {
		filter := in(state)
		filter.EndpointID = id
		return b.count(t, filter)
	}
	held.endpointID, held.until = endpoint.ID, b.clock.now().Add(20*time.Second)
	for _, delivery := range b.many(t, 40) {
		if delivery.EndpointID == endpoint.ID && delivery.Reason != postback.ReasonOverLimit {
			t.Fatalf("%s is %s %q", delivery.ID, delivery.State, delivery.Reason)
		}
	}
	b.clock.advance(19 * time.Second)
	b.release(t)
	if got := of(endpoint.ID, postback.Parked); got != 40 || of(other.ID, postback.Parked) != 0 {
		t.Fatalf("%d deliveries are parked, want all 40 of the one endpoint", got)
	}
	b.clock.advance(time.Second)
	for look, want := range []int{1, 1, 2, 4, 8} {
		b.release(t)
		if look == 0 {
			b.release(t) // while nothing gets through, no more follow
		}
		if got := of(endpoint.ID, postback.Pending); got != want {
			t.Fatalf("look %d: %d deliveries are due, want %d", look, got, want)
		}
		b.endDue(t, endpoint.ID)
	}
}
