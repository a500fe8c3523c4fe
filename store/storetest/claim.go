package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func claimTests() []test {
	return []test{
		{"takes what is overdue, earliest first and then by id", claimOrder},
		{"returns the event and the new sweep time", claimReturns},
		{"gives a claimed delivery to nobody else before its time", claimOnce},
		{"says which deliveries were never queued", claimUnqueued},
		{"leaves what is not due, parked or ended", claimLeaves},
		{"keeps to the limit", claimLimit},
		{"gives each endpoint its turn", claimTurns},
		{"gives each endpoint its turn behind many of one", claimBehindMany},
		{"lets more endpoints than the limit take turns", claimMoreEndpoints},
		{"takes none of endpoints that are excepted, and no more of one than asked for", claimExcept},
	}
}

// due writes a delivery to an endpoint that is due at a time.
func (k kit) due(endpointID string, at time.Time) postback.Delivery {
	k.Helper()
	item := Acceptance(Event(NewID("evt", Noon())), endpointID)
	item.Deliveries[0].NextAttemptAt, item.Deliveries[0].SweepAt = at, at
	_, err := k.Accept(k.ctx(), []postback.Acceptance{item})
	k.must(err)
	return item.Deliveries[0]
}

// at writes a delivery that is swept at a time.
func (k kit) at(sweep time.Time) postback.Delivery {
	k.Helper()
	item := Acceptance(Event(NewID("evt", Noon())), "ep_1")
	item.Deliveries[0].SweepAt = sweep
	_, err := k.Accept(k.ctx(), []postback.Acceptance{item})
	k.must(err)
	return item.Deliveries[0]
}

func claimOrder(k kit) {
	late, early := k.due("ep_1", After(time.Second)), k.due("ep_1", Noon())
	same1, same2 := k.due("ep_1", After(time.Millisecond)), k.due("ep_1", After(time.Millisecond))
	ties := []string{same1.ID, same2.ID}
	slices.Sort(ties)
	claimed, err := k.Claim(k.ctx(), postback.Claim{Now: After(time.Second), Next: After(time.Minute), Limit: 10})
	k.must(err)
	same(k, "claimed", dueIDs(claimed), []string{early.ID, ties[0], ties[1], late.ID})
}

func claimReturns(k kit) {
	event := Event("evt_1")
	want := k.accept(event, "ep_1")[0]
	claimed, err := k.Claim(k.ctx(), postback.Claim{Now: Noon(), Next: After(time.Minute), Limit: 10})
	k.must(err)
	want.SweepAt = After(time.Minute)
	same(k, "claimed", claimed, []postback.Due{{Delivery: want, Event: event, Unqueued: true}})
	same(k, "stored", k.stored(want.ID), want)
}

func claimOnce(k kit) {
	d := k.one()
	for _, step := range []struct {
		now, next time.Time
		want      []string
	}{
		{Noon(), After(time.Minute), []string{d.ID}},
		{Noon(), After(time.Minute), nil},
		{After(time.Minute - time.Microsecond), After(time.Minute), nil},
		{After(time.Minute), After(time.Hour), []string{d.ID}},
	} {
		claimed, err := k.Claim(k.ctx(), postback.Claim{Now: step.now, Next: step.next, Limit: 10})
		k.must(err)
		same(k, "claimed", dueIDs(claimed), step.want)
	}
}

func claimUnqueued(k kit) {
	due, handed := k.one(), k.at(Noon().Add(-time.Second))
	handed.SweepAt = After(time.Minute)
	expect := func(step string, next time.Time, want map[string]bool) {
		k.Helper()
		claimed, err := k.Claim(k.ctx(), postback.Claim{Now: next.Add(-time.Minute), Next: next, Limit: 10})
		k.must(err)
		got := map[string]bool{}
		for _, one := range claimed {
			got[one.Delivery.ID] = one.Unqueued
		}
		same(k, step, got, want)
	}
	expect("the first time", After(time.Minute), map[string]bool{due.ID: true, handed.ID: false})
	expect("the second time", After(2*time.Minute), map[string]bool{due.ID: false, handed.ID: false})
	_, err := k.Requeue(k.ctx(), After(time.Hour), 10)
	k.must(err)
	expect("requeued", After(time.Minute), map[string]bool{due.ID: false, handed.ID: false})
}

func claimLeaves(k kit) {
	k.at(After(time.Microsecond))
	for _, state := range []postback.State{postback.Parked, postback.Succeeded, postback.Dead, postback.Cancelled} {
		k.in(state)
	}
	claimed, err := k.Claim(k.ctx(), postback.Claim{Now: Noon(), Next: After(time.Hour), Limit: 10})
	k.must(err)
	same(k, "claimed", dueIDs(claimed), nil)
	retrying := k.in(postback.Retrying)
	claimed, err = k.Claim(k.ctx(), postback.Claim{Now: retrying.SweepAt, Next: After(24 * time.Hour), Limit: 10})
	k.must(err)
	same(k, "number claimed", len(claimed), 2)
}

func claimLimit(k kit) {
	var all []string
	for i := range 5 {
		all = append(all, k.due("ep_1", After(time.Duration(i)*time.Second)).ID)
	}
	for _, want := range [][]string{all[:2], all[2:4], all[4:], nil} {
		claimed, err := k.Claim(k.ctx(), postback.Claim{Now: After(time.Minute), Next: After(time.Hour), Limit: 2})
		k.must(err)
		same(k, "claimed", dueIDs(claimed), want)
	}
}

// claims is what a claim takes, by endpoint.
func (k kit) claims(claim postback.Claim) map[string]int {
	k.Helper()
	claim.Now, claim.Next = After(time.Minute), After(time.Hour)
	claimed, err := k.Claim(k.ctx(), claim)
	k.must(err)
	count := map[string]int{}
	for _, due := range claimed {
		count[due.Delivery.EndpointID]++
	}
	return count
}

func claimTurns(k kit) {
	for i := range 5 {
		k.due("ep_1", After(time.Duration(i)*time.Second))
	}
	k.due("ep_2", After(10*time.Second))
	same(k, "first claim", k.claims(postback.Claim{Limit: 4}), map[string]int{"ep_1": 2, "ep_2": 1})
	same(k, "second claim", k.claims(postback.Claim{Limit: 4}), map[string]int{"ep_1": 3})
	same(k, "third claim", len(k.claims(postback.Claim{Limit: 4})), 0)
}

func claimBehindMany(k kit) {
	const many = 600
	items := make([]postback.Acceptance, many)
	for i := range items {
		items[i] = Acceptance(Event(NewID("evt", Noon())), "ep_1")
	}
	_, err := k.Accept(k.ctx(), items)
	k.must(err)
	k.due("ep_2", After(10*time.Second))
	k.due("ep_3", After(11*time.Second))
	same(k, "first claim", k.claims(postback.Claim{Limit: 30}), map[string]int{"ep_1": 10, "ep_2": 1, "ep_3": 1})
	same(k, "second claim", k.claims(postback.Claim{Limit: 30}), map[string]int{"ep_1": 30})
}

func claimMoreEndpoints(k kit) {
	want := map[string]int{}
	for i := range 5 {
		id := fmt.Sprintf("ep_%d", i)
		k.due(id, After(time.Second))
		k.due(id, After(2*time.Second))
		want[id] = 2
	}
	got := map[string]int{}
	for range 5 {
		for id, count := range k.claims(postback.Claim{Limit: 2, Except: map[string]bool{"ep_9": true}}) {
			got[id] += count
		}
	}
	same(k, "claimed in five turns of two", got, want)
}

func claimExcept(k kit) {
	for i := range 4 {
		k.due("ep_1", After(time.Duration(i)*time.Second))
		k.due("ep_2", After(time.Duration(i)*time.Second))
	}
	same(k, "claimed", k.claims(postback.Claim{Limit: 10, Each: 3, Except: map[string]bool{"ep_1": true}}), map[string]int{"ep_2": 3})
	same(k, "claimed", k.claims(postback.Claim{Limit: 10, Except: map[string]bool{"ep_2": true}}), map[string]int{"ep_1": 4})
	same(k, "number claimed", len(k.claims(postback.Claim{Limit: 10, Except: map[string]bool{"ep_2": true}})), 0)
}

func requeueTests() []test {
	return []test{
		{"brings the sweep back to the next attempt", requeueBrings},
		{"leaves what was not in a queue", requeueLeaves},
		{"leaves what was claimed later", requeueLater},
		{"keeps to the limit until it answers 0", requeueLimit},
	}
}

func requeueBrings(k kit) {
	pending, retrying := k.at(After(time.Minute)), k.in(postback.Retrying)
	n, err := k.Requeue(k.ctx(), After(24*time.Hour), 10)
	k.must(err)
	same(k, "requeued", n, 2)
	for _, want := range []postback.Delivery{pending, retrying} {
		want.SweepAt = want.NextAttemptAt.Add(-time.Microsecond)
		same(k, "delivery", k.stored(want.ID), want)
	}
}

func requeueLeaves(k kit) {
	before := []postback.Delivery{
		k.one(), k.in(postback.Parked), k.in(postback.Succeeded), k.in(postback.Dead), k.in(postback.Cancelled),
	}
	n, err := k.Requeue(k.ctx(), After(24*time.Hour), 10)
	k.must(err)
	same(k, "requeued", n, 0)
	for _, want := range before {
		same(k, "delivery", k.stored(want.ID), want)
	}
}

func requeueLater(k kit) {
	first, second := k.at(After(time.Minute)), k.at(After(time.Minute+time.Microsecond))
	n, err := k.Requeue(k.ctx(), After(time.Minute), 10)
	k.must(err)
	same(k, "requeued", n, 1)
	same(k, "the sweep of the first", k.stored(first.ID).SweepAt, first.NextAttemptAt.Add(-time.Microsecond))
	same(k, "the sweep of the second", k.stored(second.ID).SweepAt, second.SweepAt)
}

func requeueLimit(k kit) {
	for range 5 {
		k.at(After(time.Minute))
	}
	for _, want := range []int{2, 2, 1, 0} {
		n, err := k.Requeue(k.ctx(), After(24*time.Hour), 2)
		k.must(err)
		same(k, "requeued", n, want)
	}
	claimed, err := k.Claim(k.ctx(), postback.Claim{Now: Noon(), Next: After(time.Minute), Limit: 10})
	k.must(err)
	same(k, "number claimed", len(claimed), 5)
}
