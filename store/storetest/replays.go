package storetest

import (
	"time"

	"github.com/waybillhq/waybill/postback"
)

func reopenTests() []test {
	return []test{
		{"opens the next generation", reopenNext},
		{"answers for each id", reopenAnswers},
		{"appends to what happened", reopenAppends},
		{"refuses the attempt of the generation before", reopenStale},
		{"takes an empty call", reopenNothing},
		{"leaves what ended for an endpoint that is deleted", reopenDeleted},
		{"opens nothing for an endpoint that is deleted meanwhile", reopenRacesDelete},
		{"is taken back when the delivery is cancelled before an attempt", reopenCancelled},
		{"is taken back when the delivery ends unsent in other ways", reopenUnsent},
		{"stands when an attempt was made", reopenSent},
	}
}

func reopenNext(k kit) {
	event := Event("evt_1")
	want := k.accept(event, "ep_1")[0]
	want = k.record(Retry(want.Ref()))
	want = k.record(DeadLetter(want.Ref()))
	for generation := 2; generation <= 3; generation++ {
		answers, err := k.Reopen(k.ctx(), []string{want.ID}, After(time.Hour), After(2*time.Hour))
		k.must(err)
		want.State, want.Reason, want.Generation, want.AttemptsBefore = postback.Pending, "", generation, want.Attempts
		want.OpenedAt, want.NextAttemptAt, want.SweepAt = After(time.Hour), After(time.Hour), After(2*time.Hour)
		want.CompletedAt = time.Time{}
		same(k, "answers", answers, []postback.Reopened{{ID: want.ID, Due: postback.Due{Delivery: want, Event: event}}})
		same(k, "stored", k.stored(want.ID), want)
		due, err := k.Due(k.ctx(), want.Ref())
		k.must(err)
		same(k, "due", due.Delivery, want)
		want = k.record(Succeed(want.Ref()))
	}
}

func reopenAnswers(k kit) {
	dead, cancelled, waiting := k.in(postback.Dead), k.in(postback.Cancelled), k.in(postback.Retrying)
	parked, unknown := k.in(postback.Parked), NewID("dlv", Noon())
	asked := []string{waiting.ID, dead.ID, unknown, cancelled.ID, parked.ID, dead.ID}
	answers, err := k.Reopen(k.ctx(), asked, After(time.Hour), After(time.Hour))
	k.must(err)
	same(k, "number of answers", len(answers), len(asked))
	for i, code := range []postback.Code{postback.CodeNotEnded, "", postback.CodeNotFound, "", postback.CodeNotEnded, postback.CodeNotEnded} {
		same(k, "id", answers[i].ID, asked[i])
		if code == "" {
			k.must(answers[i].Err)
			same(k, "due", answers[i].Due.Delivery, k.stored(asked[i]))
			continue
		}
		k.fails(answers[i].Err, code)
	}
	same(k, "waiting delivery", k.stored(waiting.ID), waiting)
	same(k, "parked delivery", k.stored(parked.ID), parked)
}

func reopenAppends(k kit) {
	dead := k.in(postback.Dead)
	before := k.attempts(dead.ID)
	answers, err := k.Reopen(k.ctx(), []string{dead.ID}, Noon(), Noon())
	k.must(err)
	move := Succeed(answers[0].Due.Delivery.Ref())
	k.record(move)
	same(k, "attempts", k.attempts(dead.ID), append(before, *move.Attempt))

	// The attempt of the generation before comes late.
	late := DeadLetter(postback.Ref{DeliveryID: dead.ID, Generation: 1, Attempt: 1})
	late.Attempt.StartedAt = After(time.Hour)
	k.fails(k.Record(k.ctx(), late), postback.CodeConflict)
	same(k, "attempts", k.attempts(dead.ID), append(before, *move.Attempt, *late.Attempt))
	same(k, "state", k.stored(dead.ID).State, postback.Succeeded)
}

func reopenStale(k kit) {
	cancelled := k.in(postback.Cancelled) // no attempt was made: both generations wait for the first one
	before := postback.Ref{DeliveryID: cancelled.ID, Generation: 1, Attempt: 1}
	answers, err := k.Reopen(k.ctx(), []string{cancelled.ID}, Noon(), Noon())
	k.must(err)
	_, err = k.Due(k.ctx(), before)
	k.fails(err, postback.CodeConflict)
	k.fails(k.Record(k.ctx(), Succeed(before)), postback.CodeConflict)
	k.fails(k.Record(k.ctx(), Park(before)), postback.CodeConflict)
	same(k, "delivery", k.stored(cancelled.ID), answers[0].Due.Delivery)
}

func reopenNothing(k kit) {
	answers, err := k.Reopen(k.ctx(), nil, Noon(), Noon())
	k.must(err)
	same(k, "number of answers", len(answers), 0)
}
