package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func parkingTests() []test {
	return []test{
		{"releases the endpoint's deliveries, oldest first", releaseOldest},
		{"releases to pending or retrying, due at the time", releaseState},
		{"releases one endpoint's, whatever the reason but that of order", releaseOnly},
		{"releases what the window has room for", releaseWindow},
		{"releases no more when many do", releaseTogether},
		{"ends what is parked too long", expireOld},
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
		n, err := k.Release(k.ctx(), "ep_1", at, 3+i, 10)
		k.must(err)
		same(k, "released", n, step)
		claimed, err := k.Claim(k.ctx(), postback.Claim{Now: at, Next: After(24 * time.Hour), Limit: 10})
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
	n, err := k.Release(k.ctx(), "ep_1", After(time.Hour), 10, 10)
	k.must(err)
	same(k, "released", n, 2)
	fresh.State, tried.State = postback.Pending, postback.Retrying
	for _, want := range []postback.Delivery{fresh, tried} {
		want.Reason, want.NextAttemptAt, want.SweepAt = "", After(time.Hour), After(time.Hour)
		same(k, "delivery", k.stored(want.ID), want)
	}

	// A replayed delivery has no attempt in its generation yet.
	k.must(k.Record(k.ctx(), DeadLetter(fresh.Ref())))
	reopened, err := k.Reopen(k.ctx(), []string{fresh.ID}, Noon(), Noon())
	k.must(err)
	k.record(Park(reopened[0].Due.Delivery.Ref()))
	_, err = k.Release(k.ctx(), "ep_1", Noon(), 10, 10)
	k.must(err)
	same(k, "state", k.stored(fresh.ID).State, postback.Pending)
}

func releaseOnly(k kit) {
	others := []postback.Delivery{
		k.parked("ep_1", postback.ReasonOrdered, Noon()), k.parked("ep_2", postback.ReasonPaused, Noon()), k.in(postback.Dead),
	}
	n, err := k.Release(k.ctx(), "ep_1", After(time.Hour), 10, 10)
	k.must(err)
	same(k, "released", n, 0)
	for _, want := range others {
		same(k, "delivery", k.stored(want.ID), want)
	}
	for _, reason := range []postback.Reason{postback.ReasonPaused, postback.ReasonCircuitOpen, postback.ReasonOverLimit} {
		k.parked("ep_1", reason, Noon())
	}
	n, err = k.Release(k.ctx(), "ep_1", After(time.Hour), 10, 10)
	k.must(err)
	same(k, "released of other reasons", n, 3)
}

func releaseWindow(k kit) {
	k.record(Retry(k.one().Ref())) // due after an hour
	k.one()                        // due
	for range 5 {
		k.parked("ep_1", postback.ReasonOverLimit, Noon())
	}
	for i, want := range []int{2, 0, 0} {
		n, err := k.Release(k.ctx(), "ep_1", After(time.Minute), 3, 10)
		k.must(err)
		same(k, fmt.Sprintf("released in call %d", i), n, want)
	}
	n, err := k.Release(k.ctx(), "ep_1", After(2*time.Hour), 5, 10)
	k.must(err)
	same(k, "released when the retry is due", n, 1)
	n, err = k.Release(k.ctx(), "ep_1", After(2*time.Hour), 0, 10)
	k.must(err)
	same(k, "released without a window", n, 0)
	for limit, want := range []int{0, 1} {
		n, err = k.Release(k.ctx(), "ep_1", After(2*time.Hour), 10, limit)
		k.must(err)
		same(k, fmt.Sprintf("released up to %d", limit), n, want)
	}
}

func releaseTogether(k kit) {
	for range 40 {
		k.parked("ep_1", postback.ReasonOverLimit, Noon())
	}
	var mu sync.Mutex
	total := 0
	together(8, func(int) {
		n, err := k.Release(k.ctx(), "ep_1", After(time.Minute), 10, 10)
		if err != nil {
			k.Errorf("release: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		total += n
	})
	same(k, "released", total, 10)
}

func expireOld(k kit) {
	old, young := k.parked("ep_1", postback.ReasonPaused, Noon()), k.parked("ep_1", postback.ReasonCircuitOpen, After(time.Minute))
	others := []postback.Delivery{young, k.parked("ep_2", postback.ReasonPaused, Noon()), k.one(), k.in(postback.Dead)}
	for _, want := range []int{1, 0} {
		n, err := k.Expire(k.ctx(), "ep_1", After(time.Second), After(time.Hour), 10)
		k.must(err)
		same(k, "expired", n, want)
	}
	old.State, old.Reason, old.CompletedAt = postback.Dead, postback.ReasonMaxAge, After(time.Hour)
	same(k, "delivery", k.stored(old.ID), old)
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
