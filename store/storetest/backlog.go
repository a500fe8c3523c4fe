package storetest

import (
	"time"

	"github.com/waybillhq/waybill/postback"
)

func backlogTests() []test {
	return []test{
		{"is counted by state and reason", backlogCounted},
		{"is as old as its oldest", backlogOldest},
		{"is counted up to the limit", backlogLimit},
		{"is none when all has ended", backlogNone},
		{"goes with what moves on", backlogMoves},
	}
}

// waiting counts what waits for "ep_1".
func (k kit) waiting(limit int) postback.Waiting {
	k.Helper()
	found, err := k.Waiting(k.ctx(), "ep_1", limit)
	k.must(err)
	return found
}

// waitingAll counts what waits for all.
func (k kit) waitingAll() postback.Waiting {
	k.Helper()
	found, err := k.WaitingAll(k.ctx())
	k.must(err)
	return found
}

func backlogCounted(k kit) {
	want := postback.Waiting{Pending: 2, Retrying: 1, Parked: map[postback.Reason]int{}, Oldest: After(-time.Hour)}
	k.one()
	k.one()
	k.record(Retry(k.one().Ref()))
	k.record(Succeed(k.one().Ref()))
	k.record(DeadLetter(k.one().Ref()))
	for i, reason := range postback.ParkedReasons() {
		for range i + 1 {
			k.parked("ep_1", reason, After(-time.Hour))
		}
		want.Parked[reason] = i + 1
	}
	k.parked("ep_2", postback.ReasonPaused, After(-2*time.Hour))
	same(k, "what waits", k.waiting(100), want)
	want.Parked[postback.ReasonPaused]++
	want.Oldest = time.Time{}
	same(k, "all that waits", k.waitingAll(), want)
}

func backlogOldest(k kit) {
	none := map[postback.Reason]int{}
	parked := k.parked("ep_1", postback.ReasonPaused, After(time.Minute))
	same(k, "oldest", k.waiting(100).Oldest, After(time.Minute))
	k.record(Retry(k.one().Ref()))
	same(k, "older", k.waiting(100).Oldest, Noon())
	n, err := k.Release(k.ctx(), "ep_1", After(time.Hour), 10, 10)
	k.must(err)
	same(k, "released", n, 1)
	same(k, "after the release", k.waiting(100), postback.Waiting{Pending: 1, Retrying: 1, Parked: none, Oldest: Noon()})
	same(k, "parked before", parked.CreatedAt, After(time.Minute))
}

func backlogLimit(k kit) {
	for range 3 {
		k.one()
		k.record(Retry(k.one().Ref()))
		k.parked("ep_1", postback.ReasonPaused, Noon())
		k.parked("ep_1", postback.ReasonOrdered, Noon())
	}
	got := k.waiting(2)
	same(k, "pending and retrying", got.Pending+got.Retrying, 2)
	same(k, "parked", got.Parked, map[postback.Reason]int{postback.ReasonPaused: 2, postback.ReasonOrdered: 2})
	got = k.waiting(5)
	same(k, "pending and retrying", got.Pending+got.Retrying, 5)
	got = k.waiting(6)
	same(k, "pending", got.Pending, 3)
	same(k, "retrying", got.Retrying, 3)
}

func backlogNone(k kit) {
	none := postback.Waiting{Parked: map[postback.Reason]int{}}
	same(k, "before anything", k.waiting(10), none)
	k.record(Succeed(k.one().Ref()))
	same(k, "what waits", k.waiting(10), none)
	same(k, "all that waits", k.waitingAll(), none)
}

func backlogMoves(k kit) {
	parked := k.parked("ep_1", postback.ReasonCircuitOpen, Noon())
	_, err := k.Cancel(k.ctx(), "ep_1", postback.ReasonEndpointDeleted, After(time.Minute), 10)
	k.must(err)
	same(k, "after it was cancelled", k.waiting(10), postback.Waiting{Parked: map[postback.Reason]int{}})
	_, err = k.Reopen(k.ctx(), []string{parked.ID}, After(time.Hour), After(time.Hour))
	k.must(err)
	same(k, "after it was reopened", k.waiting(10), postback.Waiting{Pending: 1, Parked: map[postback.Reason]int{}, Oldest: Noon()})
}
