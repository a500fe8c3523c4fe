package storetest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// remove saves an endpoint as deleted.
func (k kit) remove(endpoint postback.Endpoint) {
	k.Helper()
	endpoint.State = postback.EndpointDeleted
	k.save(endpoint)
}

func reopenDeleted(k kit) {
	saved := k.save(Endpoint("ep_1"))
	ended := []postback.Delivery{k.in(postback.Succeeded), k.in(postback.Dead), k.in(postback.Cancelled)}
	k.remove(saved)
	answers, err := k.Reopen(k.ctx(), ids(ended), After(time.Hour), After(time.Hour))
	k.must(err)
	for i, want := range ended {
		k.fails(answers[i].Err, postback.CodeEndpointDeleted)
		same(k, "delivery", k.stored(want.ID), want)
	}
	claimed, err := k.Claim(k.ctx(), postback.Claim{Now: After(24 * time.Hour), Next: After(48 * time.Hour), Limit: 10})
	k.must(err)
	same(k, "number claimed", len(claimed), 0)
}

// reopenRacesDelete deletes endpoints while their deliveries are replayed: either
// the replay is refused, or the deletion finds what it opened.
func reopenRacesDelete(k kit) {
	const endpoints = 8
	saved, ended := make([]postback.Endpoint, endpoints), make([]postback.Delivery, endpoints)
	for i := range endpoints {
		saved[i] = k.save(Endpoint(fmt.Sprintf("ep_%d", i)))
		ended[i] = k.record(Succeed(k.accept(Event(NewID("evt", Noon())), saved[i].ID)[0].Ref()))
	}
	var opened atomic.Int32
	together(2*endpoints, func(i int) {
		if i%2 == 0 {
			answers, err := k.Reopen(k.ctx(), []string{ended[i/2].ID}, After(time.Hour), After(time.Hour))
			switch {
			case err != nil:
				k.Errorf("reopen: %v", err)
			case answers[0].Err == nil:
				opened.Add(1)
			case postback.CodeOf(answers[0].Err) != postback.CodeEndpointDeleted:
				k.Errorf("reopen: %v", answers[0].Err)
			}
			return
		}
		endpoint := saved[i/2]
		endpoint.State = postback.EndpointDeleted
		if _, err := k.SaveEndpoint(k.ctx(), endpoint); err != nil {
			k.Errorf("save: %v", err)
		}
		if _, err := k.Cancel(k.ctx(), endpoint.ID, postback.ReasonEndpointDeleted, After(2*time.Hour), 10); err != nil {
			k.Errorf("cancel: %v", err)
		}
	})
	for _, before := range ended {
		after := k.stored(before.ID)
		same(k, "end", endOf(after), endOf(before))
	}
	k.Logf("%d of %d were reopened first", opened.Load(), endpoints)
}

// endOf is how a delivery ended.
func endOf(d postback.Delivery) string { return fmt.Sprint(d.State, d.Reason, d.CompletedAt) }

// replayed is a delivery in the state, reopened after an hour.
func (k kit) replayed(state postback.State) (before, now postback.Delivery) {
	k.Helper()
	before = k.in(state)
	answers, err := k.Reopen(k.ctx(), []string{before.ID}, After(time.Hour), After(time.Hour))
	k.must(err)
	k.must(answers[0].Err)
	return before, k.stored(before.ID)
}

// takenBack checks that a replayed delivery ended as it had before.
func (k kit) takenBack(before postback.Delivery) {
	k.Helper()
	want := before
	want.Generation, want.AttemptsBefore, want.OpenedAt = 2, before.Attempts, After(time.Hour)
	same(k, "delivery", k.stored(before.ID), want)
}

func reopenCancelled(k kit) {
	var all []postback.Delivery
	for _, state := range []postback.State{postback.Succeeded, postback.Dead, postback.Cancelled} {
		before, _ := k.replayed(state)
		parked, now := k.replayed(state)
		k.record(Park(now.Ref()))
		all = append(all, before, parked)
	}
	fresh := k.one()
	n, err := k.Cancel(k.ctx(), "ep_1", postback.ReasonEndpointDeleted, After(2*time.Hour), 10)
	k.must(err)
	same(k, "cancelled", n, 7)
	for _, before := range all {
		k.takenBack(before)
	}
	same(k, "fresh delivery", endOf(k.stored(fresh.ID)), fmt.Sprint(postback.Cancelled, postback.ReasonEndpointDeleted, After(2*time.Hour)))
	// Another replay begins from there.
	answers, err := k.Reopen(k.ctx(), []string{all[0].ID}, After(3*time.Hour), After(3*time.Hour))
	k.must(err)
	k.must(answers[0].Err)
	same(k, "generation", answers[0].Due.Delivery.Generation, 3)
}

func reopenUnsent(k kit) {
	for _, state := range []postback.State{postback.Succeeded, postback.Dead, postback.Cancelled} {
		before, now := k.replayed(state)
		k.record(postback.Transition{Ref: now.Ref(), To: postback.Cancelled, Reason: postback.ReasonEndpointDeleted, At: After(2 * time.Hour)})
		k.takenBack(before)
		before, now = k.replayed(state)
		k.record(postback.Transition{Ref: now.Ref(), To: postback.Dead, Reason: postback.ReasonMaxAge, At: After(2 * time.Hour)})
		k.takenBack(before)
		before, now = k.replayed(state)
		k.record(Park(now.Ref()))
		n, err := k.Expire(k.ctx(), "ep_1", After(2*time.Hour), After(3*time.Hour), 10)
		k.must(err)
		same(k, "expired", n, 1)
		k.takenBack(before)
	}
	// The three that were dead letters before are counted once each.
	k.must(k.SumDeadLetters(k.ctx(), After(24*time.Hour)))
	notices, err := k.Notices(k.ctx(), After(time.Hour), 10)
	k.must(err)
	same(k, "number of notices", len(notices), 1)
	same(k, "dead letters", notices[0].Count, 3)
}

func reopenSent(k kit) {
	before, now := k.replayed(postback.Succeeded)
	now = k.record(Retry(now.Ref()))
	n, err := k.Cancel(k.ctx(), "ep_1", postback.ReasonEndpointDeleted, After(2*time.Hour), 10)
	k.must(err)
	same(k, "cancelled", n, 1)
	same(k, "end", endOf(k.stored(before.ID)), fmt.Sprint(postback.Cancelled, postback.ReasonEndpointDeleted, After(2*time.Hour)))
	same(k, "attempts", k.stored(before.ID).Attempts, now.Attempts)
}

func replayDeleted(k kit) {
	saved := k.save(Endpoint("ep_1"))
	gone := k.deads(3)
	kept := k.record(DeadLetter(k.accept(Event(NewID("evt", Noon())), "ep_2")[0].Ref()))
	k.replay("rpl_1")
	k.collect("rpl_1", 10)
	before := k.stored(gone[0])
	k.remove(saved)
	job, err := k.AdvanceReplay(k.ctx(), "rpl_1", 0, 10, After(time.Hour))
	k.must(err)
	same(k, "job", fmt.Sprintln(job.State, job.Matched, job.Replayed, job.Skipped), "done 4 1 3\n")
	same(k, "skips", job.Skips, postback.ReplaySkips{EndpointDeleted: 3})
	same(k, "delivery", k.stored(gone[0]), before)
	same(k, "state of the other", k.stored(kept.ID).State, postback.Pending)
}

func replayOutcomes(k kit) {
	saved := k.save(Endpoint("ep_2"))
	gone := k.record(DeadLetter(k.accept(Event(NewID("evt", Noon())), saved.ID)[0].Ref()))
	found := k.deads(6)
	k.replay("rpl_1")
	k.collect("rpl_1", 10)
	_, err := k.AdvanceReplay(k.ctx(), "rpl_1", 0, 3, After(time.Hour))
	k.must(err)
	_, err = k.AdvanceReplay(k.ctx(), "rpl_1", 3, 10, After(time.Hour))
	k.must(err)
	k.remove(saved)
	_, err = k.Cancel(k.ctx(), saved.ID, postback.ReasonEndpointDeleted, After(2*time.Hour), 10)
	k.must(err)
	k.takenBack(gone)
	k.record(Succeed(k.stored(found[0]).Ref()))
	k.record(DeadLetter(k.stored(found[1]).Ref()))
	k.record(Retry(k.stored(found[2]).Ref()))
	k.record(Park(k.stored(found[3]).Ref()))
	k.record(DeadLetter(k.stored(found[4]).Ref()))
	_, err = k.Reopen(k.ctx(), found[4:5], After(3*time.Hour), After(3*time.Hour))
	k.must(err)
	got, err := k.ReplayOutcomes(k.ctx(), "rpl_1")
	k.must(err)
	same(k, "outcomes", got, postback.ReplayOutcomes{Succeeded: 1, Dead: 1, Waiting: 2, Parked: 1, Unsent: 1, ReplayedAgain: 1})
	got, err = k.ReplayOutcomes(k.ctx(), "rpl_unknown")
	k.must(err)
	same(k, "outcomes of an unknown job", got, postback.ReplayOutcomes{})
}

func replayGroups(k kit) {
	k.remove(k.save(Endpoint("ep_2")))
	var event string
	for range 3 {
		event = k.in(postback.Dead).EventID
	}
	k.in(postback.Succeeded)
	k.in(postback.Parked)
	for range 2 {
		k.record(DeadLetter(k.accept(Event(NewID("evt", Noon())), "ep_2")[0].Ref()))
	}
	dead := postback.DeliveryGroup{EndpointID: "ep_1", State: postback.Dead, Reason: postback.ReasonExhausted, Count: 3}
	other := postback.DeliveryGroup{EndpointID: "ep_2", State: postback.Dead, Reason: postback.ReasonExhausted, EndpointDeleted: true, Count: 2}
	done := postback.DeliveryGroup{EndpointID: "ep_1", State: postback.Succeeded, Count: 1}
	for _, tt := range []struct {
		filter postback.DeliveryFilter
		want   []postback.DeliveryGroup
	}{
		{postback.DeliveryFilter{States: []postback.State{postback.Dead, postback.Succeeded}}, []postback.DeliveryGroup{dead, other, done}},
		{postback.DeliveryFilter{States: []postback.State{postback.Cancelled}}, nil},
		{postback.DeliveryFilter{EventID: event}, []postback.DeliveryGroup{{EndpointID: "ep_1", State: postback.Dead, Reason: postback.ReasonExhausted, Count: 1}}},
	} {
		got, err := k.GroupDeliveries(k.ctx(), tt.filter)
		k.must(err)
		same(k, "groups", got, tt.want)
	}
}
