package storetest

import (
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func claimTests() []test {
	return []test{
		{"takes what is overdue, earliest first and then by id", claimOrder},
		{"returns the event and the new sweep time", claimReturns},
		{"gives a claimed delivery to nobody else before its time", claimOnce},
		{"leaves what is not due, parked or ended", claimLeaves},
		{"keeps to the limit", claimLimit},
	}
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
	late, early := k.at(After(time.Second)), k.at(Noon())
	same1, same2 := k.at(After(time.Millisecond)), k.at(After(time.Millisecond))
	ties := []string{same1.ID, same2.ID}
	slices.Sort(ties)
	claimed, err := k.Claim(k.ctx(), After(time.Second), After(time.Minute), 10)
	k.must(err)
	same(k, "claimed", dueIDs(claimed), []string{early.ID, ties[0], ties[1], late.ID})
}

func claimReturns(k kit) {
	event := Event("evt_1")
	want := k.accept(event, "ep_1")[0]
	claimed, err := k.Claim(k.ctx(), Noon(), After(time.Minute), 10)
	k.must(err)
	want.SweepAt = After(time.Minute)
	same(k, "claimed", claimed, []postback.Due{{Delivery: want, Event: event}})
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
		claimed, err := k.Claim(k.ctx(), step.now, step.next, 10)
		k.must(err)
		same(k, "claimed", dueIDs(claimed), step.want)
	}
}

func claimLeaves(k kit) {
	k.at(After(time.Microsecond))
	for _, state := range []postback.State{postback.Parked, postback.Succeeded, postback.Dead, postback.Cancelled} {
		k.in(state)
	}
	claimed, err := k.Claim(k.ctx(), Noon(), After(time.Hour), 10)
	k.must(err)
	same(k, "claimed", dueIDs(claimed), nil)
	retrying := k.in(postback.Retrying)
	claimed, err = k.Claim(k.ctx(), retrying.SweepAt, After(24*time.Hour), 10)
	k.must(err)
	same(k, "number claimed", len(claimed), 2)
}

func claimLimit(k kit) {
	var all []string
	for i := range 5 {
		all = append(all, k.at(After(time.Duration(i)*time.Second)).ID)
	}
	for _, want := range [][]string{all[:2], all[2:4], all[4:], nil} {
		claimed, err := k.Claim(k.ctx(), After(time.Minute), After(time.Hour), 2)
		k.must(err)
		same(k, "claimed", dueIDs(claimed), want)
	}
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
		want.SweepAt = want.NextAttemptAt
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
	same(k, "the sweep of the first", k.stored(first.ID).SweepAt, first.NextAttemptAt)
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
	claimed, err := k.Claim(k.ctx(), Noon(), After(time.Minute), 10)
	k.must(err)
	same(k, "number claimed", len(claimed), 5)
}
