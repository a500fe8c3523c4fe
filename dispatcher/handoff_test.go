package dispatcher_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// A batch with more deliveries than the handoff takes: those that do not fit are
// due at once, and nothing that is queued is touched.
func TestAFullHandoffCostsItsDeliveriesAShortDelayAlone(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Lanes.MaxQueued = 10_000 })
	const endpoints, events = 3, 900
	for range endpoints {
		b.offer(t)
	}
	b.watch(t)
	b.swept(t)
	b.queue.set(func(q *queue) {
		q.rebuild = func() (bool, time.Duration) {
			t.Error("the queue was filled again, though it lost nothing")
			return true, 0
		}
	})
	made := b.many(t, events) // nobody empties the handoff yet
	if len(made) != events*endpoints {
		t.Fatalf("%d deliveries were made, want %d", len(made), events*endpoints)
	}
	b.watch(t)
	later := 0
	for _, delivery := range made {
		if stored := b.read(t, delivery.ID); stored.SweepAt.After(b.clock.now()) {
			later++
		}
	}
	stop := run(t, b.Dispatcher)
	b.swept(t)
	stop()
	queued := map[postback.Ref]int{}
	for _, one := range b.queue.all() {
		queued[one.Ref]++
	}
	if len(queued) != len(made) || len(b.queue.all()) != len(made) {
		t.Errorf("%d of %d deliveries are queued, by %d tasks", len(queued), len(made), len(b.queue.all()))
	}
	if later == 0 || later > dispatcher.HandoffSize {
		t.Errorf("%d deliveries were handed over, want as many as there was room for", later)
	}
}

// The lane of new deliveries is worked off in order: what a publisher gets at once
// beyond a few goes on the other one, wherever it is queued from.
func TestWhatAPublisherGetsAtOnceFillsNoLane(t *testing.T) {
	t.Parallel()
	const most = dispatcher.Abreast
	for name, test := range map[string]struct{ endpoints, events, fresh int }{
		"an event for many endpoints": {2 * most, 1, most},
		"a batch for one endpoint":    {1, 2 * most, most},
		"a batch for a few":           {3, most, most},
		"a few":                       {2, most / 2, most},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			for range test.endpoints {
				b.offer(t)
			}
			b.watch(t)
			b.swept(t)
			all := len(b.many(t, test.events))
			stop := run(t, b.Dispatcher)
			testkit.Eventually(t, "all to be queued", func() bool { return len(b.queue.all()) >= all })
			b.clock.advance(2 * b.options().Requeue.Grace)
			b.swept(t) // It finds every one in the lane that it was put on.
			stop()
			fresh := 0
			for _, one := range b.queue.all() {
				if one.Fresh() {
					fresh++
				}
			}
			if queued := len(b.queue.all()); queued != all || fresh != test.fresh {
				t.Errorf("%d tasks are queued, %d of them as new ones", queued, fresh)
			}
		})
	}
}

// The same of an event whose endpoints came later.
func TestAnEventThatIsDeliveredLaterFillsNoLane(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.watch(t)
	b.swept(t)
	b.accept(t, event(t, "early"))
	const endpoints = 2 * dispatcher.Abreast
	for range endpoints {
		b.offer(t)
	}
	if done, err := b.DeliverEvents(t.Context(), postback.EventFilter{}, "", false); err != nil || done.Deliveries != endpoints {
		t.Fatalf("got %+v, %v", done, err)
	}
	stop := run(t, b.Dispatcher)
	testkit.Eventually(t, "all to be queued", func() bool { return len(b.queue.all()) == endpoints })
	stop()
	fresh := 0
	for _, one := range b.queue.all() {
		if one.Fresh() {
			fresh++
		}
	}
	if fresh != dispatcher.Abreast {
		t.Errorf("%d tasks are queued as new ones", fresh)
	}
}

// Another publisher's are counted apart.
func TestPublishersStandAsideForEachOtherAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.offer(t, func(spec *postback.EndpointSpec) { spec.Publisher = "other" })
	b.watch(t)
	b.swept(t)
	var events []postback.Event
	for number := range 2 * dispatcher.Abreast {
		one := event(t, fmt.Sprintf("both%d", number))
		if number%2 > 0 {
			one.Publisher = "other"
		}
		events = append(events, one)
	}
	for _, delivery := range b.made(t, events) {
		if !task.Fresh(delivery) {
			t.Errorf("a delivery of %s stands aside", delivery.Publisher)
		}
	}
}

// What waited for long in the handoff may have been taken for lost, queued by
// another process and made: its worker asks the ledger first.
func TestWhatWaitedInTheHandoffIsRechecked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.watch(t)
	b.swept(t)
	waited := b.accept(t, event(t, "waited")).Deliveries[0]
	b.clock.advance(time.Second)
	fresh := b.accept(t, event(t, "fresh")).Deliveries[0]
	stop := run(t, b.Dispatcher)
	testkit.Eventually(t, "both to be queued", func() bool { return len(b.queue.all()) >= 2 })
	stop()
	for _, one := range b.queue.all() {
		if want := one.Ref.DeliveryID == waited.ID; one.Recheck != want {
			t.Errorf("of %s, fresh is %s: recheck is %t", one.Ref.DeliveryID, fresh.ID, one.Recheck)
		}
	}
}
