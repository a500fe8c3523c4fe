package dispatcher_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// An event that reached nobody is not lost: it is warned of, and delivered when
// there is an endpoint for it.
func TestAnEventThatReachedNobodyIsDeliveredLater(t *testing.T) {
	t.Parallel()
	b := setup(t)
	answer := b.accept(t, event(t, "tx-1"))
	if len(answer.Warnings) != 1 || answer.Warnings[0].Code != postback.WarnNoEndpoint || !strings.Contains(answer.Warnings[0].Message, "has no endpoint") {
		t.Errorf("warned %+v", answer.Warnings)
	}
	b.offer(t, func(s *postback.EndpointSpec) { s.EventTypes = []string{"exchange.*"} })
	again := b.accept(t, event(t, "tx-1"))
	if !again.Duplicate || len(again.Warnings) != 1 || !strings.Contains(again.Warnings[0].Message, "takes conversion.completed") {
		t.Errorf("the repeat is answered %+v", again)
	}
	unmatched := postback.EventFilter{Unmatched: true, Publisher: "pub_1"}
	if done := b.rematch(t, unmatched, false); countsOf(done) != (counts{Events: 1, Unmatched: 1}) {
		t.Errorf("with no endpoint: %+v", done)
	}
	b.clock.advance(time.Hour)
	good := b.offer(t)
	b.swept(t)
	run(t, b.Dispatcher)
	if done := b.rematch(t, unmatched, true); countsOf(done) != (counts{Events: 1, Deliveries: 1}) || b.count(t, postback.DeliveryFilter{}) != 0 {
		t.Errorf("a dry run: %+v", done)
	}
	if done := b.rematch(t, unmatched, false); countsOf(done) != (counts{Events: 1, Deliveries: 1}) {
		t.Errorf("got %+v", done)
	}
	testkit.Eventually(t, "the delivery is in the queue", func() bool { return len(b.queue.all()) == 1 })
	made := b.queue.all()[0].Due.Delivery
	if made.EndpointID != good.ID || !made.OpenedAt.Equal(b.clock.now()) || !made.CreatedAt.Equal(answer.Event.AcceptedAt) || !made.NextAttemptAt.Equal(b.clock.now()) {
		t.Errorf("queued %+v", made)
	}
	for _, filter := range []postback.EventFilter{unmatched, {Publisher: "pub_1"}} { // again, as after a crash
		if done := b.rematch(t, filter, false); done.Deliveries != 0 || done.Unmatched != 0 {
			t.Errorf("again: %+v", done)
		}
	}
	if b.count(t, postback.DeliveryFilter{}) != 1 {
		t.Error("the event was delivered twice")
	}
}

func (b *bench) rematch(t *testing.T, filter postback.EventFilter, dryRun bool) postback.Rematch {
	t.Helper()
	done, err := b.DeliverEvents(t.Context(), filter, "", dryRun)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// countsOf is what became of events, without why.
func countsOf(done postback.Rematch) counts {
	return counts{done.Events, done.Deliveries, done.Unmatched, done.Unsendable}
}

// counts are how many events were looked at, how many deliveries were made, and how
// many events stay unmatched or are unsendable.
type counts struct{ Events, Deliveries, Unmatched, Unsendable int }

func TestALateEndpointGetsWhatOthersGot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.accept(t, event(t, "tx-1"))
	late, bad := b.offer(t), b.offer(t, func(s *postback.EndpointSpec) { s.Scheme = "simpleswap" })
	if done := b.rematch(t, postback.EventFilter{Publisher: "pub_1"}, false); countsOf(done) != (counts{Events: 1, Deliveries: 2}) {
		t.Errorf("got %+v", done)
	}
	for id, state := range map[string]postback.State{late.ID: postback.Pending, bad.ID: postback.Dead} {
		if got := b.count(t, postback.DeliveryFilter{EndpointID: id, States: []postback.State{state}}); got != 1 {
			t.Errorf("%s has %d deliveries that are %s", id, got, state)
		}
	}
}

func TestWhatNobodyCanCarryStaysUnmatched(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.accept(t, event(t, "tx-1"))
	b.offer(t, func(s *postback.EndpointSpec) { s.Scheme = "simpleswap" })
	unmatched := postback.EventFilter{Unmatched: true}
	for range 2 {
		if done := b.rematch(t, unmatched, false); countsOf(done) != (counts{Events: 1, Unsendable: 1}) {
			t.Errorf("got %+v", done)
		}
	}
}

// Whoever matches events again learns which endpoint cannot carry which of them, of
// those that another endpoint gets as well.
func TestWhatCannotBeCarriedIsNamed(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 1} {
		b := setup(t)
		for i := range 3 {
			b.accept(t, event(t, fmt.Sprintf("tx-%d", i)))
		}
		var bad []string
		for range postback.MaxProblems + 2 {
			bad = append(bad, b.offer(t, func(s *postback.EndpointSpec) { s.Scheme = "simpleswap" }).ID)
		}
		for range others {
			b.offer(t)
		}
		done := b.rematch(t, postback.EventFilter{Unmatched: true}, true)
		if done.Unsendable != 3*(1-others) || len(done.Problems.Named) != postback.MaxProblems || done.Problems.More != 3*2 {
			t.Fatalf("got %+v", done)
		}
		for _, one := range done.Problems.Named {
			if !slices.Contains(bad, one.EndpointID) || one.Field != "data.publicId" || one.Code != signer.CodeValueMissing ||
				one.Message == "" || one.EventID != "tx-2" || one.Events != 3 {
				t.Errorf("got %+v", one)
			}
		}
	}
}

func TestManyEventsAreDeliveredInSteps(t *testing.T) {
	t.Parallel()
	b := setup(t)
	events := make([]postback.Event, postback.MaxBatch)
	for i := range events {
		events[i] = event(t, fmt.Sprintf("tx-%04d", i))
	}
	for range 2 {
		if _, err := b.Accept(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		for i := range events {
			events[i].ID += "-b"
		}
	}
	b.offer(t)
	cursor, total, calls := "", 0, 0
	for done := false; !done; calls++ {
		part, err := b.DeliverEvents(t.Context(), postback.EventFilter{Unmatched: true}, cursor, false)
		if err != nil || part.Events > 1100 {
			t.Fatalf("got %+v, %v", part, err)
		}
		total += part.Deliveries
		cursor, done = part.Next, part.Next == ""
	}
	if total != 2*len(events) || calls < 2 || b.count(t, postback.DeliveryFilter{}) != total {
		t.Errorf("%d deliveries in %d calls", total, calls)
	}
}

func TestDeliveringNeedsTheLedger(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	_, err := b.DeliverEvents(t.Context(), postback.EventFilter{}, "garbage", false)
	var refused *postback.Error
	if !errors.As(err, &refused) || refused.Field != "cursor" {
		t.Errorf("got %v", err)
	}
}
