package storetest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func acceptTests() []test {
	return []test{
		{"writes each event with its deliveries", acceptWrites},
		{"keeps every field of an event and of a delivery", acceptKeepsFields},
		{"answers in the order of the call", acceptOrder},
		{"answers a repeat as a duplicate with what is stored", acceptRepeat},
		{"answers a repeat within a call as a duplicate", acceptRepeatWithin},
		{"refuses other content under a known id alone", acceptConflict},
		{"keeps an event that nobody wanted and a rejected one", acceptWithout},
		{"writes a delivery that is a dead letter from the start", acceptDead},
		{"adds what a recorded event lacks", acceptLater},
		{"adds it once for many callers", acceptLaterOnce},
		{"takes an empty call", acceptNothing},
		{"writes nothing when it fails", acceptAtomic},
	}
}

func acceptWrites(k kit) {
	event := Event("evt_1")
	deliveries := k.accept(event, "ep_1", "ep_2")
	stored, found, err := k.Event(k.ctx(), "evt_1")
	k.must(err)
	same(k, "event", stored, event)
	same(k, "deliveries", found, deliveries)
}

func acceptKeepsFields(k kit) {
	event := Event("evt ~ 1")
	event.Type, event.Publisher, event.Test = "exchange.finished", "pub é\"'%", true
	event.Data = json.RawMessage(" {\"big\": 12345678901234567890, \"spelled\": 1.50, \"text\": \"é\\u0000<&>\"} ")
	event.OccurredAt = time.Time{}
	item := Acceptance(event, "ep_1")
	d := &item.Deliveries[0]
	d.State, d.Reason = postback.Parked, postback.ReasonPaused
	d.Generation, d.Attempts, d.AttemptsBefore = 3, 7, 5
	d.LastStatusCode, d.LastError = 503, "status"
	d.OpenedAt, d.NextAttemptAt, d.SweepAt = After(time.Hour), time.Time{}, time.Time{}
	_, err := k.Accept(k.ctx(), []postback.Acceptance{item})
	k.must(err)
	stored, found, err := k.Event(k.ctx(), event.ID)
	k.must(err)
	same(k, "event", stored, event)
	same(k, "deliveries", found, item.Deliveries)
}

func acceptOrder(k kit) {
	var items []postback.Acceptance
	for i := range 50 {
		items = append(items, Acceptance(Event(fmt.Sprintf("evt_%02d", 49-i)), "ep_1"))
	}
	answers, err := k.Accept(k.ctx(), items)
	k.must(err)
	same(k, "answers", answers, items)
}

func acceptRepeat(k kit) {
	event := Event("evt_1")
	first := k.accept(event, "ep_1")
	moved := k.record(Succeed(first[0].Ref()))
	again := event
	again.AcceptedAt = After(time.Hour)
	again.Data = json.RawMessage(`{"payout": 1.50, "offer": "evt_1"}`) // which says the same, by its digest
	answers, err := k.Accept(k.ctx(), []postback.Acceptance{Acceptance(again, "ep_1", "ep_2")})
	k.must(err)
	answered := event
	answered.Data = again.Data
	same(k, "answer", answers, []postback.Acceptance{{Event: answered, Deliveries: []postback.Delivery{moved}, Duplicate: true}})
	kept, stored, err := k.Event(k.ctx(), "evt_1")
	k.must(err)
	same(k, "event", kept, event)
	same(k, "deliveries", stored, []postback.Delivery{moved})
}

func acceptRepeatWithin(k kit) {
	event := Event("evt_1")
	first := Acceptance(event, "ep_1")
	answers, err := k.Accept(k.ctx(), []postback.Acceptance{first, Acceptance(event, "ep_1")})
	k.must(err)
	same(k, "first answer", answers[0], first)
	same(k, "second answer", answers[1], postback.Acceptance{Event: event, Deliveries: first.Deliveries, Duplicate: true})
}

func acceptConflict(k kit) {
	k.accept(Event("evt_1"), "ep_1")
	changed := Event("evt_1")
	changed.Data, changed.Digest = json.RawMessage(`{"offer":"other"}`), []byte("other")
	answers, err := k.Accept(k.ctx(), []postback.Acceptance{
		Acceptance(Event("evt_0"), "ep_1"), Acceptance(changed, "ep_1"), Acceptance(Event("evt_2"), "ep_1"),
	})
	k.must(err)
	k.must(answers[0].Err)
	k.fails(answers[1].Err, postback.CodeConflict)
	k.must(answers[2].Err)
	stored, deliveries, err := k.Event(k.ctx(), "evt_1")
	k.must(err)
	same(k, "event", stored, Event("evt_1"))
	same(k, "number of deliveries", len(deliveries), 1)
	for _, id := range []string{"evt_0", "evt_2"} {
		_, _, err = k.Event(k.ctx(), id)
		k.must(err)
	}
}

func acceptWithout(k kit) {
	rejected := Event("evt_rejected")
	rejected.Rejection, rejected.Digest, rejected.Data = "data: is required", nil, json.RawMessage(`"not an object"`)
	for _, event := range []postback.Event{Event("evt_unmatched"), rejected} {
		k.accept(event)
		stored, deliveries, err := k.Event(k.ctx(), event.ID)
		k.must(err)
		same(k, "event", stored, event)
		same(k, "number of deliveries", len(deliveries), 0)
	}
}

// acceptDead: a dead letter from the start calls for an alert like any other, waits for
// nothing, and keeps none of its ordering group waiting.
func acceptDead(k kit) {
	event := Event("evt_1")
	item := Acceptance(event, "ep_1", "ep_2", "ep_2")
	for i := range item.Deliveries[1:] {
		d := &item.Deliveries[1+i]
		d.State, d.Reason, d.LastError = postback.Dead, postback.ReasonUnsendable, "value_missing: data.publicId"
		d.OrderKey, d.CompletedAt = "tx", event.AcceptedAt
		d.NextAttemptAt, d.SweepAt = time.Time{}, time.Time{}
	}
	example := Acceptance(Event("evt_2"), "ep_2")
	example.Deliveries[0] = item.Deliveries[1]
	example.Deliveries[0].ID, example.Deliveries[0].EventID, example.Deliveries[0].Test = NewID("dlv", Noon()), "evt_2", true
	answers, err := k.Accept(k.ctx(), []postback.Acceptance{item, example})
	k.must(err)
	same(k, "answers", answers, []postback.Acceptance{item, example})
	_, found, err := k.Event(k.ctx(), "evt_1")
	k.must(err)
	same(k, "deliveries", found, item.Deliveries)

	waiting, err := k.Waiting(k.ctx(), "ep_2", 10)
	k.must(err)
	same(k, "number that waits", waiting.Pending+waiting.Retrying+len(waiting.Parked), 0)
	due, err := k.Claim(k.ctx(), postback.Claim{Now: After(time.Hour), Next: After(2 * time.Hour), Limit: 10})
	k.must(err)
	same(k, "number that is due", len(due), 1)
	behind := Acceptance(Event("evt_3"), "ep_2")
	behind.Deliveries[0].OrderKey = "tx"
	answers, err = k.Accept(k.ctx(), []postback.Acceptance{behind})
	k.must(err)
	same(k, "the state of the next in the group", answers[0].Deliveries[0].State, postback.Pending)

	k.must(k.SumDeadLetters(k.ctx(), After(time.Hour)))
	same(k, "notices", k.notices(), []postback.Notice{{
		Type: postback.NoticeDead, EndpointID: "ep_2", At: Noon(), Since: Noon(), Count: 2,
		Dead: &postback.DeadSum{
			Reasons:    map[postback.Reason]int{postback.ReasonUnsendable: 2},
			Deliveries: []string{item.Deliveries[1].ID, item.Deliveries[2].ID},
		},
	}})
	_, err = k.Accept(k.ctx(), []postback.Acceptance{item}) // a repeat is counted once
	k.must(err)
	k.must(k.SumDeadLetters(k.ctx(), After(time.Hour)))
	same(k, "notices after a repeat", len(k.notices()), 1)

	reopened, err := k.Reopen(k.ctx(), []string{item.Deliveries[1].ID}, After(time.Minute), After(time.Minute))
	k.must(err)
	k.must(reopened[0].Err)
	same(k, "the generation of a replay", reopened[0].Due.Delivery.Generation, 2)
}

func acceptNothing(k kit) {
	answers, err := k.Accept(k.ctx(), nil)
	k.must(err)
	same(k, "number of answers", len(answers), 0)
}

func acceptAtomic(k kit) {
	known := k.one()
	item := Acceptance(Event("evt_2"), "ep_1", "ep_2")
	item.Deliveries[1].ID = known.ID // an id that exists makes the second row fail
	if _, err := k.Accept(k.ctx(), []postback.Acceptance{item}); err == nil {
		k.Fatal("a delivery id was written twice")
	}
	_, _, err := k.Event(k.ctx(), "evt_2")
	k.fails(err, postback.CodeNotFound)
	_, _, err = k.Delivery(k.ctx(), item.Deliveries[0].ID)
	k.fails(err, postback.CodeNotFound)
	k.accept(Event("evt_2"), "ep_1")
}
