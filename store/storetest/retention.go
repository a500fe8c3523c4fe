package storetest

import (
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func retentionTests() []test {
	return []test{
		{"forgets what ended, with its attempts and its event", retentionForgets},
		{"keeps what has not ended, with its event and attempts", retentionKeepsWaiting},
		{"goes by the end of a delivery, not by its beginning", retentionByEnd},
		{"keeps an event as long as one of its deliveries", retentionSharedEvent},
		{"forgets events without deliveries by their time", retentionLoneEvents},
		{"forgets tests like others", retentionTestEvents},
		{"lets the id of a forgotten event be used again", retentionFreesID},
		{"takes no attempt for what is forgotten", retentionLateRecord},
		{"lets a listing go on behind what is forgotten", retentionPaging},
		{"forgets ended replays with their snapshots", retentionReplays},
		{"leaves running replays to skip what is forgotten", retentionRunningReplays},
		{"keeps what is reopened meanwhile", retentionReopened},
		{"ends, however much that is old has not ended", retentionEnds},
		{"may be asked for by many while others write", retentionTogether},
		{"prepares any time, again and again", retentionPrepares},
	}
}

const day = 24 * time.Hour

// cutoff is a time before which everything that the builders make is old, even
// for a ledger that goes by whole days.
func cutoff() time.Time { return After(10 * day) }

// prune prunes until nothing more goes, and says how many rows went.
func (k kit) prune(before time.Time) int {
	k.Helper()
	total := 0
	for range 10_000 {
		n, err := k.Prune(k.ctx(), before)
		k.must(err)
		if n == 0 {
			return total
		}
		total += n
	}
	k.Fatal("pruning never ends")
	return 0
}

// forgotten checks that nothing is left of a delivery.
func (k kit) forgotten(d postback.Delivery) {
	k.Helper()
	_, _, err := k.Delivery(k.ctx(), d.ID)
	k.fails(err, postback.CodeNotFound)
	_, err = k.Due(k.ctx(), d.Ref())
	k.fails(err, postback.CodeNotFound)
}

func (k kit) forgottenEvent(id string) {
	k.Helper()
	_, _, err := k.Event(k.ctx(), id)
	k.fails(err, postback.CodeNotFound)
}

func (k kit) count(filter postback.DeliveryFilter) int {
	k.Helper()
	n, err := k.CountDeliveries(k.ctx(), filter)
	k.must(err)
	return n
}

func retentionForgets(k kit) {
	var old []postback.Delivery
	for _, state := range []postback.State{postback.Succeeded, postback.Dead, postback.Cancelled} {
		old = append(old, k.in(state))
	}
	retried := k.in(postback.Retrying)
	retried = k.record(Succeed(retried.Ref()))
	same(k, "attempts", len(k.attempts(retried.ID)), 2)
	same(k, "something went", k.prune(cutoff()) > 0, true)
	for _, d := range append(old, retried) {
		k.forgotten(d)
		k.forgottenEvent(d.EventID)
	}
	same(k, "deliveries left", k.count(postback.DeliveryFilter{}), 0)
	events, _, err := k.Events(k.ctx(), postback.EventFilter{}, postback.Page{})
	k.must(err)
	same(k, "events left", len(events), 0)
	same(k, "what goes the next time", k.prune(cutoff()), 0)
}

func retentionKeepsWaiting(k kit) {
	var waiting []postback.Delivery
	for _, state := range []postback.State{postback.Pending, postback.Retrying, postback.Parked} {
		waiting = append(waiting, k.in(state))
	}
	dead := k.in(postback.Dead)
	_, err := k.Reopen(k.ctx(), []string{dead.ID}, After(time.Hour), After(time.Hour))
	k.must(err)
	waiting = append(waiting, k.stored(dead.ID))
	var attempts [][]postback.Attempt
	for _, d := range waiting {
		attempts = append(attempts, k.attempts(d.ID))
	}
	k.in(postback.Succeeded)
	k.prune(After(1000 * day))
	for i, d := range waiting {
		same(k, "delivery", k.stored(d.ID), d)
		same(k, "attempts", k.attempts(d.ID), attempts[i])
		event, deliveries, err := k.Event(k.ctx(), d.EventID)
		k.must(err)
		same(k, "event", event, Event(d.EventID))
		same(k, "deliveries", deliveries, []postback.Delivery{d})
	}
	same(k, "deliveries left", k.count(postback.DeliveryFilter{}), len(waiting))
	// They still go on.
	same(k, "delivery", k.record(Succeed(waiting[1].Ref())).State, postback.Succeeded)
	released, err := k.Release(k.ctx(), "ep_1", cutoff(), 10, 10)
	k.must(err)
	same(k, "released", released, 1)
}

// ended ends a delivery of an event that was accepted at Noon.
func (k kit) ended(at time.Time) postback.Delivery {
	k.Helper()
	move := DeadLetter(k.one().Ref())
	move.At = at
	return k.record(move)
}

func retentionByEnd(k kit) {
	old := k.ended(cutoff().Add(-2 * day))
	kept := []postback.Delivery{k.ended(cutoff()), k.ended(cutoff().Add(time.Microsecond)), k.ended(cutoff().Add(5 * day))}
	// One that was reopened has the end of its last generation.
	again := k.ended(After(day))
	answers, err := k.Reopen(k.ctx(), []string{again.ID}, cutoff(), cutoff())
	k.must(err)
	move := Succeed(answers[0].Due.Delivery.Ref())
	move.At = cutoff().Add(time.Hour)
	kept = append(kept, k.record(move))

	k.prune(cutoff())
	k.forgotten(old)
	for _, d := range kept {
		same(k, "delivery", k.stored(d.ID), d)
		same(k, "attempts", len(k.attempts(d.ID)), d.Attempts)
		_, _, err := k.Event(k.ctx(), d.EventID)
		k.must(err)
	}
	k.prune(cutoff().Add(10 * day))
	same(k, "deliveries left", k.count(postback.DeliveryFilter{}), 0)
}

func retentionSharedEvent(k kit) {
	event := Event(NewID("evt", Noon()))
	made := k.accept(event, "ep_1", "ep_2", "ep_3")
	k.record(Succeed(made[0].Ref()))
	late := DeadLetter(made[1].Ref())
	late.At = cutoff().Add(day)
	made[1] = k.record(late)
	made[2] = k.record(Park(made[2].Ref()))
	k.prune(cutoff())
	k.forgotten(made[0])
	stored, left, err := k.Event(k.ctx(), event.ID)
	k.must(err)
	same(k, "event", stored, event)
	same(k, "deliveries", left, made[1:])

	k.prune(cutoff().Add(5 * day))
	k.forgotten(made[1])
	_, left, err = k.Event(k.ctx(), event.ID)
	k.must(err)
	same(k, "deliveries", left, made[2:])
	// A repeat of the event is answered with what is left.
	answers, err := k.Accept(k.ctx(), []postback.Acceptance{Acceptance(event, "ep_1")})
	k.must(err)
	same(k, "repeat", answers, []postback.Acceptance{{Event: event, Deliveries: made[2:], Duplicate: true}})

	_, err = k.Cancel(k.ctx(), "ep_3", postback.ReasonEndpointDeleted, cutoff().Add(5*day), 10)
	k.must(err)
	k.prune(cutoff().Add(10 * day))
	k.forgottenEvent(event.ID)
}

func retentionLoneEvents(k kit) {
	var kept, gone []string
	for i, at := range []time.Time{Noon(), After(day), cutoff(), cutoff().Add(day)} {
		unmatched, rejected := Event(fmt.Sprintf("evt_unmatched_%d", i)), Event(fmt.Sprintf("evt_rejected_%d", i))
		unmatched.AcceptedAt, rejected.AcceptedAt, rejected.Rejection = at, at, "the type is missing"
		k.accept(unmatched)
		k.accept(rejected)
		if at.Before(cutoff()) {
			gone = append(gone, unmatched.ID, rejected.ID)
		} else {
			kept = append(kept, unmatched.ID, rejected.ID)
		}
	}
	k.prune(cutoff())
	for _, id := range gone {
		k.forgottenEvent(id)
	}
	for _, id := range kept {
		_, _, err := k.Event(k.ctx(), id)
		k.must(err)
	}
}

func retentionTestEvents(k kit) {
	event := Event(NewID("evt", Noon()))
	event.Test = true
	made := k.accept(event, "ep_1")[0]
	k.record(Succeed(made.Ref()))
	k.prune(cutoff())
	k.forgotten(made)
	k.forgottenEvent(event.ID)
}

func retentionFreesID(k kit) {
	event := Event("conversion-42")
	d := k.accept(event, "ep_1")[0]
	k.record(Succeed(d.Ref()))
	k.prune(cutoff())
	event.AcceptedAt, event.Digest = cutoff(), []byte("of other content")
	made := k.accept(event, "ep_1") // neither a duplicate nor a conflict
	stored, deliveries, err := k.Event(k.ctx(), event.ID)
	k.must(err)
	same(k, "event", stored, event)
	same(k, "deliveries", deliveries, made)
	answers, err := k.Accept(k.ctx(), []postback.Acceptance{Acceptance(event, "ep_1")})
	k.must(err)
	same(k, "a repeat is a duplicate again", answers[0].Duplicate, true)
}

func retentionLateRecord(k kit) {
	d := k.in(postback.Dead)
	k.prune(cutoff())
	late := Succeed(postback.Ref{DeliveryID: d.ID, Generation: 1, Attempt: 1})
	k.fails(k.Record(k.ctx(), late), postback.CodeNotFound)
	k.forgotten(d)
	answers, err := k.Reopen(k.ctx(), []string{d.ID}, Noon(), Noon())
	k.must(err)
	k.fails(answers[0].Err, postback.CodeNotFound)
}

func retentionPaging(k kit) {
	old := k.deads(4)
	var recent []string
	for i := range 4 {
		event := Event(fmt.Sprintf("evt_recent_%d", i))
		event.AcceptedAt = cutoff().Add(time.Duration(i) * time.Hour)
		recent = append([]string{k.accept(event, "ep_1")[0].ID}, recent...)
	}
	first, cursor, err := k.Deliveries(k.ctx(), postback.DeliveryFilter{}, postback.Page{Limit: 5})
	k.must(err)
	same(k, "first page", ids(first), append(recent[:4:4], old[3]))
	k.prune(cutoff())
	rest, cursor, err := k.Deliveries(k.ctx(), postback.DeliveryFilter{}, postback.Page{Limit: 5, Cursor: cursor})
	k.must(err)
	same(k, "second page", len(rest), 0)
	same(k, "next cursor", cursor, "")
}

func retentionReplays(k kit) {
	k.deads(120)
	k.replay("rpl_done")
	k.replay("rpl_cancelled")
	k.replay("rpl_late")
	for _, id := range []string{"rpl_done", "rpl_cancelled", "rpl_late"} {
		k.collect(id, 200)
	}
	_, err := k.CancelReplay(k.ctx(), "rpl_cancelled", After(day)) // its snapshot is left over
	k.must(err)
	_, err = k.AdvanceReplay(k.ctx(), "rpl_done", 0, 200, After(day))
	k.must(err)
	_, err = k.CancelReplay(k.ctx(), "rpl_late", cutoff())
	k.must(err)
	late, err := k.Replay(k.ctx(), "rpl_late")
	k.must(err)

	k.prune(cutoff())
	for _, id := range []string{"rpl_done", "rpl_cancelled"} {
		_, err := k.Replay(k.ctx(), id)
		k.fails(err, postback.CodeNotFound)
		// Nothing is left of its snapshot: a job of the same name has none.
		k.replay(id)
		same(k, "matched", k.collect(id, 200).Matched, 0)
	}
	kept, err := k.Replay(k.ctx(), "rpl_late")
	k.must(err)
	same(k, "job that ended later", kept, late)
}

func retentionRunningReplays(k kit) {
	k.deads(3)
	again := k.in(postback.Dead)
	k.replay("rpl_1")
	same(k, "matched", k.collect("rpl_1", 10).Matched, 4)
	k.replay("rpl_2") // collects nothing before the others are gone
	_, err := k.Reopen(k.ctx(), []string{again.ID}, After(day), After(day))
	k.must(err)
	move := DeadLetter(k.stored(again.ID).Ref())
	move.At = cutoff()
	k.record(move)

	k.prune(cutoff())
	job, err := k.AdvanceReplay(k.ctx(), "rpl_1", 0, 2, cutoff())
	k.must(err)
	same(k, "job", fmt.Sprintln(job.State, job.Matched, job.Replayed, job.Skipped), "running 4 0 2\n")
	job, err = k.AdvanceReplay(k.ctx(), "rpl_1", 2, 10, cutoff())
	k.must(err)
	same(k, "job", fmt.Sprintln(job.State, job.Matched, job.Replayed, job.Skipped), "done 4 0 4\n")
	same(k, "matched", k.collect("rpl_2", 10).Matched, 1)
	job, err = k.AdvanceReplay(k.ctx(), "rpl_2", 0, 10, cutoff())
	k.must(err)
	same(k, "job", fmt.Sprintln(job.State, job.Matched, job.Replayed, job.Skipped), "done 1 1 0\n")
}
