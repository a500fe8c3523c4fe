package storetest

import (
	"fmt"
	"slices"
	"strings"
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

func parkingTests() []test {
	return []test{
		{"releases the endpoint's deliveries, oldest first", releaseOldest},
		{"releases to pending or retrying, due at the time", releaseState},
		{"releases one reason of one endpoint", releaseOnly},
		{"cancels what waits", cancelWaiting},
		{"cancels up to the limit", cancelLimit},
	}
}

// parked writes a parked delivery of an endpoint, created at a time.
func (k kit) parked(endpointID string, reason postback.Reason, created time.Time) postback.Delivery {
	k.Helper()
	event := Event(NewID("evt", Noon()))
	event.AcceptedAt = created
	move := Park(k.accept(event, endpointID)[0].Ref())
	move.Reason = reason
	return k.record(move)
}

func releaseOldest(k kit) {
	var want []string
	for _, age := range []time.Duration{2, 0, 3, 1} {
		want = append(want, fmt.Sprintf("%d %s", age, k.parked("ep_1", postback.ReasonPaused, After(age*time.Second)).ID))
	}
	slices.Sort(want)
	var got []string
	for i, step := range []int{3, 1, 0} {
		at := After(time.Duration(i+1) * time.Hour)
		n, err := k.Release(k.ctx(), "ep_1", postback.ReasonPaused, at, 3)
		k.must(err)
		same(k, "released", n, step)
		claimed, err := k.Claim(k.ctx(), at, After(24*time.Hour), 10)
		k.must(err)
		same(k, "number claimed", len(claimed), step)
		for _, due := range claimed {
			got = append(got, fmt.Sprintf("%d %s", due.Delivery.CreatedAt.Sub(Noon())/time.Second, due.Delivery.ID))
		}
	}
	slices.Sort(got[:3])
	same(k, "order", strings.Join(got, "\n"), strings.Join(want, "\n"))
}

func releaseState(k kit) {
	fresh := k.parked("ep_1", postback.ReasonPaused, Noon())
	tried := k.record(Park(k.record(Retry(k.one().Ref())).Ref()))
	n, err := k.Release(k.ctx(), "ep_1", postback.ReasonPaused, After(time.Hour), 10)
	k.must(err)
	same(k, "released", n, 2)
	fresh.State, tried.State = postback.Pending, postback.Retrying
	for _, want := range []postback.Delivery{fresh, tried} {
		want.Reason, want.NextAttemptAt, want.SweepAt = "", After(time.Hour), After(time.Hour)
		same(k, "delivery", k.stored(want.ID), want)
	}

	// A replayed delivery has no attempt in its generation yet.
	k.must(k.Record(k.ctx(), Die(fresh.Ref())))
	reopened, err := k.Reopen(k.ctx(), []string{fresh.ID}, Noon(), Noon())
	k.must(err)
	k.record(Park(reopened[0].Due.Delivery.Ref()))
	_, err = k.Release(k.ctx(), "ep_1", postback.ReasonPaused, Noon(), 10)
	k.must(err)
	same(k, "state", k.stored(fresh.ID).State, postback.Pending)
}

func releaseOnly(k kit) {
	others := []postback.Delivery{
		k.parked("ep_1", "circuit_open", Noon()), k.parked("ep_2", postback.ReasonPaused, Noon()), k.one(), k.in(postback.Dead),
	}
	n, err := k.Release(k.ctx(), "ep_1", postback.ReasonPaused, After(time.Hour), 10)
	k.must(err)
	same(k, "released", n, 0)
	for _, want := range others {
		same(k, "delivery", k.stored(want.ID), want)
	}
}

func cancelWaiting(k kit) {
	waiting := []postback.Delivery{k.in(postback.Pending), k.in(postback.Retrying), k.in(postback.Parked)}
	others := []postback.Delivery{k.in(postback.Succeeded), k.in(postback.Dead), k.accept(Event("evt_1"), "ep_2")[0]}
	n, err := k.Cancel(k.ctx(), "ep_1", postback.ReasonEndpointDeleted, After(time.Hour), 10)
	k.must(err)
	same(k, "cancelled", n, 3)
	for _, want := range waiting {
		want.State, want.Reason, want.CompletedAt = postback.Cancelled, postback.ReasonEndpointDeleted, After(time.Hour)
		want.NextAttemptAt, want.SweepAt = time.Time{}, time.Time{}
		same(k, "delivery", k.stored(want.ID), want)
	}
	for _, want := range others {
		same(k, "delivery", k.stored(want.ID), want)
	}
}

func cancelLimit(k kit) {
	for range 5 {
		k.one()
	}
	for _, want := range []int{2, 2, 1, 0} {
		n, err := k.Cancel(k.ctx(), "ep_1", postback.ReasonEndpointDeleted, Noon(), 2)
		k.must(err)
		same(k, "cancelled", n, want)
	}
}
