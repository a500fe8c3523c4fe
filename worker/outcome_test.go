package worker_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/seal"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
	"github.com/waybillhq/waybill/worker"
)

func TestOnly200Succeeds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := testkit.NewReceiver(t)
	tests := []int{
		200, 201, 202, 203, 204, 205, 206, 226,
		300, 301, 302, 303, 304, 305, 307, 308,
		400, 401, 403, 404, 408, 410, 429, 499, 500, 502, 503, 504, 599, 999,
	}
	for _, status := range tests {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			b.receiver.Answer(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", other.URL+"/elsewhere")
				w.WriteHeader(status)
			})
			delivery, attempts := b.once(t, b.exchange(t).ID)
			attempt := attempts[0]
			if delivery.LastStatusCode != status || attempt.StatusCode != status {
				t.Errorf("the history says %d and %d", delivery.LastStatusCode, attempt.StatusCode)
			}
			if status == http.StatusGone {
				expectState(t, delivery, postback.Parked, postback.ReasonDisabled, 1)
				return
			}
			if status == http.StatusOK {
				expectState(t, delivery, postback.Succeeded, "", 1)
				if attempt.Outcome != postback.OutcomeSucceeded || attempt.Error != nil || delivery.LastError != "" {
					t.Errorf("got %+v", attempt)
				}
				return
			}
			expectState(t, delivery, postback.Retrying, "", 1)
			b.expectNext(t, delivery, time.Second)
			if attempt.Outcome != postback.OutcomeFailed || attempt.Error == nil || attempt.Error.Code != "status_not_200" ||
				delivery.LastError != "status_not_200" {
				t.Errorf("got %+v, last error %q", attempt, delivery.LastError)
			}
		})
	}
	b.expectRequests(t, len(tests))
	if followed := other.Requests(); len(followed) != 0 {
		t.Errorf("a redirect was followed: %+v", followed)
	}
}

func TestFailuresOnTheWayAreRetried(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gone := testkit.NewReceiver(t)
	gone.Answer(func(_ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	tests := []struct{ name, url, code string }{
		{"no such name", "http://nowhere.example.com/", egress.CodeDNS},
		{"nothing listens", "http://127.0.0.1:1/", egress.CodeConnectRefused},
		{"hangs up", gone.URL + "/", egress.CodeClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			endpoint := b.exchange(t, func(s *postback.EndpointSpec) { s.URL = tt.url })
			delivery, attempts := b.once(t, endpoint.ID)
			expectState(t, delivery, postback.Retrying, "", 1)
			attempt := attempts[0]
			if attempt.Error == nil || attempt.Error.Code != tt.code || attempt.StatusCode != 0 || attempt.Response != nil ||
				delivery.LastError != tt.code {
				t.Errorf("got %+v, want %s", attempt, tt.code)
			}
		})
	}
}

func TestATimeoutIsTheEndpoints(t *testing.T) {
	t.Parallel()
	b := setup(t)
	arrived, leave := make(chan struct{}, 1), make(chan struct{})
	defer close(leave)
	b.receiver.Answer(blocking(arrived, leave))
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) { s.Timeout = postback.Duration(100 * time.Millisecond) })
	delivery, attempts := b.once(t, endpoint.ID)
	expectState(t, delivery, postback.Retrying, "", 1)
	if attempts[0].Error.Code != egress.CodeTimeout {
		t.Errorf("got %+v", attempts[0].Error)
	}
}

func TestARefusedTargetIsADeadLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) { s.URL = "http://" + testkit.PrivateHost + "/" })
	delivery, attempts := b.once(t, endpoint.ID)
	expectState(t, delivery, postback.Dead, postback.ReasonRefused, 1)
	attempt := attempts[0]
	if attempt.Outcome != postback.OutcomeRefused || attempt.Error.Code != egress.CodeDenied || attempt.SourceIP != "" {
		t.Errorf("got %+v", attempt)
	}
}

func TestWhatTheSchemeCannotCarryIsADeadLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t)
	delivery, attempts := b.deliver(t, b.accept(t, endpoint.ID, `{"publicId":"ex_1"}`).Delivery.ID)
	expectState(t, delivery, postback.Dead, postback.ReasonUnsendable, 1)
	if attempts[0].Outcome != postback.OutcomeRefused || attempts[0].Error.Code != signer.CodeValueMissing {
		t.Errorf("got %+v", attempts[0])
	}
	if delivery.LastError != "value_missing: data.status" || delivery.FailedField() != "data.status" {
		t.Errorf("the last error is %q, without the field", delivery.LastError)
	}
	b.expectRequests(t, 0)
}

// The URL may get another macro while a delivery waits.
func TestAMacroThatCameLaterIsNotSentEmpty(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) { s.Scheme, s.URL = "bitlabs", b.receiver.URL+"/hook?tx=[%TX%]" })
	first, second := b.accept(t, endpoint.ID, `{"tx":"t1"}`), b.accept(t, endpoint.ID, `{"tx":"t2"}`)
	change := func(patch postback.EndpointPatch) {
		if _, _, err := b.Endpoints.Update(t.Context(), endpoint.ID, patch); err != nil {
			t.Fatal(err)
		}
	}
	change(postback.EndpointPatch{"url": b.receiver.URL + "/hook?tx=[%TX%]&uid=[%UID%]"})
	delivery, attempts := b.deliver(t, first.Delivery.ID)
	expectState(t, delivery, postback.Dead, postback.ReasonUnsendable, 1)
	if attempts[0].Outcome != postback.OutcomeRefused || attempts[0].Error.Code != signer.CodeValueMissing || attempts[0].Request.URL != "" {
		t.Errorf("got %+v", attempts[0])
	}
	if delivery.LastError != "value_missing: data.uid" {
		t.Errorf("the last error is %q, without the field", delivery.LastError)
	}
	b.expectRequests(t, 0)
	change(postback.EndpointPatch{"allow_empty": []string{"UID"}})
	delivery, _ = b.deliver(t, second.Delivery.ID)
	expectState(t, delivery, postback.Succeeded, "", 1)
	b.expectRequests(t, 1)
}

func TestOurOwnFailureUsesUpNoAttempt(t *testing.T) {
	t.Parallel()
	lost := &sender{result: egress.Result{Failure: &egress.Failure{Kind: egress.Infrastructure, Code: egress.CodeSource, Message: "no"}}}
	other, err := seal.NewKeyring(2, map[uint32][]byte{2: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*worker.Options){
		"the egress address is gone": func(o *worker.Options) { o.Send = lost },
		"the keyring lacks the key":  func(o *worker.Options) { o.Sign.Secrets = other },
		"the egress client gave it up": func(o *worker.Options) {
			o.Send = &sender{result: egress.Result{Failure: &egress.Failure{Kind: egress.Infrastructure, Code: egress.CodeCanceled}}}
		},
	}
	for name, alter := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, alter)
			endpoint := b.exchange(t)
			delivery, attempts := b.once(t, endpoint.ID)
			expectState(t, delivery, postback.Pending, "", 0)
			b.expectNext(t, delivery, 15*time.Second)
			if len(attempts) != 0 {
				t.Errorf("the history has %+v", attempts)
			}
			retrying := b.retrying(t, endpoint.ID)
			delivery, attempts = b.deliver(t, retrying)
			expectState(t, delivery, postback.Retrying, "", 1)
			b.expectNext(t, delivery, 15*time.Second)
			if len(attempts) != 1 {
				t.Errorf("the history has %d attempts", len(attempts))
			}
			b.expectRequests(t, 0)
		})
	}
}

// retrying is a delivery with one failed attempt.
func (b *bench) retrying(t *testing.T, endpointID string) string {
	t.Helper()
	due := b.accept(t, endpointID, exchangeData)
	err := b.Ledger.Record(t.Context(), postback.Transition{
		Ref: due.Delivery.Ref(), To: postback.Retrying, At: b.clock.now(), NextAttemptAt: b.clock.now(), SweepAt: b.clock.now(),
		Attempt: &postback.Attempt{
			DeliveryID: due.Delivery.ID, Generation: 1, Number: 1, Trigger: postback.TriggerEvent, StartedAt: b.clock.now(),
			Outcome: postback.OutcomeFailed, StatusCode: 500, Error: &postback.AttemptError{Code: "status_not_200"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return due.Delivery.ID
}

func TestTheGateLetsNothingOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tests := []struct {
		name   string
		alter  func(endpointID string) error
		state  postback.State
		reason postback.Reason
	}{
		{"paused", func(id string) error { _, err := b.Endpoints.Pause(t.Context(), id); return err }, postback.Parked, postback.ReasonPaused},
		{"deleted", func(id string) error { return b.markDeleted(t, id) }, postback.Cancelled, postback.ReasonEndpointDeleted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			endpoint := b.exchange(t)
			first, later := b.accept(t, endpoint.ID, exchangeData).Delivery.ID, b.retrying(t, endpoint.ID)
			if err := tt.alter(endpoint.ID); err != nil {
				t.Fatal(err)
			}
			delivery, attempts := b.deliver(t, first)
			expectState(t, delivery, tt.state, tt.reason, 0)
			if len(attempts) != 0 || !delivery.NextAttemptAt.IsZero() {
				t.Errorf("got %d attempts, the next one at %v", len(attempts), delivery.NextAttemptAt)
			}
			delivery, attempts = b.deliver(t, later)
			expectState(t, delivery, tt.state, tt.reason, 1)
			if len(attempts) != 1 {
				t.Errorf("got %d attempts", len(attempts))
			}
		})
	}
	b.expectRequests(t, 0)
}

// markDeleted deletes the endpoint and leaves its deliveries to the worker.
func (b *bench) markDeleted(t *testing.T, endpointID string) error {
	endpoint, err := b.Ledger.Endpoint(t.Context(), endpointID)
	if err != nil {
		return err
	}
	endpoint.State = postback.EndpointDeleted
	if _, err := b.Ledger.SaveEndpoint(t.Context(), endpoint); err != nil {
		return err
	}
	return b.Registry.Refresh(t.Context())
}

func TestAnEndpointThatIsNotKnownYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	delivery, attempts := b.once(t, "ep_unknown")
	expectState(t, delivery, postback.Pending, "", 0)
	b.expectNext(t, delivery, 2*time.Second)
	if len(attempts) != 0 {
		t.Errorf("the history has %+v", attempts)
	}
	delivery, _ = b.deliver(t, b.retrying(t, "ep_unknown"))
	expectState(t, delivery, postback.Retrying, "", 1)
	b.expectNext(t, delivery, 2*time.Second)
}

func TestMessagesSayWhatWasAnswered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(testkit.Status(http.StatusNoContent))
	_, attempts := b.once(t, b.exchange(t).ID)
	if want := fmt.Sprintf("the endpoint answered %d; only 200 is success", 204); attempts[0].Error.Message != want {
		t.Errorf("got %q, want %q", attempts[0].Error.Message, want)
	}
}
