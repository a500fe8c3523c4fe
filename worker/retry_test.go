package worker_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

func TestTheScheduleIsKeptAndThenItIsDead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(testkit.Status(http.StatusInternalServerError))
	id := b.accept(t, b.exchange(t).ID, exchangeData).Delivery.ID
	for i, pause := range []time.Duration{time.Second, time.Minute} {
		delivery, attempts := b.deliver(t, id)
		expectState(t, delivery, postback.Retrying, "", i+1)
		b.expectNext(t, delivery, pause)
		expectTriggers(t, attempts, []postback.Trigger{postback.TriggerEvent, postback.TriggerRetry}[:i+1])
		b.clock.advance(pause)
	}
	delivery, attempts := b.deliver(t, id)
	expectState(t, delivery, postback.Dead, postback.ReasonExhausted, 3)
	expectTriggers(t, attempts, []postback.Trigger{postback.TriggerEvent, postback.TriggerRetry, postback.TriggerRetry})
	if !delivery.CompletedAt.Equal(b.clock.now()) || !delivery.NextAttemptAt.IsZero() {
		t.Errorf("ended at %v, next attempt at %v", delivery.CompletedAt, delivery.NextAttemptAt)
	}
}

func expectTriggers(t *testing.T, attempts []postback.Attempt, want []postback.Trigger) {
	t.Helper()
	if len(attempts) != len(want) {
		t.Fatalf("%d attempts are in the history, want %d", len(attempts), len(want))
	}
	for i, attempt := range attempts {
		if attempt.Trigger != want[i] || attempt.Number != i+1 {
			t.Errorf("attempt %d: got number %d, %s, want %s", i+1, attempt.Number, attempt.Trigger, want[i])
		}
	}
}

func TestARetryMaySucceed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(testkit.Status(http.StatusBadGateway))
	id := b.accept(t, b.exchange(t).ID, exchangeData).Delivery.ID
	b.deliver(t, id)
	b.receiver.Answer(testkit.Status(http.StatusOK))
	delivery, _ := b.deliver(t, id)
	expectState(t, delivery, postback.Succeeded, "", 2)
	if delivery.LastStatusCode != 200 || delivery.LastError != "" {
		t.Errorf("got %d %q", delivery.LastStatusCode, delivery.LastError)
	}
}

func TestMaxAgeEndsADelivery(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(testkit.Status(http.StatusInternalServerError))
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) {
		s.Retry.MaxAge = postback.Duration(30 * time.Second)
	})
	// The second retry, after a minute, would come too late.
	id := b.accept(t, endpoint.ID, exchangeData).Delivery.ID
	delivery, _ := b.deliver(t, id)
	expectState(t, delivery, postback.Retrying, "", 1)
	delivery, _ = b.deliver(t, id)
	expectState(t, delivery, postback.Dead, postback.ReasonMaxAge, 2)
	b.expectRequests(t, 2)

	// A retry that was late itself is not made.
	id = b.accept(t, endpoint.ID, exchangeData).Delivery.ID
	b.deliver(t, id)
	b.clock.advance(30*time.Second + time.Microsecond)
	delivery, attempts := b.deliver(t, id)
	expectState(t, delivery, postback.Dead, postback.ReasonMaxAge, 1)
	if len(attempts) != 1 {
		t.Errorf("the history has %d attempts", len(attempts))
	}
	b.expectRequests(t, 3)

	// A first attempt is made however late: that is not the endpoint's fault.
	id = b.accept(t, endpoint.ID, exchangeData).Delivery.ID
	b.clock.advance(time.Hour)
	b.receiver.Answer(testkit.Status(http.StatusOK))
	delivery, _ = b.deliver(t, id)
	expectState(t, delivery, postback.Succeeded, "", 1)
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) {
		s.Retry = postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(10 * time.Second)}}
	})
	inAMinute := b.clock.now().Truncate(time.Second).Add(time.Minute)
	tests := []struct {
		name, header string
		want         time.Duration
	}{
		{"seconds", "120", 2 * time.Minute},
		{"a date", inAMinute.Format(http.TimeFormat), inAMinute.Sub(b.clock.now())},
		{"sooner than the policy", "5", 10 * time.Second},
		{"none", "", 10 * time.Second},
		{"longer than the cap", "86400", time.Hour},
		{"beyond every number", "99999999999999999999999", 10 * time.Second},
		{"negative", "-120", 10 * time.Second},
		{"fraction", "120.5", 10 * time.Second},
		{"words", "tomorrow", 10 * time.Second},
		{"a date in the past", b.clock.now().Add(-time.Hour).Format(http.TimeFormat), 10 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b.receiver.Answer(func(w http.ResponseWriter, _ *http.Request) {
				if tt.header != "" {
					w.Header().Set("Retry-After", tt.header)
				}
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			delivery, _ := b.once(t, endpoint.ID)
			expectState(t, delivery, postback.Retrying, "", 1)
			if tt.name == "beyond every number" && delivery.NextAttemptAt.Equal(b.clock.now().Add(time.Hour)) {
				return // taken for very long, which the cap shortens
			}
			b.expectNext(t, delivery, tt.want)
		})
	}
}

func TestRetryAfterDoesNotOutliveMaxAge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) { s.Retry.MaxAge = postback.Duration(time.Minute) })
	delivery, _ := b.once(t, endpoint.ID)
	expectState(t, delivery, postback.Dead, postback.ReasonMaxAge, 1)
}

func TestRetryAfterDoesNotReviveAnExhaustedDelivery(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) { s.Retry = postback.RetryPolicy{MaxAttempts: 1} })
	delivery, _ := b.once(t, endpoint.ID)
	expectState(t, delivery, postback.Dead, postback.ReasonExhausted, 1)
}

func TestAReplayHasItsOwnBudget(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(testkit.Status(http.StatusInternalServerError))
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) {
		s.Retry = postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(time.Second)}, MaxAge: postback.Duration(time.Minute)}
	})
	id := b.accept(t, endpoint.ID, exchangeData).Delivery.ID
	b.deliver(t, id)
	delivery, _ := b.deliver(t, id)
	expectState(t, delivery, postback.Dead, postback.ReasonExhausted, 2)

	b.clock.advance(24 * time.Hour)
	b.reopen(t, id)
	delivery, attempts := b.deliver(t, id)
	expectState(t, delivery, postback.Retrying, "", 3)
	b.expectNext(t, delivery, time.Second)
	if last := attempts[2]; last.Trigger != postback.TriggerReplay || last.Generation != 2 || last.Number != 3 {
		t.Errorf("got %+v", last)
	}
	delivery, attempts = b.deliver(t, id)
	expectState(t, delivery, postback.Dead, postback.ReasonExhausted, 4)
	if attempts[3].Trigger != postback.TriggerRetry {
		t.Errorf("got %+v", attempts[3])
	}
}

func (b *bench) reopen(t *testing.T, id string) {
	t.Helper()
	reopened, err := b.Ledger.Reopen(t.Context(), []string{id}, b.clock.now(), b.clock.now())
	if err != nil || reopened[0].Err != nil {
		t.Fatalf("reopen: %v, %+v", err, reopened)
	}
}
