package dispatcher_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/postback"
)

// direct are the deliveries that went, or are to go, straight into the queue.
func (b *bench) direct(t *testing.T, made []postback.Delivery) map[string]int {
	t.Helper()
	count := map[string]int{}
	for _, delivery := range made {
		if b.read(t, delivery.ID).SweepAt.After(b.clock.now()) {
			count[delivery.EndpointID]++
		}
	}
	return count
}

// of accepts so many events of a publisher, one after another: none stands aside.
func (b *bench) of(t *testing.T, publisher string, count int) []postback.Delivery {
	t.Helper()
	var made []postback.Delivery
	for i := range count {
		one := parse(t, fmt.Sprintf(`{"type":"conversion.completed","publisher":%q,"data":{"n":%d}}`, publisher, i))
		made = append(made, b.made(t, []postback.Event{one})...)
	}
	return made
}

// One endpoint's burst takes no more of the queue than its share: the other's
// new delivery still goes straight into it, behind no more than that.
func TestABurstOfOneEndpointLeavesRoomForAnother(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Lanes.MaxQueued, o.Lanes.Share = 20_000, dispatcher.MaxShare })
	busy := b.offer(t)
	quiet := b.offer(t, func(s *postback.EndpointSpec) { s.Publisher = "pub_2" })
	b.watch(t)
	b.swept(t)
	if got := b.direct(t, b.of(t, "pub_1", 3000))[busy.ID]; got != dispatcher.MaxShare {
		t.Errorf("%d of the burst go straight into the queue, want the endpoint's share of %d", got, dispatcher.MaxShare)
	}
	if got := b.direct(t, b.of(t, "pub_2", 1))[quiet.ID]; got != 1 {
		t.Error("the other endpoint's new delivery waits behind the burst")
	}
}

// The queue is worked off in the order in which it was filled: as much of an
// endpoint's share as is gone from it is free again.
func TestAShareIsFreeAgainAsTheQueueIsWorkedOff(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Lanes.MaxQueued, o.Lanes.Share = 20_000, dispatcher.MaxShare })
	busy := b.offer(t)
	b.watch(t)
	b.swept(t)
	b.of(t, "pub_1", dispatcher.MaxShare)
	run(t, b.Dispatcher)()
	if got := len(b.queue.all()); got != dispatcher.MaxShare {
		t.Fatalf("%d tasks came in, want %d", got, dispatcher.MaxShare)
	}
	b.queue.work(100)
	b.swept(t)
	if got := b.direct(t, b.of(t, "pub_1", 150))[busy.ID]; got != 100 {
		t.Errorf("%d go straight into the queue, want as many as left it", got)
	}
}

// The lane of new deliveries is not filled by what is on the other one.
func TestAFullLaneStopsNoOther(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Lanes.MaxQueued = 10 })
	endpoint := b.offer(t)
	b.watch(t)
	for i := range 50 {
		retry := postback.Delivery{ID: fmt.Sprintf("dlv_%d", i), EndpointID: "ep_other", Generation: 1, Attempts: 1}
		b.queue.put(t, retry)
	}
	b.swept(t)
	if got := b.direct(t, b.of(t, "pub_1", 4))[endpoint.ID]; got != 4 {
		t.Errorf("%d of 4 new deliveries go straight into the queue, with its other lane full", got)
	}
}

// What is due of one endpoint, however much, and stands before another's, does
// not keep the other's from the queue; and of each no more than its share is in it.
func TestTheRefillGoesRoundTheEndpoints(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Lanes.MaxQueued, o.Lanes.Share = 20_000, 100 })
	busy := b.offer(t)
	quiet := b.offer(t, func(s *postback.EndpointSpec) { s.Publisher = "pub_2" })
	b.of(t, "pub_1", 1500) // before the queue was looked at: all are due in the ledger
	b.clock.advance(time.Second)
	b.of(t, "pub_2", 3)
	b.swept(t)
	place, count := 0, map[string]int{}
	for i, one := range b.queue.all() {
		count[one.EndpointID]++
		if one.EndpointID == quiet.ID {
			place = i
		}
	}
	if count[busy.ID] != 100 || count[quiet.ID] != 3 || place > 100 {
		t.Errorf("the queue got %d of the busy endpoint and %d of the quiet one, the last of them at %d", count[busy.ID], count[quiet.ID], place)
	}
	if got := b.direct(t, b.of(t, "pub_2", 2))[quiet.ID]; got != 2 {
		t.Error("new deliveries of the quiet endpoint wait behind the busy one's")
	}
	if got := b.direct(t, b.of(t, "pub_1", 2))[busy.ID]; got != 0 {
		t.Error("new deliveries of the busy endpoint overtake its own")
	}
}
