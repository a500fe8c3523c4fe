package storetest

import (
	"bytes"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/waybillhq/waybill/postback"
)

func dueTests() []test {
	return []test{
		{"returns the delivery with its event", dueReturns},
		{"refuses another attempt or generation", dueStale},
		{"refuses a delivery that does not wait", dueNotWaiting},
		{"does not know a delivery that is not there", dueUnknown},
	}
}

func dueReturns(k kit) {
	event := Event("evt_1")
	d := k.accept(event, "ep_1")[0]
	due, err := k.Due(k.ctx(), d.Ref())
	k.must(err)
	same(k, "due", due, postback.Due{Delivery: d, Event: event})
	d = k.record(Retry(d.Ref()))
	due, err = k.Due(k.ctx(), d.Ref())
	k.must(err)
	same(k, "due again", due, postback.Due{Delivery: d, Event: event})
}

func dueStale(k kit) {
	first := k.one().Ref()
	k.record(Retry(first))
	_, err := k.Due(k.ctx(), first)
	k.fails(err, postback.CodeConflict)
	_, err = k.Due(k.ctx(), postback.Ref{DeliveryID: first.DeliveryID, Generation: 1, Attempt: 3})
	k.fails(err, postback.CodeConflict)
	_, err = k.Due(k.ctx(), postback.Ref{DeliveryID: first.DeliveryID, Generation: 2, Attempt: 2})
	k.fails(err, postback.CodeConflict)
}

func dueNotWaiting(k kit) {
	parked := k.record(Park(k.one().Ref()))
	_, err := k.Due(k.ctx(), parked.Ref())
	k.fails(err, postback.CodeConflict)
	ended := k.record(Succeed(k.one().Ref()))
	_, err = k.Due(k.ctx(), ended.Ref())
	k.fails(err, postback.CodeConflict)
}

func dueUnknown(k kit) {
	_, err := k.Due(k.ctx(), postback.Ref{DeliveryID: NewID("dlv", Noon()), Generation: 1, Attempt: 1})
	k.fails(err, postback.CodeNotFound)
}

func recordTests() []test {
	return []test{
		{"appends the attempt and ends the delivery", recordSucceeds},
		{"appends each attempt and keeps the last failure", recordRetries},
		{"keeps every field of an attempt", recordKeepsFields},
		{"keeps an answer of any bytes, and its texts as UTF-8", recordKeepsAnyBytes},
		{"parks without an attempt", recordParks},
		{"parks with the attempt, which a release follows up", recordParksWithAttempt},
		{"puts off without an attempt", recordPutsOff},
		{"says why a delivery is put off", recordCause},
		{"keeps what is to be said of a failed attempt beyond its code", recordAttemptCause},
		{"still appends the attempt of a delivery that moved on", recordStale},
		{"still appends the attempt when there is no such arrow", recordNoArrow},
		{"ends a parked delivery with the success of an attempt that was in flight", recordSuccessWhileParked},
		{"never ends a parked delivery as succeeded without an attempt", recordSuccessUnmade},
		{"appends an attempt that is recorded twice once", recordTwice},
		{"does not know a delivery that is not there", recordUnknown},
	}
}

func recordSucceeds(k kit) {
	want := k.one()
	move := Succeed(want.Ref())
	got := k.record(move)
	want.State, want.Attempts, want.LastStatusCode = postback.Succeeded, 1, 200
	want.CompletedAt, want.NextAttemptAt, want.SweepAt = move.At, time.Time{}, time.Time{}
	same(k, "delivery", got, want)
	same(k, "attempts", k.attempts(want.ID), []postback.Attempt{*move.Attempt})
}

func recordRetries(k kit) {
	want := k.one()
	first := Retry(want.Ref())
	second := Retry(postback.Ref{DeliveryID: want.ID, Generation: 1, Attempt: 2})
	second.NextAttemptAt, second.SweepAt = After(2*time.Hour), After(3*time.Hour)
	third := DeadLetter(postback.Ref{DeliveryID: want.ID, Generation: 1, Attempt: 3})
	k.record(first)
	got := k.record(second)
	want.State, want.Attempts, want.LastStatusCode, want.LastError = postback.Retrying, 2, 500, "status"
	want.NextAttemptAt, want.SweepAt = second.NextAttemptAt, second.SweepAt
	same(k, "retrying delivery", got, want)
	got = k.record(third)
	want.State, want.Reason, want.Attempts, want.LastStatusCode, want.LastError = postback.Dead, postback.ReasonExhausted, 3, 0, "timeout"
	want.CompletedAt, want.NextAttemptAt, want.SweepAt = third.At, time.Time{}, time.Time{}
	same(k, "dead delivery", got, want)
	same(k, "attempts", k.attempts(want.ID), []postback.Attempt{*first.Attempt, *second.Attempt, *third.Attempt})
}

func recordKeepsFields(k kit) {
	ref := k.one().Ref()
	move := DeadLetter(ref)
	move.Attempt = &postback.Attempt{
		DeliveryID: ref.DeliveryID, Generation: 1, Number: 1, Trigger: postback.TriggerReplay, StartedAt: Noon(),
		Outcome: postback.OutcomeRefused, Error: &postback.AttemptError{Code: "private", Message: "é <&>"},
		Response: &postback.Response{},
	}
	k.record(move)
	same(k, "attempts", k.attempts(ref.DeliveryID), []postback.Attempt{*move.Attempt})
}

// A receiver answers with whatever it likes.
func recordKeepsAnyBytes(k kit) {
	every := make([]byte, 1<<20)
	for i := range every {
		every[i] = byte(i)
	}
	move := Retry(k.one().Ref())
	move.Attempt.Response = &postback.Response{
		Headers: map[string]string{"X-Latin-1": "caf\xe9", "X-Nul": "a\x00b", "X-\xff": "cut \xe2\x82"}, Body: every,
	}
	move.Attempt.Error.Message, move.Attempt.Notes = "said \xc3\x28 and \x00", []string{"\x80 \x00"}
	k.record(move)
	got := k.attempts(move.Ref.DeliveryID)
	if len(got) != 1 || got[0].Response == nil || got[0].Error == nil || !bytes.Equal(got[0].Response.Body, every) {
		k.Fatalf("the attempts are %.200v", got)
	}
	texts := slices.Concat([]string{got[0].Error.Message}, got[0].Notes)
	for name, value := range got[0].Response.Headers {
		texts = append(texts, name, value)
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			k.Errorf("%q is not UTF-8", text)
		}
	}
	if len(texts) != 8 {
		k.Errorf("the texts are %q", texts)
	}
}

func recordParks(k kit) {
	want := k.one()
	got := k.record(Park(want.Ref()))
	want.State, want.Reason = postback.Parked, postback.ReasonPaused
	want.NextAttemptAt, want.SweepAt = time.Time{}, time.Time{}
	same(k, "delivery", got, want)
	same(k, "number of attempts", len(k.attempts(want.ID)), 0)
}

func recordParksWithAttempt(k kit) {
	for _, start := range []postback.Delivery{k.one(), k.record(Retry(k.one().Ref()))} {
		move := postback.Transition{
			Ref: start.Ref(), To: postback.Parked, Reason: postback.ReasonDisabled, Attempt: Attempt(start.Ref(), 410), At: After(time.Minute),
		}
		got := k.record(move)
		want := start
		want.State, want.Reason, want.Attempts = postback.Parked, postback.ReasonDisabled, start.Attempts+1
		want.LastStatusCode, want.LastError = 410, move.Attempt.Error.Code
		want.NextAttemptAt, want.SweepAt = time.Time{}, time.Time{}
		same(k, "delivery", got, want)
		same(k, "number of attempts", len(k.attempts(start.ID)), want.Attempts)
		n, err := k.Release(k.ctx(), "ep_1", After(time.Hour), 10, 10)
		k.must(err)
		same(k, "released", n, 1)
		due, err := k.Due(k.ctx(), got.Ref())
		k.must(err)
		same(k, "state", due.Delivery.State, postback.Retrying)
	}
}

func recordPutsOff(k kit) {
	for _, start := range []postback.Delivery{k.one(), k.record(Retry(k.one().Ref()))} {
		move := postback.Transition{Ref: start.Ref(), To: start.State, At: Noon(), NextAttemptAt: After(2 * time.Hour), SweepAt: After(3 * time.Hour)}
		want := start
		want.NextAttemptAt, want.SweepAt = move.NextAttemptAt, move.SweepAt
		same(k, "delivery", k.record(move), want)
		same(k, "number of attempts", len(k.attempts(start.ID)), start.Attempts)
	}
}

func recordCause(k kit) {
	for _, start := range []postback.Delivery{k.one(), k.record(Retry(k.one().Ref()))} {
		want := start
		for _, step := range []struct{ cause, want string }{{"secret_sealed", "secret_sealed"}, {"", "secret_sealed"}, {"unknown_scheme", "unknown_scheme"}} {
			move := postback.Transition{
				Ref: start.Ref(), To: start.State, Cause: step.cause, At: Noon(), NextAttemptAt: After(2 * time.Hour), SweepAt: After(2 * time.Hour),
			}
			want.LastError, want.NextAttemptAt, want.SweepAt = step.want, move.NextAttemptAt, move.SweepAt
			same(k, "delivery", k.record(move), want)
		}
		end := postback.Transition{Ref: start.Ref(), To: postback.Dead, Reason: postback.ReasonMaxAge, Cause: "expect_invalid", At: After(time.Hour)}
		want.State, want.Reason, want.LastError, want.CompletedAt = postback.Dead, postback.ReasonMaxAge, "expect_invalid", end.At
		want.NextAttemptAt, want.SweepAt = time.Time{}, time.Time{}
		same(k, "delivery", k.record(end), want)
		same(k, "number of attempts", len(k.attempts(start.ID)), start.Attempts)
	}
}

func recordAttemptCause(k kit) {
	move := DeadLetter(k.one().Ref())
	move.Cause = "timeout: data.uid"
	same(k, "last error", k.record(move).LastError, move.Cause)
	same(k, "error of the attempt", k.attempts(move.Ref.DeliveryID)[0].Error.Code, "timeout")
}

func recordStale(k kit) {
	first := k.one().Ref()
	stands := k.record(Retry(first))
	late := Succeed(first)
	late.Attempt.StartedAt = After(time.Hour)
	k.fails(k.Record(k.ctx(), late), postback.CodeConflict)
	same(k, "delivery", k.stored(first.DeliveryID), stands)
	same(k, "attempts", k.attempts(first.DeliveryID), []postback.Attempt{*Retry(first).Attempt, *late.Attempt})

	other := postback.Ref{DeliveryID: first.DeliveryID, Generation: 2, Attempt: 2}
	k.fails(k.Record(k.ctx(), Park(other)), postback.CodeConflict)
	same(k, "delivery", k.stored(first.DeliveryID), stands)
}

func recordNoArrow(k kit) {
	parked := k.record(Park(k.one().Ref()))
	late := postback.Transition{
		Ref: parked.Ref(), To: postback.Parked, Reason: postback.ReasonDisabled, Attempt: Attempt(parked.Ref(), 410), At: After(time.Minute),
	}
	k.fails(k.Record(k.ctx(), late), postback.CodeConflict)
	same(k, "delivery", k.stored(parked.ID), parked)
	same(k, "attempts", k.attempts(parked.ID), []postback.Attempt{*late.Attempt})
}

func recordSuccessWhileParked(k kit) {
	for _, start := range []postback.Delivery{k.one(), k.record(Retry(k.one().Ref()))} {
		want := k.record(Park(start.Ref()))
		move := Succeed(want.Ref())
		want.State, want.Reason, want.Attempts = postback.Succeeded, "", start.Attempts+1
		want.LastStatusCode, want.LastError, want.CompletedAt = 200, "", move.At
		same(k, "delivery", k.record(move), want)
		same(k, "number of attempts", len(k.attempts(start.ID)), want.Attempts)
	}
	ids, err := k.ParkedEndpoints(k.ctx())
	k.must(err)
	same(k, "number of endpoints with parked deliveries", len(ids), 0)
}

func recordSuccessUnmade(k kit) {
	parked := k.record(Park(k.one().Ref()))
	move := Succeed(parked.Ref())
	move.Attempt = nil
	k.fails(k.Record(k.ctx(), move), postback.CodeConflict)
	same(k, "delivery", k.stored(parked.ID), parked)
}

func recordTwice(k kit) {
	move := Retry(k.one().Ref())
	stands := k.record(move)
	k.fails(k.Record(k.ctx(), move), postback.CodeConflict)
	same(k, "delivery", k.stored(stands.ID), stands)
	same(k, "attempts", k.attempts(stands.ID), []postback.Attempt{*move.Attempt})
}

func recordUnknown(k kit) {
	ref := postback.Ref{DeliveryID: NewID("dlv", Noon()), Generation: 1, Attempt: 1}
	k.fails(k.Record(k.ctx(), Succeed(ref)), postback.CodeNotFound)
	k.fails(k.Record(k.ctx(), Park(ref)), postback.CodeNotFound)
}

// stateTests walks from every state to every state.
func stateTests() []test {
	var tests []test
	for _, from := range postback.States() {
		for _, to := range postback.States() {
			tests = append(tests, test{"from " + string(from) + " to " + string(to), func(k kit) { walk(k, from, to) }})
		}
	}
	return tests
}

func walk(k kit, from, to postback.State) {
	start := k.in(from)
	move := postback.Transition{Ref: start.Ref(), To: to, At: After(2 * time.Minute), Attempt: Attempt(start.Ref(), 500)}
	if to == postback.Pending || to == postback.Parked || to == postback.Cancelled {
		move.Attempt = nil
	}
	if to == postback.Pending || to == postback.Retrying {
		move.NextAttemptAt, move.SweepAt = After(time.Hour), After(time.Hour)
	}
	err := k.Record(k.ctx(), move)
	putOff := from == postback.Pending && to == postback.Pending
	if from.Ended() || !from.CanBecome(to) && !putOff {
		k.fails(err, postback.CodeConflict)
		same(k, "delivery", k.stored(start.ID), start)
		return
	}
	k.must(err)
	got := k.stored(start.ID)
	same(k, "state", got.State, to)
	same(k, "ended", !got.CompletedAt.IsZero(), to.Ended())
	same(k, "next attempt", got.NextAttemptAt, move.NextAttemptAt)
	same(k, "sweep", got.SweepAt, move.SweepAt)
}

// in writes a delivery and brings it to a state.
func (k kit) in(state postback.State) postback.Delivery {
	k.Helper()
	d := k.one()
	switch state {
	case postback.Pending:
		return d
	case postback.Retrying:
		return k.record(Retry(d.Ref()))
	case postback.Parked:
		return k.record(Park(d.Ref()))
	case postback.Succeeded:
		return k.record(Succeed(d.Ref()))
	case postback.Dead:
		return k.record(DeadLetter(d.Ref()))
	default:
		return k.record(postback.Transition{Ref: d.Ref(), To: postback.Cancelled, Reason: postback.ReasonEndpointDeleted, At: After(time.Minute)})
	}
}
