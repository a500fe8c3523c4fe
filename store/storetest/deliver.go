package storetest

import (
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// late builds a delivery that is added to an event a day after it was accepted.
func late(event postback.Event, endpointID string) postback.Delivery {
	delivery := Delivery(event, endpointID)
	at := event.AcceptedAt.Add(24 * time.Hour)
	delivery.OpenedAt, delivery.NextAttemptAt, delivery.SweepAt = at, at, at
	return delivery
}

func acceptLater(k kit) {
	event := Event("evt_1")
	k.accept(event)
	k.accept(Event("evt_2"))
	unmatched := func(want ...string) {
		k.Helper()
		found, _, err := k.Events(k.ctx(), postback.EventFilter{Unmatched: true}, postback.Page{})
		k.must(err)
		ids := []string{}
		for _, one := range found {
			ids = append(ids, one.ID)
		}
		same(k, "unmatched events", ids, want)
	}
	unmatched("evt_2", "evt_1")
	nothing, err := k.Deliver(k.ctx(), "evt_1", nil)
	k.must(err)
	same(k, "number of no deliveries", len(nothing), 0)
	unmatched("evt_2", "evt_1")

	first, ordered, dead := late(event, "ep_1"), late(event, "ep_2"), late(event, "ep_3")
	ordered.OrderKey = "tx"
	dead.State, dead.Reason, dead.LastError, dead.CompletedAt = postback.Dead, postback.ReasonUnsendable, "value_missing: data.a", dead.OpenedAt
	dead.NextAttemptAt, dead.SweepAt = time.Time{}, time.Time{}
	written, err := k.Deliver(k.ctx(), "evt_1", []postback.Delivery{first, ordered, dead})
	k.must(err)
	same(k, "written", written, []postback.Delivery{first, ordered, dead})
	_, found, err := k.Event(k.ctx(), "evt_1")
	k.must(err)
	same(k, "deliveries", found, written)
	unmatched("evt_2")

	again, err := k.Deliver(k.ctx(), "evt_1", []postback.Delivery{late(event, "ep_1"), late(event, "ep_4")})
	k.must(err)
	same(k, "number written when one is there", len(again), 1)
	same(k, "the endpoint of that", again[0].EndpointID, "ep_4")

	behind := Acceptance(Event("evt_3"), "ep_2")
	behind.Deliveries[0].OrderKey = "tx"
	answers, err := k.Accept(k.ctx(), []postback.Acceptance{behind})
	k.must(err)
	same(k, "the reason of the next in the group", answers[0].Deliveries[0].Reason, postback.ReasonOrdered)

	due, err := k.Claim(k.ctx(), postback.Claim{Now: After(48 * time.Hour), Next: After(49 * time.Hour), Limit: 10})
	k.must(err)
	same(k, "number that is due", len(due), 3)
	for _, one := range due {
		same(k, "the event that is due", one.Event.ID, "evt_1")
	}
	_, err = k.Deliver(k.ctx(), "evt_unknown", []postback.Delivery{first})
	k.fails(err, postback.CodeNotFound)
}

func acceptLaterOnce(k kit) {
	event := Event("evt_1")
	k.accept(event)
	var callers sync.WaitGroup
	counts := make([]int, 8)
	for i := range counts {
		callers.Go(func() {
			written, err := k.Deliver(k.ctx(), "evt_1", []postback.Delivery{late(event, "ep_1"), late(event, "ep_2")})
			if err != nil {
				k.Errorf("deliver: %v", err)
			}
			counts[i] = len(written)
		})
	}
	callers.Wait()
	total := 0
	for _, count := range counts {
		total += count
	}
	same(k, "number written by all", total, 2)
	_, found, err := k.Event(k.ctx(), "evt_1")
	k.must(err)
	same(k, "number of deliveries", len(found), 2)
}
