package dispatcher_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

// An endpoint that cannot carry a publisher's events must not keep them from its
// other endpoints: a publisher's own key can make such a one.
func TestOneEndpointRefusesNoEventForTheOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := b.offer(t)
	bad := b.offer(t, func(s *postback.EndpointSpec) { s.Scheme = "simpleswap" })
	answer := b.accept(t, event(t, "tx-1"))
	want := postback.Warning{Code: postback.WarnUnsendable, EndpointID: bad.ID, Field: "data.publicId"}
	if len(answer.Warnings) != 1 || !strings.Contains(answer.Warnings[0].Message, "is required") {
		t.Fatalf("warned %+v", answer.Warnings)
	}
	if got := answer.Warnings[0]; got.Code != want.Code || got.EndpointID != want.EndpointID || got.Field != want.Field {
		t.Errorf("warned %+v, want %+v", got, want)
	}
	_, deliveries, err := b.Ledger.Event(t.Context(), "tx-1")
	if err != nil || len(deliveries) != 2 {
		t.Fatalf("stored %+v, %v", deliveries, err)
	}
	for _, delivery := range deliveries {
		if delivery.EndpointID == good.ID {
			if delivery.State != postback.Pending {
				t.Errorf("the good endpoint has %+v", delivery)
			}
			continue
		}
		if delivery.State != postback.Dead || delivery.Reason != postback.ReasonUnsendable || !strings.Contains(delivery.LastError, "data.publicId") ||
			delivery.CompletedAt.IsZero() || !delivery.NextAttemptAt.IsZero() || !delivery.SweepAt.IsZero() {
			t.Errorf("the other endpoint has %+v", delivery)
		}
	}
	if again := b.accept(t, event(t, "tx-1")); !again.Duplicate || !slices.Equal(again.Warnings, answer.Warnings) {
		t.Errorf("the repeat is answered %+v", again)
	}
}

// A repeat is warned in the words of the first answer, as long as they are true.
func TestARepeatIsWarnedInTheSameWords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	endpoint := b.offer(t, func(s *postback.EndpointSpec) {
		s.Scheme, s.URL, s.AllowEmpty = "bitlabs", s.URL+"?uid=[%UID%]&val=[%VAL%]&tx=[%TX%]", []string{"VAL"}
	})
	b.catchUp()
	for id, data := range map[string]string{"unsendable": `{"val":1.50,"tx":"t1"}`, "empty": `{"uid":"u1","tx":"t1"}`} {
		sent := parse(t, `{"id":"`+id+`","type":"conversion.completed","publisher":"pub_1","data":`+data+`}`)
		first := b.accept(t, sent)
		if len(first.Warnings) != 1 || first.Warnings[0].Code != map[string]string{"unsendable": postback.WarnUnsendable, "empty": postback.WarnEmptyMacro}[id] {
			t.Fatalf("%s: warned %+v", id, first.Warnings)
		}
		if again := b.accept(t, sent); !again.Duplicate || !slices.Equal(again.Warnings, first.Warnings) {
			t.Errorf("%s: first %+v, then %+v", id, first.Warnings, again.Warnings)
		}
	}
	if _, _, err := b.Endpoints.Update(t.Context(), endpoint.ID, postback.EndpointPatch{"allow_empty": []string{"*"}}); err != nil {
		t.Fatal(err)
	}
	again := b.accept(t, parse(t, `{"id":"unsendable","type":"conversion.completed","publisher":"pub_1","data":{"val":1.50,"tx":"t1"}}`))
	if len(again.Warnings) != 1 || again.Warnings[0].Field != "data.uid" || !strings.Contains(again.Warnings[0].Message, "value_missing: data.uid, when it was accepted") {
		t.Errorf("after the endpoint was mended: %+v", again.Warnings)
	}
}

// A repeat claims nothing of what was sent by an endpoint that has changed since, or
// of what never was sent.
func TestARepeatClaimsNothingThatWasNotSent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t, func(s *postback.EndpointSpec) {
		s.Scheme, s.URL, s.AllowEmpty = "bitlabs", s.URL+"?tx=[%TX%]&val=[%VAL%]", []string{"*"}
	})
	b.catchUp()
	full := parse(t, `{"id":"full","type":"conversion.completed","publisher":"pub_1","data":{"val":1.50,"tx":"t1"}}`)
	lacking := parse(t, `{"id":"lacking","type":"conversion.completed","publisher":"pub_1","data":{"tx":"t2"}}`)
	if first := b.accept(t, full); len(first.Warnings) != 0 {
		t.Fatalf("warned %+v", first.Warnings)
	}
	unsent := b.accept(t, lacking)
	if len(unsent.Warnings) != 1 || unsent.Warnings[0].Code != postback.WarnEmptyMacro {
		t.Fatalf("warned %+v", unsent.Warnings)
	}
	end := postback.Transition{Ref: unsent.Deliveries[0].Ref(), To: postback.Dead, Reason: postback.ReasonMaxAge, At: b.clock.now()}
	if err := b.Ledger.Record(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	if again := b.accept(t, lacking); !again.Duplicate || len(again.Warnings) != 0 {
		t.Errorf("it was never sent: warned %+v", again.Warnings)
	}
	if _, _, err := b.Endpoints.Update(t.Context(), endpoint.ID, postback.EndpointPatch{"url": endpoint.URL + "&uid=[%UID%]"}); err != nil {
		t.Fatal(err)
	}
	if again := b.accept(t, full); !again.Duplicate || len(again.Warnings) != 0 {
		t.Errorf("after the URL was changed: warned %+v", again.Warnings)
	}
}

// What reached nobody is not said to be wanted by nobody once an endpoint wants it.
func TestARepeatOfWhatReachedNobodySaysWhoWantsItNow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.accept(t, event(t, "tx-1"))
	repeat := func(want ...string) {
		t.Helper()
		again := b.accept(t, event(t, "tx-1"))
		if !again.Duplicate || len(again.Warnings) != 1 || again.Warnings[0].Code != postback.WarnNoEndpoint {
			t.Fatalf("warned %+v", again.Warnings)
		}
		for _, part := range append(want, "when it was accepted") {
			if !strings.Contains(again.Warnings[0].Message, part) {
				t.Errorf("%q lacks %q", again.Warnings[0].Message, part)
			}
		}
	}
	bad := b.offer(t, func(s *postback.EndpointSpec) { s.Scheme = "simpleswap" })
	repeat(bad.ID, "cannot carry it (data.publicId: ")
	good := b.offer(t)
	repeat(good.ID, "wants it now", "POST /v1/events/deliver")
}

// Who sends what nobody can carry learns of each endpoint what is wrong.
func TestARefusalNamesEachEndpoint(t *testing.T) {
	t.Parallel()
	b := setup(t)
	bad := []string{
		b.offer(t, func(s *postback.EndpointSpec) { s.Scheme = "simpleswap" }).ID,
		b.offer(t, func(s *postback.EndpointSpec) { s.Scheme, s.URL = "bitlabs", s.URL+"?uid=[%UID%]&tx=[%TX%]" }).ID,
	}
	refusal := func() *postback.Error {
		t.Helper()
		answers, err := b.Accept(t.Context(), []postback.Event{event(t, "tx-1")})
		var refused *postback.Error
		if err != nil || !errors.As(answers[0].Err, &refused) {
			t.Fatalf("got %+v, %v", answers, err)
		}
		return refused
	}
	refused := refusal()
	fields := map[string]string{bad[0]: "data.publicId", bad[1]: "data.uid"}
	for _, one := range refused.Problems.Named {
		if one.Field == "" || one.Field != fields[one.EndpointID] || one.Code == "" || one.Message == "" {
			t.Errorf("named %+v", one)
		}
	}
	first := refused.Problems.Named[0]
	if len(refused.Problems.Named) != 2 || refused.Problems.More != 0 || refused.Field != first.Field || refused.Code != first.Code ||
		!strings.Contains(refused.Message, first.Message) || !strings.Contains(refused.Message, first.EndpointID) || !strings.Contains(refused.Message, "the first of 2") {
		t.Errorf("refused by %+v", refused)
	}
	for range postback.MaxProblems {
		b.offer(t, func(s *postback.EndpointSpec) { s.Scheme = "simpleswap" })
	}
	if refused := refusal(); len(refused.Problems.Named) != postback.MaxProblems || refused.Problems.More != 2 || !strings.Contains(refused.Message, "the first of 12") {
		t.Errorf("refused by %+v", refused)
	}
}

func TestADeadLetterFromTheStartIsNotQueued(t *testing.T) {
	t.Parallel()
	b := setup(t)
	paused := b.offer(t)
	if _, err := b.Endpoints.Pause(t.Context(), paused.ID); err != nil {
		t.Fatal(err)
	}
	b.offer(t, func(s *postback.EndpointSpec) { s.Scheme, s.OrderBy = "simpleswap", "tx" })
	b.swept(t)
	run(t, b.Dispatcher)
	b.accept(t, event(t, "tx-1"))
	if b.count(t, in(postback.Dead)) != 1 || b.count(t, in(postback.Parked)) != 1 || len(b.queue.all()) != 0 {
		t.Errorf("queued %+v", b.queue.all())
	}
}

// Sending again is safe, whatever became of the endpoints in the meantime.
func TestARepeatIsARepeatWhateverHasChangedSince(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t)
	first := b.accept(t, event(t, "tx-1"))
	if err := b.Endpoints.Delete(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	b.offer(t, func(s *postback.EndpointSpec) { s.Scheme = "simpleswap" })
	again := b.accept(t, event(t, "tx-1"))
	if !again.Duplicate || len(again.Deliveries) != 1 || again.Deliveries[0].ID != first.Deliveries[0].ID {
		t.Errorf("the repeat is answered %+v", again)
	}
	changed := event(t, "tx-1")
	changed.Digest = []byte("other")
	answers, err := b.Accept(t.Context(), []postback.Event{event(t, "tx-2"), changed, event(t, "tx-1")})
	if err != nil {
		t.Fatal(err)
	}
	var refused *postback.Error
	if !errors.As(answers[0].Err, &refused) || refused.Field != "data.publicId" {
		t.Errorf("a new event that nobody can carry: %v", answers[0].Err)
	}
	if postback.CodeOf(answers[1].Err) != postback.CodeConflict || !answers[2].Duplicate {
		t.Errorf("got %+v", answers[1:])
	}
	if err := b.AcceptQueued(t.Context(), []byte(`{"id":"tx-1","type":"conversion.completed","publisher":"pub_1","data":{"tx":"tx-1","payout":1.50}}`)); err != nil {
		t.Fatal(err)
	}
	if rejected := b.rejected(t); len(rejected) != 0 {
		t.Errorf("the repeat of a task is recorded as rejected: %+v", rejected)
	}
}

// A receiver that answers 200 to an empty value has credited nobody: the event is
// not sent there, and where that is all that could be done with it, it is refused.
func TestAMacroWithoutAValueIsUnsendable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t, func(s *postback.EndpointSpec) {
		s.Scheme, s.URL, s.AllowEmpty = "bitlabs", s.URL+"?uid=[%UID%]&val=[%VAL%]&tx=[%TX%]&ref=[%REF%]", []string{"VAL"}
	})
	without := func(id string) postback.Event {
		return parse(t, `{"id":"`+id+`","type":"conversion.completed","publisher":"pub_1","data":{"val":1.50,"tx":"t1"}}`)
	}
	answers, err := b.Accept(t.Context(), []postback.Event{without("alone")})
	if err != nil {
		t.Fatal(err)
	}
	var refused *postback.Error
	if !errors.As(answers[0].Err, &refused) || refused.Code != "value_missing" || refused.Field != "data.uid" || !strings.Contains(refused.Message, "[%UID%]") {
		t.Fatalf("nobody can carry it: %v", answers[0].Err)
	}
	b.offer(t)
	answer := b.accept(t, without("both"))
	if len(answer.Warnings) != 1 || answer.Warnings[0].Code != postback.WarnUnsendable || answer.Warnings[0].EndpointID != endpoint.ID || answer.Warnings[0].Field != "data.uid" {
		t.Errorf("warned %+v", answer.Warnings)
	}
	dead := b.count(t, postback.DeliveryFilter{EndpointID: endpoint.ID, States: []postback.State{postback.Dead}})
	if len(answer.Deliveries) != 2 || dead != 1 {
		t.Errorf("%d dead letters, %+v", dead, answer.Deliveries)
	}
	answer = b.accept(t, parse(t, `{"type":"conversion.completed","publisher":"pub_1","data":{"uid":"u1","tx":"t1"}}`))
	if len(answer.Warnings) != 2 || answer.Warnings[0].Code != postback.WarnEmptyMacro || answer.Warnings[0].Field != "data.val" || answer.Warnings[1].Field != "data.ref" {
		t.Errorf("what may be empty: warned %+v", answer.Warnings)
	}
}

// What may be sent empty is warned of all the same.
func TestAMacroWithoutAValueIsWarnedOf(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t, func(s *postback.EndpointSpec) {
		s.Scheme, s.URL, s.AllowEmpty = "bitlabs", s.URL+"?uid=[%UID%]&val=[%VAL%]&tx=[%TX%]&again=[%UID%]", []string{"*"}
	})
	tests := map[string]string{
		`{"uid":"u1","val":1.50,"tx":"t1"}`: "",
		`{"val":1.50,"tx":"t1"}`:            "data.uid",
		`{"uid":null,"val":1.50,"tx":"t1"}`: "data.uid",
		`{"uid":"","val":0,"tx":"t1"}`:      "data.uid",
		`{"uid":"u1"}`:                      "data.val data.tx",
	}
	for data, fields := range tests {
		answer := b.accept(t, parse(t, `{"type":"conversion.completed","publisher":"pub_1","data":`+data+`}`))
		var got []string
		for _, warning := range answer.Warnings {
			if warning.Code != postback.WarnEmptyMacro || warning.EndpointID != endpoint.ID || !strings.Contains(warning.Message, "[%") {
				t.Errorf("%s: warned %+v", data, warning)
			}
			got = append(got, warning.Field)
		}
		if strings.Join(got, " ") != fields || len(answer.Deliveries) != 1 {
			t.Errorf("%s: warned of %v, want %q", data, got, fields)
		}
	}
}
