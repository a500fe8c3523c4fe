package dispatcher_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

func TestAcceptMakesADeliveryForEachEndpointThatWantsTheEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := map[string]postback.State{
		b.offer(t).ID: postback.Pending,
		b.offer(t, func(s *postback.EndpointSpec) { s.EventTypes = []string{"conversion.*"} }).ID: postback.Pending,
	}
	b.offer(t, func(s *postback.EndpointSpec) { s.EventTypes = []string{"exchange.*"} })
	b.offer(t, func(s *postback.EndpointSpec) { s.Publisher = "pub_2" })
	paused, deleted := b.offer(t), b.offer(t)
	if _, err := b.Endpoints.Pause(t.Context(), paused.ID); err != nil {
		t.Fatal(err)
	}
	want[paused.ID] = postback.Parked
	disabled := b.offer(t)
	if err := b.Endpoints.Disable(t.Context(), disabled.ID, disabled.Revision, postback.DisabledGone); err != nil {
		t.Fatal(err)
	}
	want[disabled.ID] = postback.Parked
	reasons := map[string]postback.Reason{paused.ID: postback.ReasonPaused, disabled.ID: postback.ReasonDisabled}
	if err := b.Endpoints.Delete(t.Context(), deleted.ID); err != nil {
		t.Fatal(err)
	}
	answer := b.accept(t, event(t, "tx-1"))
	stored, deliveries, err := b.Ledger.Event(t.Context(), "tx-1")
	if err != nil || len(deliveries) != len(want) || len(answer.Deliveries) != len(want) || answer.Duplicate {
		t.Fatalf("answered %+v, stored %d deliveries, %v", answer, len(deliveries), err)
	}
	if string(stored.Data) != `{"tx":"tx-1","payout":1.50}` || !stored.AcceptedAt.Equal(b.clock.now()) {
		t.Errorf("stored %+v", stored)
	}
	for _, delivery := range deliveries {
		if delivery.State != want[delivery.EndpointID] {
			t.Errorf("the delivery to %s is %s, want %s", delivery.EndpointID, delivery.State, want[delivery.EndpointID])
		}
		parked := delivery.State == postback.Parked
		if delivery.Reason != reasons[delivery.EndpointID] || parked != delivery.NextAttemptAt.IsZero() || parked != delivery.SweepAt.IsZero() {
			t.Errorf("got %+v", delivery)
		}
		if delivery.Generation != 1 || delivery.Attempts != 0 || len(delivery.MessageID()) != 32 || delivery.EventID != "tx-1" {
			t.Errorf("got %+v", delivery)
		}
	}
}

func TestEveryEndpointHasAReferenceOfItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := map[string]string{
		b.offer(t).ID: "tx_1001",
		b.offer(t, func(s *postback.EndpointSpec) { s.Scheme = "simpleswap" }).ID:                         "exchange/1001",
		b.offer(t, func(s *postback.EndpointSpec) { s.Scheme, s.URL = "bitlabs", s.URL+"?tx=[%TX%]" }).ID: "5333977169",
		b.offer(t, func(s *postback.EndpointSpec) {
			s.Scheme, s.URL = "cpx-research", s.URL+"?h={secure_hash}&i={trans_id}"
		}).ID: "",
	}
	b.accept(t, parse(t, `{"id":"evt-1","type":"conversion.completed","publisher":"pub_1",`+
		`"data":{"transaction_id":"tx_1001","publicId":"exchange\/1001","status":"finished","tx":5333977169,"trans_id":"`+strings.Repeat("x", 256)+`"}}`))
	for endpoint, reference := range want {
		found, _, err := b.Ledger.Deliveries(t.Context(), postback.DeliveryFilter{EndpointID: endpoint, Reference: reference}, postback.Page{})
		if err != nil || len(found) != 1 || found[0].Reference != reference {
			t.Errorf("by %q: found %+v, %v", reference, found, err)
		}
	}
}

func TestAnEventThatNobodyWantsIsVisible(t *testing.T) {
	t.Parallel()
	b := setup(t)
	answer := b.accept(t, parse(t, `{"type":"conversion.completed","publisher":"pub_1","data":{}}`))
	if !strings.HasPrefix(answer.Event.ID, "evt_") || len(answer.Deliveries) != 0 {
		t.Errorf("got %+v", answer)
	}
	unmatched, _, err := b.Ledger.Events(t.Context(), postback.EventFilter{Unmatched: true}, postback.Page{})
	if err != nil || len(unmatched) != 1 || unmatched[0].ID != answer.Event.ID {
		t.Errorf("got %+v, %v", unmatched, err)
	}
}

func TestTheSameEventIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	first := b.accept(t, event(t, "tx-1"))
	b.clock.advance(time.Hour)
	again := b.accept(t, parse(t, `{"data":{"payout":1.50,"tx":"tx-1"},"publisher":"pub_1","type":"conversion.completed","id":"tx-1"}`))
	if !again.Duplicate || again.Deliveries[0].ID != first.Deliveries[0].ID || !again.Event.AcceptedAt.Equal(first.Event.AcceptedAt) {
		t.Errorf("the repeat was answered %+v, the first %+v", again, first)
	}
	if b.count(t, postback.DeliveryFilter{}) != 1 {
		t.Error("the repeat made a delivery")
	}
	changed := parse(t, `{"id":"tx-1","type":"conversion.completed","publisher":"pub_1","data":{"tx":"tx-1","payout":1.5}}`)
	answers, err := b.Accept(t.Context(), []postback.Event{changed, event(t, "tx-2"), event(t, "tx-2")})
	if err != nil {
		t.Fatal(err)
	}
	if postback.CodeOf(answers[0].Err) != postback.CodeConflict || answers[1].Duplicate || answers[1].Err != nil || !answers[2].Duplicate {
		t.Errorf("got %+v", answers)
	}
	if b.count(t, postback.DeliveryFilter{}) != 2 {
		t.Error("the batch made another number of deliveries than one")
	}
}

func TestWhatASchemeCannotCarryIsRefusedAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t)
	bad := parse(t, `{"id":"tx-bad","type":"conversion.completed","publisher":"pub_1","data":{"offer":{"id":1}}}`)
	answers, err := b.Accept(t.Context(), []postback.Event{event(t, "tx-1"), bad, event(t, "tx-2")})
	if err != nil {
		t.Fatal(err)
	}
	var refused *postback.Error
	if !errors.As(answers[1].Err, &refused) || refused.Field != "data.offer" || refused.Code != signer.CodeValueNested ||
		!strings.Contains(answers[1].Err.Error(), endpoint.ID) {
		t.Errorf("got %v", answers[1].Err)
	}
	if _, _, err := b.Ledger.Event(t.Context(), "tx-bad"); postback.CodeOf(err) != postback.CodeNotFound {
		t.Errorf("the refused event was stored: %v", err)
	}
	for i, id := range map[int]string{0: "tx-1", 2: "tx-2"} {
		if answers[i].Err != nil || answers[i].Event.ID != id || len(answers[i].Deliveries) != 1 {
			t.Errorf("answer %d is %+v, want %s", i, answers[i], id)
		}
	}
	if answers, err = b.Accept(t.Context(), []postback.Event{bad}); err != nil || len(answers) != 1 || answers[0].Err == nil {
		t.Errorf("a call with nothing else: %+v, %v", answers, err)
	}
}

// noLedger accepts nothing.
type noLedger struct{ dispatcher.Ledger }

func (noLedger) Accept(context.Context, []postback.Acceptance) ([]postback.Acceptance, error) {
	return nil, errAway
}

// unreadable is a ledger that cannot say what it has under an id.
type unreadable struct{ dispatcher.Ledger }

func (unreadable) Accept(_ context.Context, items []postback.Acceptance) ([]postback.Acceptance, error) {
	for i := range items {
		items[i].Err = postback.Failure(postback.CodeUnavailable, "cannot be read now")
	}
	return items, nil
}

// An event of the queue whose repeat cannot be judged now is no rejected one.
func TestAQueuedEventThatCannotBeJudgedComesAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Accept.Ledger = unreadable{o.Accept.Ledger} })
	err := b.AcceptQueued(t.Context(), []byte(`{"id":"tx-1","type":"conversion.completed","publisher":"pub_1","data":{}}`))
	if postback.CodeOf(err) != postback.CodeUnavailable {
		t.Errorf("the task is told %v", err)
	}
}

func TestNothingIsAcceptedWhileTheLedgerIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Accept.Ledger = noLedger{} })
	if answers, err := b.Accept(t.Context(), []postback.Event{event(t, "tx-1")}); !errors.Is(err, errAway) || answers != nil {
		t.Errorf("got %+v, %v", answers, err)
	}
	good := []byte(`{"type":"conversion.completed","publisher":"pub_1","data":{}}`)
	for _, payload := range [][]byte{good, []byte("{")} {
		if err := b.AcceptQueued(t.Context(), payload); !errors.Is(err, errAway) {
			t.Errorf("%s: got %v", payload, err)
		}
	}
}

func TestAcceptedDeliveriesGoToTheQueue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	if _, err := b.Endpoints.Pause(t.Context(), b.offer(t).ID); err != nil { // which gets none
		t.Fatal(err)
	}
	if err := b.Watch(t.Context()); err != nil { // from now on the queue is known as the ledger's
		t.Fatal(err)
	}
	run(t, b.Dispatcher)
	if b.swept(t) != 0 {
		t.Fatal("something was due before")
	}
	for i := range 20 {
		b.accept(t, event(t, fmt.Sprintf("tx-%d", i)))
	}
	testkit.Eventually(t, "every delivery is in the queue", func() bool { return len(b.queue.all()) == 20 })
	for _, one := range b.queue.all() {
		if one.Recheck || one.Due == nil || one.Due.Event.ID != one.Due.Delivery.EventID || one.Ref.Attempt != 1 || len(one.Headers["traceparent"]) != 55 {
			t.Errorf("queued %+v", one)
		}
		// The sweeper looks after it only when the queue has lost it.
		if stored := b.read(t, one.Ref.DeliveryID); !stored.SweepAt.Equal(b.clock.now().Add(grace)) {
			t.Errorf("swept in %s", stored.SweepAt.Sub(b.clock.now()))
		}
	}
}

func TestWhatIsAcceptedWhileRedisIsAwayComesLater(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.swept(t) // there was room before the outage
	b.queue.set(func(q *queue) { q.away = true })
	run(t, b.Dispatcher)
	for i := range 20 {
		b.accept(t, event(t, fmt.Sprintf("tx-%d", i)))
	}
	before := b.queue.depths()
	testkit.Eventually(t, "the sweeper tries on", func() bool { return b.queue.depths() > before+4 })
	b.queue.set(func(q *queue) { q.away = false })
	testkit.Eventually(t, "every delivery is in the queue", func() bool { return len(b.queue.all()) >= 20 })
	sweeps := 0
	for _, line := range b.Logs.With("background job failing, will retry") {
		if line["job"] == "sweep due deliveries" {
			sweeps++
		}
	}
	if sweeps != 1 {
		t.Errorf("the sweeper's outage is logged %d times, want once", sweeps)
	}
	testkit.Eventually(t, "its end is logged", func() bool { return len(b.Logs.With("background job recovered")) > 0 })
}

func TestWhatTheQueueRefusedComesAsSoonAsItTakesTasks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.watch(t)
	b.swept(t)
	b.many(t, 3) // straight into the handoff
	b.queue.set(func(q *queue) { q.full = true })
	run(t, b.Dispatcher)() // hands over what it has, and ends
	b.queue.set(func(q *queue) { q.full = false })
	b.watch(t)
	if got := len(b.queue.all()); got != 3 {
		t.Errorf("%d tasks came in, want 3, without the grace", got)
	}
}

func TestWhatTheHandoffCannotHoldIsFoundByTheSweeper(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Lanes.MaxQueued = 10 * dispatcher.HandoffSize })
	b.offer(t)
	b.swept(t)
	inHandoff := b.many(t, dispatcher.HandoffSize) // and nobody empties it yet
	beyond := b.accept(t, event(t, "tx-beyond")).Deliveries[0]
	if waits := b.read(t, beyond.ID); !waits.SweepAt.Equal(b.clock.now()) {
		t.Errorf("swept in %s, want at once", waits.SweepAt.Sub(b.clock.now()))
	}
	run(t, b.Dispatcher)
	testkit.Eventually(t, "every delivery is in the queue", func() bool { return len(b.queue.all()) == len(inHandoff)+1 })
}

func TestAQueuedEventIsAcceptedLikeAnyOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	payload := []byte(`{"id":"tx-1","type":"conversion.completed","publisher":"pub_1","data":{"payout":1.50}}`)
	for range 2 { // its task may come twice
		if err := b.AcceptQueued(t.Context(), payload); err != nil {
			t.Fatal(err)
		}
	}
	stored, deliveries, err := b.Ledger.Event(t.Context(), "tx-1")
	if err != nil || len(deliveries) != 1 || stored.Rejection != "" {
		t.Errorf("got %+v, %d deliveries, %v", stored, len(deliveries), err)
	}
	if rejected := b.rejected(t); len(rejected) != 0 {
		t.Errorf("rejected %+v", rejected)
	}
}

func (b *bench) rejected(t *testing.T) []postback.Event {
	t.Helper()
	events, _, err := b.Ledger.Events(t.Context(), postback.EventFilter{Rejected: true}, postback.Page{})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestABadQueuedEventIsRecordedWithItsReason(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.accept(t, event(t, "tx-1"))
	tests := []struct{ name, payload, reason string }{
		{"no JSON", "not JSON", "not valid JSON"},
		{"empty", "", "not valid JSON"},
		{"not UTF-8", "\xff\x00\xfe", "UTF-8"},
		{"lacks a publisher", `{"type":"conversion.completed","data":{}}`, "publisher: is required"},
		{"publisher that ends in white space", `{"type":"conversion.completed","publisher":"pub_1 ","data":{}}`, "publisher: begins or ends with white space"},
		{"publisher with a control character", `{"type":"conversion.completed","publisher":"pub_1\u0007","data":{}}`, "publisher: holds a control character"},
		{"forged for the operator", `{"type":"conversion.completed","publisher":"@operator","data":{}}`, "publisher: \"@operator\" is reserved"},
		{"forged by its type", `{"type":"endpoint.disabled","publisher":"pub_1","data":{}}`, `type: "endpoint.disabled" is an alert of Waybill`},
		{"too large", strings.Repeat(" ", postback.MaxEventBytes+1), "bytes"},
		{"other content under the same id", `{"id":"tx-1","type":"conversion.completed","publisher":"pub_1","data":{"a":1}}`, "other content"},
		{"nothing that the scheme can carry", `{"id":"tx-2","type":"conversion.completed","publisher":"pub_1","data":{"a":[]}}`, "data.a"},
	}
	for i, tt := range tests {
		for range 2 { // its task may come twice
			if err := b.AcceptQueued(t.Context(), []byte(tt.payload)); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			b.clock.advance(time.Second)
		}
		rejected := b.rejected(t)
		if len(rejected) != i+1 {
			t.Fatalf("%s: %d events are rejected, want %d", tt.name, len(rejected), i+1)
		}
		newest := rejected[0]
		if !strings.Contains(newest.Rejection, tt.reason) {
			t.Errorf("%s: the reason is %q, want %q", tt.name, newest.Rejection, tt.reason)
		}
		if strings.HasPrefix(newest.ID, "tx-") || len(newest.Data) > postback.MaxEventBytes {
			t.Errorf("%s: recorded as %s with %d bytes", tt.name, newest.ID, len(newest.Data))
		}
		if bytes.ContainsAny(newest.Data, "\x00\xff\xfe") {
			t.Errorf("%s: kept %q, which not every ledger can", tt.name, newest.Data)
		}
		lines := b.Logs.With("queued event rejected")
		if len(lines) != i+1 || lines[i]["event"] != newest.ID || lines[i]["rejection"] != newest.Rejection {
			t.Errorf("%s: logged %v, want a line for each rejected event", tt.name, lines)
		}
	}
	// The id is still free for the event as it should have been.
	if err := b.AcceptQueued(t.Context(), []byte(`{"id":"tx-2","type":"conversion.completed","publisher":"pub_1","data":{"a":1}}`)); err != nil {
		t.Fatal(err)
	}
	if _, deliveries, err := b.Ledger.Event(t.Context(), "tx-2"); err != nil || len(deliveries) != 1 {
		t.Errorf("got %d deliveries, %v", len(deliveries), err)
	}
}

func TestNewAsksForEveryPart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	lacking := map[string]func(*dispatcher.Options){
		"Ledger":     func(o *dispatcher.Options) { o.Accept.Ledger = nil },
		"Waiting":    func(o *dispatcher.Options) { o.Requeue.Ledger = nil },
		"Parking":    func(o *dispatcher.Options) { o.Release.Ledger = nil },
		"Groups":     func(o *dispatcher.Options) { o.Release.Groups = nil },
		"Replays":    func(o *dispatcher.Options) { o.Replay.Ledger = nil },
		"ReplayJobs": func(o *dispatcher.Options) { o.Replay.Jobs = nil },
		"Endpoints":  func(o *dispatcher.Options) { o.Endpoints = nil },
		"Rules":      func(o *dispatcher.Options) { o.Accept.Rules = nil },
		"Queue":      func(o *dispatcher.Options) { o.Enqueue.Queue = nil },
		"Epochs":     func(o *dispatcher.Options) { o.Rebuild.Epochs = nil },
		"Tracer":     func(o *dispatcher.Options) { o.Tracer = nil },
		"Logger":     func(o *dispatcher.Options) { o.Logger = nil },
		"MaxQueued":  func(o *dispatcher.Options) { o.Lanes.MaxQueued = 0 },
	}
	for name, take := range lacking {
		options := b.options()
		take(&options)
		if _, err := dispatcher.New(options); err == nil {
			t.Errorf("made without %s", name)
		}
	}
}
