package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func concurrencyTests() []test {
	return []test{
		{"gives each caller its own answer", concurrentAnswers},
		{"fails nobody for another's fault", concurrentFaults},
		{"writes an id that many accept once", concurrentAccept},
		{"lets one of many record an attempt", concurrentRecord},
		{"claims each delivery once", concurrentClaim},
		{"reopens a delivery once", concurrentReopen},
		{"gives every saved endpoint its own revision", concurrentEndpoints},
		{"answers a caller that gives up", concurrentGivesUp},
	}
}

// callers is how many goroutines write at once.
const callers = 200

// together runs do in many goroutines and waits for all.
func together(n int, do func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { do(i) })
	}
	group.Wait()
}

func concurrentAnswers(k kit) {
	together(callers, func(i int) {
		event := Event(fmt.Sprintf("evt_%d", i))
		item := Acceptance(event, "ep_1")
		answers, err := k.Accept(k.ctx(), []postback.Acceptance{item})
		if err != nil || len(answers) != 1 || answers[0].Event.ID != event.ID || answers[0].Deliveries[0].ID != item.Deliveries[0].ID {
			k.Errorf("answer %d is %+v, %v", i, answers, err)
			return
		}
		ref := item.Deliveries[0].Ref()
		if _, err := k.Due(k.ctx(), ref); err != nil {
			k.Errorf("due %d: %v", i, err)
		}
		if err := k.Record(k.ctx(), Retry(ref)); err != nil {
			k.Errorf("record %d: %v", i, err)
		}
		if err := k.Record(k.ctx(), Succeed(postback.Ref{DeliveryID: ref.DeliveryID, Generation: 1, Attempt: 2})); err != nil {
			k.Errorf("record %d again: %v", i, err)
		}
		if delivery, attempts, err := k.Delivery(k.ctx(), ref.DeliveryID); err != nil || delivery.State != postback.Succeeded || len(attempts) != 2 {
			k.Errorf("delivery %d is %s after %d attempts, %v", i, delivery.State, len(attempts), err)
		}
	})
	n, err := k.CountDeliveries(k.ctx(), postback.DeliveryFilter{States: []postback.State{postback.Succeeded}})
	k.must(err)
	same(k, "succeeded", n, callers)
}

func concurrentFaults(k kit) {
	known := k.one()
	together(callers, func(i int) {
		item := Acceptance(Event(fmt.Sprintf("evt_%d", i)), "ep_1")
		bad := i%3 == 0
		if bad {
			item.Deliveries[0].ID = known.ID
		}
		_, err := k.Accept(k.ctx(), []postback.Acceptance{item})
		if bad != (err != nil) {
			k.Errorf("answer %d is %v", i, err)
		}
	})
	n, err := k.CountDeliveries(k.ctx(), postback.DeliveryFilter{})
	k.must(err)
	same(k, "deliveries", n, 1+callers-(callers+2)/3)
}

func concurrentAccept(k kit) {
	event := Event("evt_1")
	var mu sync.Mutex
	var fresh, repeats []string
	together(callers, func(int) {
		answers, err := k.Accept(k.ctx(), []postback.Acceptance{Acceptance(event, "ep_1")})
		if err != nil || answers[0].Err != nil {
			k.Errorf("answer is %+v, %v", answers, err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if answers[0].Duplicate {
			repeats = append(repeats, answers[0].Deliveries[0].ID)
		} else {
			fresh = append(fresh, answers[0].Deliveries[0].ID)
		}
	})
	same(k, "number accepted", len(fresh), 1)
	same(k, "delivery of the repeats", slices.Compact(repeats), fresh)
}

func concurrentRecord(k kit) {
	ref := k.one().Ref()
	var mu sync.Mutex
	won := 0
	together(callers, func(i int) {
		move := Succeed(ref)
		move.Attempt.StartedAt = After(time.Duration(i) * time.Second)
		err := k.Record(k.ctx(), move)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			won++
		case postback.CodeOf(err) != postback.CodeConflict:
			k.Errorf("record: %v", err)
		}
	})
	same(k, "number that won", won, 1)
	same(k, "number of attempts", len(k.attempts(ref.DeliveryID)), callers)
	same(k, "attempts counted", k.stored(ref.DeliveryID).Attempts, 1)
}

func concurrentClaim(k kit) {
	var want []string
	for i := range callers {
		want = append(want, k.due("ep_1", After(time.Duration(i)*time.Millisecond)).ID)
	}
	var mu sync.Mutex
	var got []string
	together(8, func(int) {
		for {
			claimed, err := k.Claim(k.ctx(), postback.Claim{Now: After(time.Minute), Next: After(time.Hour), Limit: 7})
			if err != nil || len(claimed) == 0 {
				if err != nil {
					k.Errorf("claim: %v", err)
				}
				return
			}
			found := dueIDs(claimed)
			if !slices.IsSortedFunc(claimed, func(a, b postback.Due) int {
				return slices.Index(want, a.Delivery.ID) - slices.Index(want, b.Delivery.ID)
			}) {
				k.Errorf("claimed out of order: %v", found)
			}
			mu.Lock()
			got = append(got, found...)
			mu.Unlock()
		}
	})
	slices.Sort(got)
	slices.Sort(want)
	same(k, "claimed", got, want)
}

func concurrentReopen(k kit) {
	dead := k.in(postback.Dead)
	var mu sync.Mutex
	won := 0
	together(20, func(int) {
		answers, err := k.Reopen(k.ctx(), []string{dead.ID}, Noon(), Noon())
		if err != nil {
			k.Errorf("reopen: %v", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if answers[0].Err == nil {
			won++
		}
	})
	same(k, "number that won", won, 1)
	same(k, "generation", k.stored(dead.ID).Generation, 2)
}

func concurrentEndpoints(k kit) {
	first := k.save(Endpoint("ep_shared"))
	var mu sync.Mutex
	won := 0
	together(40, func(i int) {
		if _, err := k.SaveEndpoint(k.ctx(), Endpoint(fmt.Sprintf("ep_%d", i))); err != nil {
			k.Errorf("save endpoint %d: %v", i, err)
		}
		_, err := k.SaveEndpoint(k.ctx(), first)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			won++
		case postback.CodeOf(err) != postback.CodeConflict:
			k.Errorf("change shared endpoint: %v", err)
		}
	})
	same(k, "number of changes that won", won, 1)
	all, err := k.EndpointsSince(k.ctx(), 0)
	k.must(err)
	same(k, "number of endpoints", len(all), 41)
	for i := 1; i < len(all); i++ {
		if all[i].Revision <= all[i-1].Revision {
			k.Fatalf("revision %d follows %d", all[i].Revision, all[i-1].Revision)
		}
	}
}

func concurrentGivesUp(k kit) {
	together(callers, func(i int) {
		ctx, cancel := context.WithCancel(k.ctx())
		if i%2 == 0 {
			cancel()
		}
		defer cancel()
		item := Acceptance(Event(fmt.Sprintf("evt_%d", i)), "ep_1")
		if _, err := k.Accept(ctx, []postback.Acceptance{item}); err != nil && i%2 == 1 {
			k.Errorf("answer %d is %v", i, err)
		}
		// Accepting again answers the same, whether or not it was written.
		answers, err := k.Accept(k.ctx(), []postback.Acceptance{item})
		if err != nil || answers[0].Deliveries[0].ID != item.Deliveries[0].ID {
			k.Errorf("answer %d again is %+v, %v", i, answers, err)
		}
	})
	n, err := k.CountDeliveries(k.ctx(), postback.DeliveryFilter{})
	k.must(err)
	same(k, "deliveries", n, callers)
}

func storeTests() []test {
	return []test{
		{"has one identity", func(k kit) {
			first, err := k.Identity(k.ctx())
			k.must(err)
			second, err := k.Identity(k.ctx())
			k.must(err)
			if first == "" || first != second {
				k.Fatalf("identity is %q, then %q", first, second)
			}
		}},
		{"tells a time that goes on", func(k kit) {
			first, err := k.Now(k.ctx())
			k.must(err)
			second, err := k.Now(k.ctx())
			k.must(err)
			if first.IsZero() || second.Before(first) {
				k.Fatalf("the time is %v, then %v", first, second)
			}
		}},
		{"answers a ping until it is closed, and can be closed twice", func(k kit) {
			k.must(k.Ping(k.ctx()))
			k.must(k.Close())
			if k.Ping(k.ctx()) == nil {
				k.Fatal("a closed ledger answers")
			}
			if _, err := k.Accept(k.ctx(), []postback.Acceptance{Acceptance(Event("evt_1"))}); err == nil {
				k.Fatal("a closed ledger accepts")
			}
			k.must(k.Close())
		}},
		{"answers every write under way when it is closed", func(k kit) {
			var group sync.WaitGroup
			for i := range callers {
				group.Go(func() {
					// It is written or it fails; it never hangs.
					_, _ = k.Accept(k.ctx(), []postback.Acceptance{Acceptance(Event(fmt.Sprintf("evt_%d", i)), "ep_1")})
				})
			}
			k.must(k.Close())
			group.Wait()
		}},
	}
}
