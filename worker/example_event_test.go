package worker_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

func TestExampleIsSentAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t)
	delivery, attempt, err := b.worker.Example(t.Context(), endpoint.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	expectState(t, delivery, postback.Succeeded, "", 1)
	if attempt.Trigger != postback.TriggerExample || attempt.StatusCode != 200 || attempt.Request.StringToSign == "" {
		t.Errorf("got %+v", attempt)
	}
	b.expectRequests(t, 1)
	stored, attempts := b.read(t, delivery.ID)
	expectState(t, stored, postback.Succeeded, "", 1)
	if stored.Reference != "exchange_1001" {
		t.Errorf("the example's reference is %q", stored.Reference)
	}
	if !stored.Test || stored.EventType != "exchange.finished" || len(attempts) != 1 || !stored.CompletedAt.Equal(delivery.CompletedAt) {
		t.Errorf("the history has %+v with %d attempts", stored, len(attempts))
	}
	event, _, err := b.Ledger.Event(t.Context(), delivery.EventID)
	if err != nil || !event.Test {
		t.Errorf("got %+v, %v", event, err)
	}
}

func TestAFailedExampleIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(testkit.Status(http.StatusInternalServerError))
	reachable := b.exchange(t)
	refused := b.exchange(t, func(s *postback.EndpointSpec) { s.URL = "http://" + testkit.PrivateHost + "/" })
	for _, endpoint := range []postback.Endpoint{reachable, refused} {
		delivery, attempt, err := b.worker.Example(t.Context(), endpoint.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		expectState(t, delivery, postback.Dead, postback.ReasonExample, 1)
		if attempt.Error == nil || delivery.LastError != attempt.Error.Code {
			t.Errorf("got %+v, last error %q", attempt.Error, delivery.LastError)
		}
		stored, _ := b.read(t, delivery.ID)
		expectState(t, stored, postback.Dead, postback.ReasonExample, 1)
	}
	count, err := b.Ledger.CountDeliveries(t.Context(), postback.DeliveryFilter{States: []postback.State{postback.Dead}, NoTests: true})
	if err != nil || count != 0 {
		t.Errorf("%d examples would be replayed, %v", count, err)
	}
}

func TestAnExampleShowsOurOwnFailure(t *testing.T) {
	t.Parallel()
	failure := &egress.Failure{Kind: egress.Infrastructure, Code: egress.CodeSource, Message: "cannot bind"}
	b := setup(t, func(o *worker.Options) { o.Send = &sender{result: egress.Result{Failure: failure}} })
	delivery, attempt, err := b.worker.Example(t.Context(), b.exchange(t).ID, "")
	if err != nil {
		t.Fatal(err)
	}
	expectState(t, delivery, postback.Dead, postback.ReasonExample, 1)
	if attempt.Error == nil || attempt.Error.Code != egress.CodeSource {
		t.Errorf("got %+v", attempt)
	}
}

func TestExampleRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	paused, deleted, good := b.exchange(t), b.exchange(t), b.exchange(t)
	if _, err := b.Endpoints.Pause(t.Context(), paused.ID); err != nil {
		t.Fatal(err)
	}
	if err := b.Endpoints.Delete(t.Context(), deleted.ID); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, endpoint, eventType string
		code                      postback.Code
	}{
		{"paused", paused.ID, "", postback.CodeConflict},
		{"deleted", deleted.ID, "", postback.CodeNotFound},
		{"unknown", "ep_unknown", "", postback.CodeNotFound},
		{"no event type", good.ID, "order.paid", postback.CodeInvalid},
	}
	for _, tt := range tests {
		if _, _, err := b.worker.Example(t.Context(), tt.endpoint, tt.eventType); postback.CodeOf(err) != tt.code {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.code)
		}
	}
	b.expectRequests(t, 0)
}

func TestExampleHasATypeThatTheEndpointWants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tests := []struct {
		scheme string
		wants  []string
		asked  string
		want   string
	}{
		{"simpleswap", nil, "", "exchange.finished"},
		{"besitos", nil, "", "conversion.completed"},
		{"besitos", []string{"exchange.*"}, "", "exchange.finished"},
		{"besitos", []string{"conversion.reversed"}, "", "conversion.reversed"},
		{"besitos", []string{"conversion.reversed"}, "conversion.pending", "conversion.pending"},
	}
	for _, tt := range tests {
		endpoint := b.exchange(t, func(s *postback.EndpointSpec) { s.Scheme, s.EventTypes = tt.scheme, tt.wants })
		delivery, _, err := b.worker.Example(t.Context(), endpoint.ID, tt.asked)
		if err != nil || delivery.EventType != tt.want {
			t.Errorf("%s that wants %v: got %q, %v, want %q", tt.scheme, tt.wants, delivery.EventType, err, tt.want)
		}
	}
}

// An example whose sender died is ended by whoever finds it.
func TestAnExampleThatWasLeftBehindIsEndedByTheSweeper(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t)
	b.receiver.Answer(testkit.Status(http.StatusInternalServerError))
	event := postback.Event{ID: "evt_left", Type: "exchange.finished", Publisher: "pub_1", Test: true, Data: []byte(exchangeData), AcceptedAt: b.clock.now()}
	left := postback.Delivery{
		ID: "dlv_0194b9aa0194b9aa0194b9aa0194b9aa", EventID: event.ID, EventType: event.Type, Publisher: "pub_1", EndpointID: endpoint.ID,
		State: postback.Pending, Generation: 1, Test: true, CreatedAt: b.clock.now(), OpenedAt: b.clock.now(),
		NextAttemptAt: b.clock.now(), SweepAt: b.clock.now().Add(time.Minute),
	}
	if _, err := b.Ledger.Accept(t.Context(), []postback.Acceptance{{Event: event, Deliveries: []postback.Delivery{left}}}); err != nil {
		t.Fatal(err)
	}
	ended, _ := b.deliver(t, left.ID)
	expectState(t, ended, postback.Dead, postback.ReasonExample, 1)
}

func TestAnExampleThatCannotBeRecordedIsNotSent(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *worker.Options) { o.Examples = away{} })
	if _, _, err := b.worker.Example(t.Context(), b.exchange(t).ID, ""); !errors.Is(err, errAway) {
		t.Errorf("got %v", err)
	}
	b.expectRequests(t, 0)
}
