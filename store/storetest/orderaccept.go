package storetest

import (
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// acceptGroup accepts events, made at the given times, in one call, each with a
// delivery of the group "tx-1" of endpoint "ep_1", and returns the deliveries.
func (k kit) acceptGroup(ids []string, made ...time.Duration) []postback.Delivery {
	k.Helper()
	var items []postback.Acceptance
	for i, id := range ids {
		event := Event(id)
		event.AcceptedAt = After(made[i%len(made)])
		item := Acceptance(event, "ep_1")
		item.Deliveries[0].OrderKey = "tx-1"
		items = append(items, item)
	}
	answers, err := k.Accept(k.ctx(), items)
	k.must(err)
	var all []postback.Delivery
	for _, answer := range answers {
		k.must(answer.Err)
		all = append(all, answer.Deliveries...)
	}
	return all
}

// goes ends what is due, one after another, until nothing is, and returns the
// ids in the order in which they went.
func (k kit) goes() []string {
	k.Helper()
	var gone []string
	for {
		claimed, err := k.Claim(k.ctx(), postback.Claim{Now: After(24 * time.Hour), Next: After(24 * time.Hour), Limit: 10})
		k.must(err)
		if len(claimed) == 0 {
			return gone
		}
		same(k, "number due at once", len(claimed), 1)
		k.record(Succeed(claimed[0].Delivery.Ref()))
		gone = append(gone, claimed[0].Delivery.ID)
	}
}

// orderByClocks has calls one after another whose clocks disagree.
func orderByClocks(k kit) {
	var want []string
	for i, clock := range []time.Duration{0, time.Hour, -time.Hour, time.Minute, -2 * time.Hour, 0} {
		want = append(want, ids(k.acceptGroup([]string{fmt.Sprintf("evt_%d", i)}, clock))...)
	}
	same(k, "order", k.goes(), want)
}

// orderByItems has calls of many events whose ids and times say the contrary.
func orderByItems(k kit) {
	const calls, count = 2, 40
	var want []string
	for call := range calls {
		var made []time.Duration
		var names []string
		for i := range count {
			names = append(names, fmt.Sprintf("evt_%03d_%d", count-i, call))
			made = append(made, time.Duration(-i)*time.Second)
		}
		want = append(want, ids(k.acceptGroup(names, made...))...)
	}
	same(k, "order", k.goes(), want)
}

// orderByReplays reopens what was accepted against the order of its ids.
func orderByReplays(k kit) {
	group := k.acceptGroup([]string{"evt_3", "evt_2", "evt_1", "evt_0"}, 0, -time.Second, -2*time.Second, -3*time.Second)
	k.goes()
	reopened, err := k.Reopen(k.ctx(), ids(group), After(time.Hour), After(time.Hour))
	k.must(err)
	for _, one := range reopened {
		k.must(one.Err)
	}
	same(k, "states", k.states(group...), "pending parked:ordered parked:ordered parked:ordered ")
	same(k, "order", k.goes(), ids(group))
}

// orderReopensNothing asks for replays of what is not to be replayed: it leaves
// no group behind.
func orderReopensNothing(k kit) {
	head, next := k.inGroup("ep_1", "tx-1", 0), k.inGroup("ep_1", "tx-1", time.Second)
	other := k.inGroup("ep_1", "tx-2", 0)
	k.record(Succeed(other.Ref()))
	answers, err := k.Reopen(k.ctx(), []string{head.ID, next.ID, other.ID, other.ID, "dlv_unknown"}, After(time.Hour), After(time.Hour))
	k.must(err)
	for i, want := range []postback.Code{postback.CodeNotEnded, postback.CodeNotEnded, "", postback.CodeNotEnded, postback.CodeNotFound} {
		if want == "" {
			k.must(answers[i].Err)
		} else {
			k.fails(answers[i].Err, want)
		}
	}
	same(k, "states", k.states(head, next, other), "pending parked:ordered pending ")
	k.record(Succeed(head.Ref()))
	k.record(Succeed(k.stored(next.ID).Ref()))
	k.record(DeadLetter(k.stored(other.ID).Ref()))
	same(k, "later ones", k.states(k.inGroup("ep_1", "tx-1", time.Hour), k.inGroup("ep_1", "tx-2", time.Hour)), "pending pending ")
}

// orderSkipped has a job that skips what was replayed and ended meanwhile.
func orderSkipped(k kit) {
	dead := k.inGroup("ep_1", "tx-1", 0)
	k.record(DeadLetter(dead.Ref()))
	k.replay("rpl_1")
	k.collect("rpl_1", 10)
	reopened, err := k.Reopen(k.ctx(), []string{dead.ID}, After(time.Hour), After(time.Hour))
	k.must(err)
	k.record(Succeed(reopened[0].Due.Delivery.Ref()))
	job, err := k.AdvanceReplay(k.ctx(), "rpl_1", 0, 10, After(time.Hour))
	k.must(err)
	same(k, "skipped", job.Skipped, 1)
	head, next := k.inGroup("ep_1", "tx-1", time.Hour), k.inGroup("ep_1", "tx-1", time.Hour)
	same(k, "states", k.states(dead, head, next), "succeeded pending parked:ordered ")
	k.record(Succeed(head.Ref()))
	same(k, "states", k.states(next), "pending ")
}
