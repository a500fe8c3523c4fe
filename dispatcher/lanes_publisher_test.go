package dispatcher_test

import (
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/postback"
)

// offers makes so many endpoints of publisher "pub_1", and one of "pub_2".
func (b *bench) offers(t *testing.T, count int) (quiet postback.Endpoint) {
	t.Helper()
	for range count {
		b.offer(t)
	}
	return b.offer(t, func(s *postback.EndpointSpec) { s.Publisher = "pub_2" })
}

// A publisher's endpoints have a share of a lane together: many of them with
// backlogs do not fill it, neither from the ledger nor with what is new.
func TestManyEndpointsOfAPublisherLeaveRoomForAnother(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Lanes.MaxQueued, o.Lanes.Share = 1000, 100 })
	quiet := b.offers(t, 20)
	b.of(t, "pub_1", 80) // before the queue was looked at: all 1,600 are due in the ledger
	b.clock.advance(time.Second)
	b.of(t, "pub_2", 3)
	b.watch(t)
	b.swept(t)
	count := map[string]int{}
	for _, one := range b.queue.all() {
		count[one.Due.Delivery.Publisher]++
	}
	if most := 4*100 + 500; count["pub_1"] > most || count["pub_2"] != 3 {
		t.Errorf("the queue got %d of the publisher with many endpoints and %d of the other, want %d at most and 3", count["pub_1"], count["pub_2"], most)
	}
	if got := b.direct(t, b.of(t, "pub_2", 2))[quiet.ID]; got != 2 {
		t.Errorf("%d of 2 new deliveries of the other publisher go straight into the queue", got)
	}
	before := count["pub_1"]
	b.swept(t)
	if got := len(b.queue.all()) - 3 - before; got > 0 {
		t.Errorf("%d more came in, with the publisher's share used up", got)
	}
	b.queue.set(func(q *queue) { clear(q.tasks) })
	if got := b.swept(t); got < 400 {
		t.Errorf("%d came in when the queue had been worked off", got)
	}
}

// The same holds of the handoff.
func TestManyEndpointsOfAPublisherLeaveRoomInTheHandoff(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Lanes.MaxQueued, o.Lanes.Handoff = 20_000, 200 })
	quiet := b.offers(t, 20)
	b.watch(t)
	b.swept(t)
	b.of(t, "pub_1", 20)
	if got := b.direct(t, b.of(t, "pub_2", 2))[quiet.ID]; got != 2 {
		t.Errorf("%d of 2 new deliveries of the other publisher go straight into the queue", got)
	}
}
