package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// retentionReopened lets the pruning and the reopening of the same deliveries
// race: each is either gone or reopened, whole.
func retentionReopened(k kit) {
	old := k.deads(60)
	var mu sync.Mutex
	reopened := map[string]bool{}
	together(5, func(i int) {
		if i == 0 {
			k.prune(cutoff())
			return
		}
		for at := i - 1; at < len(old); at += 4 {
			id := old[len(old)-1-at] // from the other end
			answers, err := k.Reopen(k.ctx(), []string{id}, cutoff(), cutoff())
			if err != nil || answers[0].Err != nil && postback.CodeOf(answers[0].Err) != postback.CodeNotFound {
				k.Errorf("reopen: %v, %+v", err, answers)
				return
			}
			mu.Lock()
			reopened[id] = answers[0].Err == nil
			mu.Unlock()
		}
	})
	k.prune(cutoff())
	left := 0
	for id, back := range reopened {
		if !back {
			_, _, err := k.Delivery(k.ctx(), id)
			k.fails(err, postback.CodeNotFound)
			continue
		}
		left++
		stored := k.stored(id)
		same(k, "delivery", fmt.Sprintln(stored.State, stored.Generation), "pending 2\n")
		_, deliveries, err := k.Event(k.ctx(), stored.EventID)
		k.must(err)
		same(k, "deliveries of its event", ids(deliveries), []string{id})
	}
	same(k, "deliveries left", k.count(postback.DeliveryFilter{}), left)
}

// retentionEnds puts what may not go in front of what may.
func retentionEnds(k kit) {
	var items []postback.Acceptance
	for i := range 600 {
		event := Event(fmt.Sprintf("evt_parked_%d", i))
		item := Acceptance(event, "ep_parked")
		item.Deliveries[0].State, item.Deliveries[0].Reason = postback.Parked, postback.ReasonPaused
		item.Deliveries[0].NextAttemptAt, item.Deliveries[0].SweepAt = time.Time{}, time.Time{}
		items = append(items, item)
	}
	_, err := k.Accept(k.ctx(), items)
	k.must(err)
	for range 30 {
		k.ended(After(day))
	}
	k.prune(cutoff())
	same(k, "deliveries left", k.count(postback.DeliveryFilter{}), 600)
	same(k, "parked", k.count(postback.DeliveryFilter{States: []postback.State{postback.Parked}}), 600)
}

func retentionTogether(k kit) {
	k.deads(100)
	var mu sync.Mutex
	var made []postback.Delivery
	together(6, func(i int) {
		if i < 3 {
			k.prune(cutoff())
			return
		}
		for range 20 {
			event := Event(NewID("evt", cutoff()))
			event.AcceptedAt = cutoff()
			answers, err := k.Accept(k.ctx(), []postback.Acceptance{Acceptance(event, "ep_1")})
			if err != nil {
				k.Errorf("accept: %v", err)
				return
			}
			move := Succeed(answers[0].Deliveries[0].Ref())
			move.At = cutoff().Add(time.Second)
			if err := k.Record(k.ctx(), move); err != nil {
				k.Errorf("record: %v", err)
				return
			}
			mu.Lock()
			made = append(made, answers[0].Deliveries...)
			mu.Unlock()
		}
	})
	same(k, "deliveries left", k.count(postback.DeliveryFilter{}), len(made))
	for _, d := range made {
		same(k, "attempts", len(k.attempts(d.ID)), 1)
	}
}

func retentionPrepares(k kit) {
	for _, until := range []time.Time{After(-day), time.Now(), time.Now().Add(7 * day), time.Now().Add(7 * day)} {
		k.must(k.Prepare(k.ctx(), until))
	}
	k.one()
	k.prune(time.Now())
	same(k, "deliveries left", k.count(postback.DeliveryFilter{}), 1)
}
