package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func orderTests() []test {
	return []test{
		{"lets the first of an ordering group go and parks the others", orderParks},
		{"lets the next go when the one before has ended, however it ended", orderPasses},
		{"keeps groups of other keys and endpoints apart", orderApart},
		{"holds the group while its head is retried or parked", orderHolds},
		{"takes a replayed delivery into the group", orderReplays},
		{"goes on behind one that expired or was cancelled", orderExpires},
		{"lines up what comes in one call", orderInOneCall},
		{"is not held up by an event that was accepted before", orderRepeats},
		{"goes in the order of calls, whatever the clocks say", orderByClocks},
		{"goes in the order of a call's items, whatever ids and times say", orderByItems},
		{"takes replays in the order of acceptance", orderByReplays},
		{"is left alone by replays that are refused", orderReopensNothing},
		{"is left alone by a replay that skips", orderSkipped},
		{"ages while its head is retried", orderAges},
		{"is cancelled in steps", orderCancelled},
		{"is not mended while somebody will let it go", orderMended},
		{"gives no probe but its head", orderProbed},
		{"passes on behind a parked head that succeeds", orderSucceedsParked},
		{"waits with those of its endpoint that are parked", orderJoins},
		{"does not stall, whatever happens at once", orderRaces},
		{"lets one at a time go, however many come and end at once", orderConcurrent},
	}
}

// inGroup accepts an event whose delivery to an endpoint has an order key.
func (k kit) inGroup(endpointID, key string, after time.Duration) postback.Delivery {
	k.Helper()
	event := Event(NewID("evt", After(after)))
	event.AcceptedAt = After(after)
	item := Acceptance(event, endpointID)
	item.Deliveries[0].OrderKey = key
	answers, err := k.Accept(k.ctx(), []postback.Acceptance{item})
	k.must(err)
	k.must(answers[0].Err)
	same(k, "the answer", answers[0].Deliveries[0], k.stored(item.Deliveries[0].ID))
	same(k, "the caller's delivery", item.Deliveries[0].State, postback.Pending)
	return answers[0].Deliveries[0]
}

// states spells where deliveries stand.
func (k kit) states(deliveries ...postback.Delivery) string {
	k.Helper()
	var text strings.Builder
	for _, d := range deliveries {
		now := k.stored(d.ID)
		text.WriteString(string(now.State))
		if now.State == postback.Parked {
			text.WriteString(":" + string(now.Reason))
		}
		text.WriteString(" ")
	}
	return text.String()
}

func orderParks(k kit) {
	first, second := k.inGroup("ep_1", "tx-1", 0), k.inGroup("ep_1", "tx-1", time.Second)
	same(k, "states", k.states(first, second), "pending parked:ordered ")
	same(k, "times of the one that waits", [2]time.Time{second.NextAttemptAt, second.SweepAt}, [2]time.Time{})
	claimed, err := k.Claim(k.ctx(), postback.Claim{Now: After(time.Hour), Next: After(2 * time.Hour), Limit: 10})
	k.must(err)
	same(k, "claimed", dueIDs(claimed), []string{first.ID})
	n, err := k.Release(k.ctx(), "ep_1", After(time.Hour), 10, 10)
	k.must(err)
	same(k, "released", n, 0)
}

func orderPasses(k kit) {
	var all []postback.Delivery
	for i := range 4 {
		all = append(all, k.inGroup("ep_1", "tx-1", time.Duration(i)*time.Second))
	}
	for i, end := range []func(postback.Ref) postback.Transition{Succeed, DeadLetter, func(ref postback.Ref) postback.Transition {
		return postback.Transition{Ref: ref, To: postback.Cancelled, Reason: postback.ReasonEndpointDeleted, At: After(time.Minute)}
	}} {
		k.record(end(all[i].Ref()))
		next := k.stored(all[i+1].ID)
		same(k, "the next", fmt.Sprint(next.State, next.Reason, next.NextAttemptAt, next.SweepAt),
			fmt.Sprint(postback.Pending, "", After(time.Minute), After(time.Minute)))
		if i+2 < len(all) {
			same(k, "the one behind it", k.states(all[i+2]), "parked:ordered ")
		}
	}
	k.record(Succeed(all[3].Ref()))
	same(k, "a later one", k.states(k.inGroup("ep_1", "tx-1", time.Hour)), "pending ")
}

func orderApart(k kit) {
	same(k, "states", k.states(
		k.inGroup("ep_1", "tx-1", 0), k.inGroup("ep_1", "tx-2", 0), k.inGroup("ep_2", "tx-1", 0), k.inGroup("ep_1", "", 0), k.inGroup("ep_1", "", 0),
	), "pending pending pending pending pending ")
}

func orderHolds(k kit) {
	head, next := k.inGroup("ep_1", "tx-1", 0), k.inGroup("ep_1", "tx-1", time.Second)
	head = k.record(Retry(head.Ref()))
	same(k, "states", k.states(head, next), "retrying parked:ordered ")
	k.record(Park(head.Ref()))
	last := k.inGroup("ep_1", "tx-1", 2*time.Second)
	same(k, "states", k.states(head, next, last), "parked:paused parked:ordered parked:ordered ")
	n, err := k.Release(k.ctx(), "ep_1", After(time.Hour), 10, 10)
	k.must(err)
	same(k, "released", n, 1)
	k.record(Succeed(k.stored(head.ID).Ref()))
	same(k, "states", k.states(head, next, last), "succeeded pending parked:ordered ")
}

func orderReplays(k kit) {
	dead := k.inGroup("ep_1", "tx-1", 0)
	k.record(DeadLetter(dead.Ref()))
	head, waits := k.inGroup("ep_1", "tx-1", time.Second), k.inGroup("ep_1", "tx-1", 2*time.Second)
	answers, err := k.Reopen(k.ctx(), []string{dead.ID}, After(time.Hour), After(time.Hour))
	k.must(err)
	k.must(answers[0].Err)
	same(k, "answer", answers[0].Due.Delivery, k.stored(dead.ID))
	same(k, "states", k.states(head, waits, dead), "pending parked:ordered parked:ordered ")
	k.record(Succeed(head.Ref()))
	same(k, "states", k.states(head, waits, dead), "succeeded parked:ordered pending ") // the older one first
	k.record(DeadLetter(k.stored(dead.ID).Ref()))
	same(k, "states", k.states(waits, dead), "pending dead ")

	k.replay("rpl_1")
	k.collect("rpl_1", 10)
	_, err = k.AdvanceReplay(k.ctx(), "rpl_1", 0, 10, After(time.Hour))
	k.must(err)
	same(k, "states", k.states(waits, dead), "pending parked:ordered ")
}

func orderExpires(k kit) {
	head, next, last := k.inGroup("ep_1", "tx-1", 0), k.inGroup("ep_1", "tx-1", time.Minute), k.inGroup("ep_1", "tx-1", 2*time.Minute)
	k.record(Park(head.Ref()))
	n, err := k.Expire(k.ctx(), "ep_1", After(time.Second), After(time.Hour), 10)
	k.must(err)
	same(k, "expired", n, 1)
	same(k, "states", k.states(head, next, last), "dead pending parked:ordered ")
	n, err = k.Cancel(k.ctx(), "ep_1", postback.ReasonEndpointDeleted, After(time.Hour), 10)
	k.must(err)
	same(k, "cancelled", n, 2)
	same(k, "a later one", k.states(k.inGroup("ep_1", "tx-1", time.Hour)), "pending ")
}

func orderInOneCall(k kit) {
	var items []postback.Acceptance
	for i, key := range []string{"tx-1", "tx-2", "tx-1", "", "tx-1"} {
		event := Event(fmt.Sprintf("evt_%d", i))
		event.AcceptedAt = After(time.Duration(i) * time.Second)
		item := Acceptance(event, "ep_1")
		item.Deliveries[0].OrderKey = key
		items = append(items, item)
	}
	answers, err := k.Accept(k.ctx(), items)
	k.must(err)
	var all []postback.Delivery
	for i, answer := range answers {
		k.must(answer.Err)
		all = append(all, answer.Deliveries[0])
		same(k, "answer", answer.Deliveries[0], k.stored(items[i].Deliveries[0].ID))
		same(k, "the caller's delivery", items[i].Deliveries[0].State, postback.Pending)
	}
	same(k, "states", k.states(all...), "pending pending parked:ordered pending parked:ordered ")
	k.record(Succeed(all[0].Ref()))
	same(k, "states", k.states(all...), "succeeded pending pending pending parked:ordered ")
}

func orderRepeats(k kit) {
	first := k.inGroup("ep_1", "tx-1", 0)
	k.record(Succeed(first.Ref()))
	again, fresh := Acceptance(Event(first.EventID), "ep_1"), Acceptance(Event("evt_new"), "ep_1")
	again.Event.AcceptedAt = After(time.Hour)
	again.Deliveries[0].OrderKey, fresh.Deliveries[0].OrderKey = "tx-1", "tx-1"
	answers, err := k.Accept(k.ctx(), []postback.Acceptance{again, fresh})
	k.must(err)
	same(k, "repeat", answers[0].Duplicate && answers[0].Deliveries[0].ID == first.ID, true)
	same(k, "states", k.states(answers[1].Deliveries[0]), "pending ")
	waits := k.inGroup("ep_1", "tx-1", time.Hour)
	k.record(Succeed(answers[1].Deliveries[0].Ref()))
	same(k, "states", k.states(waits), "pending ")
}

func orderConcurrent(k kit) {
	const count = 40
	var mu sync.Mutex
	var ended []string
	under := 0
	// work ends what is due until nothing is left.
	work := func() error {
		claimed, err := k.Claim(k.ctx(), postback.Claim{Now: After(24 * time.Hour), Next: After(48 * time.Hour), Limit: 3})
		if err != nil {
			return err
		}
		for _, due := range claimed {
			mu.Lock()
			if under++; under > 1 {
				k.Errorf("%d of one group may go at once", under)
			}
			ended = append(ended, due.Delivery.ID)
			under--
			mu.Unlock()
			if err := k.Record(k.ctx(), Succeed(due.Delivery.Ref())); err != nil {
				return err
			}
		}
		return nil
	}
	together(count, func(i int) {
		event := Event(fmt.Sprintf("evt_%d", i))
		event.AcceptedAt = After(time.Duration(i) * time.Second)
		item := Acceptance(event, "ep_1")
		item.Deliveries[0].OrderKey = "tx-1"
		if _, err := k.Accept(k.ctx(), []postback.Acceptance{item}); err != nil {
			k.Errorf("accept: %v", err)
		}
		if err := work(); err != nil {
			k.Errorf("work: %v", err)
		}
	})
	for range 2 * count {
		k.must(work())
	}
	slices.Sort(ended)
	same(k, "ended", len(slices.Compact(ended)), count)
	n, err := k.CountDeliveries(k.ctx(), postback.DeliveryFilter{States: []postback.State{postback.Succeeded}})
	k.must(err)
	same(k, "succeeded", n, count)
}
