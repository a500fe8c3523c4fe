package worker_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
	"github.com/waybillhq/waybill/worker"
)

// alerts notes the alerts of operators, and may be away.
type alerts struct {
	mu   sync.Mutex
	all  []postback.Block
	away bool
}

func (a *alerts) Blocked(_ context.Context, block postback.Block) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.away {
		return errAway
	}
	a.all = append(a.all, block)
	return nil
}

// sealed opens no secret until it is mended.
type sealed struct {
	worker.Opener

	mended bool
}

func (s *sealed) Open(text []byte, endpointID string, version int) (postback.Secret, error) {
	if s.mended {
		return s.Opener.Open(text, endpointID, version)
	}
	return postback.Secret{}, postback.Failure("secret_sealed", "the keyring lacks key 2")
}

// missing knows no scheme until it is mended.
type missing struct {
	worker.Schemes

	mended bool
}

func (m *missing) Define(name string) (*signer.Definition, error) {
	if m.mended {
		return m.Schemes.Define(name)
	}
	return nil, signer.UnknownScheme(name, nil)
}

// garbled has expectations that cannot be read until it is mended.
type garbled struct {
	worker.Endpoints

	mended bool
}

func (g *garbled) Endpoint(id string) (postback.Endpoint, bool) {
	endpoint, known := g.Endpoints.Endpoint(id)
	if !g.mended {
		endpoint.Expect = &postback.Expect{Regex: "("}
	}
	return endpoint, known
}

// causes break what an endpoint's requests are made with, and mend it.
func causes() map[string]func(*worker.Options) (mend func()) {
	return map[string]func(*worker.Options) func(){
		"secret_sealed": func(o *worker.Options) func() {
			broken := &sealed{Opener: o.Sign.Secrets}
			o.Sign.Secrets = broken
			return func() { broken.mended = true }
		},
		"unknown_scheme": func(o *worker.Options) func() {
			broken := &missing{Schemes: o.Sign.Schemes}
			o.Sign.Schemes = broken
			return func() { broken.mended = true }
		},
		"expect_invalid": func(o *worker.Options) func() {
			broken := &garbled{Endpoints: o.Gate.Endpoints}
			o.Gate.Endpoints = broken
			return func() { broken.mended = true }
		},
	}
}

// What keeps an endpoint's deliveries from being sent is our own failure: they
// use up no attempt, show why they wait, and go on when it is mended.
func TestABlockedDeliverySaysWhyAndGoesOn(t *testing.T) {
	t.Parallel()
	for cause, breaks := range causes() {
		t.Run(cause, func(t *testing.T) {
			t.Parallel()
			sent := &alerts{}
			var mend func()
			b := setup(t, func(o *worker.Options) { mend, o.Decide.Alerts = breaks(o), sent })
			endpoint := b.exchange(t)
			delivery := b.accept(t, endpoint.ID, exchangeData).Delivery
			for range 3 {
				got, attempts := b.deliver(t, delivery.ID)
				expectState(t, got, postback.Pending, "", 0)
				if got.LastError != cause || len(attempts) != 0 {
					t.Errorf("it waits for %q after %d attempts", got.LastError, len(attempts))
				}
				b.expectNext(t, got, 15*time.Second)
			}
			if len(sent.all) != 1 || sent.all[0].EndpointID != endpoint.ID || sent.all[0].Cause != cause || sent.all[0].Message == "" {
				t.Errorf("operators were alerted of %+v, want %s once", sent.all, cause)
			}
			if message := sent.all[0].Message; cause == "unknown_scheme" &&
				(!strings.HasPrefix(message, "unknown scheme \"simpleswap\"") || !strings.Contains(message, "put its declaration back") || !strings.Contains(message, "--schemes")) {
				t.Errorf("operators are alerted with %q", message)
			}
			mend()
			got, _ := b.deliver(t, delivery.ID)
			expectState(t, got, postback.Succeeded, "", 1)
		})
	}
}

// While a secret does not open, no attempt is recorded that seems to say that it does.
func TestABlockedDeliveryIsNotRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *worker.Options) { causes()["secret_sealed"](o) })
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) { s.Scheme, s.URL = "bitlabs", b.receiver.URL+"/hook?uid=[%UID%]" })
	got, attempts := b.once(t, endpoint.ID)
	expectState(t, got, postback.Pending, "", 0)
	if got.LastError != "secret_sealed" || len(attempts) != 0 {
		t.Errorf("it waits for %q after %d attempts", got.LastError, len(attempts))
	}
}

// An example says by the same code what keeps an endpoint's deliveries waiting.
func TestAnExampleSaysWhatBlocksIt(t *testing.T) {
	t.Parallel()
	for cause, breaks := range causes() {
		t.Run(cause, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *worker.Options) { breaks(o) })
			endpoint := b.exchange(t)
			_, attempt, err := b.worker.Example(t.Context(), endpoint.ID, "")
			got := string(postback.CodeOf(err))
			if err == nil && attempt.Error != nil {
				got = attempt.Error.Code
			}
			if got != cause {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

// A blocked delivery ends at its max_age though it never was sent.
func TestABlockedDeliveryEndsAtItsMaxAge(t *testing.T) {
	t.Parallel()
	for cause, breaks := range causes() {
		t.Run(cause, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *worker.Options) { breaks(o) })
			endpoint := b.exchange(t, func(spec *postback.EndpointSpec) { spec.Retry.MaxAge = postback.Duration(time.Hour) })
			delivery := b.accept(t, endpoint.ID, exchangeData).Delivery
			b.clock.advance(time.Hour - time.Second)
			got, _ := b.deliver(t, delivery.ID)
			expectState(t, got, postback.Pending, "", 0)
			b.clock.advance(time.Minute)
			got, attempts := b.deliver(t, delivery.ID)
			expectState(t, got, postback.Dead, postback.ReasonMaxAge, 0)
			if got.LastError != cause || len(attempts) != 0 {
				t.Errorf("it ended with %q after %d attempts", got.LastError, len(attempts))
			}
			b.expectRequests(t, 0)
		})
	}
}

// An egress path that is gone is nobody's fault: no operator hears of endpoints, and
// nothing ends.
func TestAMissingWayOutBlocksNoEndpoint(t *testing.T) {
	t.Parallel()
	sent := &alerts{}
	b := setup(t, func(o *worker.Options) {
		o.Decide.Alerts = sent
		o.Send = &sender{result: egress.Result{Failure: &egress.Failure{Kind: egress.Infrastructure, Code: egress.CodeSource, Message: "no"}}}
	})
	endpoint := b.exchange(t, func(spec *postback.EndpointSpec) { spec.Retry.MaxAge = postback.Duration(time.Hour) })
	delivery := b.accept(t, endpoint.ID, exchangeData).Delivery
	b.clock.advance(2 * time.Hour)
	got, attempts := b.deliver(t, delivery.ID)
	expectState(t, got, postback.Pending, "", 0)
	if got.LastError != egress.CodeSource || len(attempts) != 0 || len(sent.all) != 0 {
		t.Errorf("it waits for %q after %d attempts; operators were alerted of %+v", got.LastError, len(attempts), sent.all)
	}
}

// An alert that could not be sent is sent with the next delivery; one that was
// is not sent again for some time.
func TestAnAlertThatFailedIsSentAgain(t *testing.T) {
	t.Parallel()
	sent := &alerts{away: true}
	b := setup(t, func(o *worker.Options) { o.Sign.Secrets, o.Decide.Alerts = &sealed{}, sent })
	endpoint := b.exchange(t)
	for i, step := range []struct {
		away bool
		want int
	}{{true, 0}, {false, 1}, {false, 1}} {
		sent.away = step.away
		b.once(t, endpoint.ID)
		if len(sent.all) != step.want {
			t.Errorf("step %d: operators were alerted %d times, want %d", i, len(sent.all), step.want)
		}
	}
	b.clock.advance(time.Hour)
	b.once(t, endpoint.ID)
	if len(sent.all) != 2 {
		t.Errorf("after an hour they were alerted %d times", len(sent.all))
	}
}

// hanging alerts nobody until it is let go.
type hanging struct{ began, leave chan struct{} }

func (h *hanging) Blocked(context.Context, postback.Block) error {
	h.began <- struct{}{}
	<-h.leave
	return errAway
}

// However long the ledger takes for an alert, one attempt waits for it.
func TestAnAlertThatHangsHoldsUpOneAttempt(t *testing.T) {
	t.Parallel()
	sent := &hanging{began: make(chan struct{}, 9), leave: make(chan struct{})}
	b := setup(t, func(o *worker.Options) { o.Sign.Secrets, o.Decide.Alerts = &sealed{}, sent })
	first := b.accept(t, b.exchange(t).ID, exchangeData)
	done := make(chan error, 1)
	go func() { done <- b.worker.Deliver(t.Context(), fresh(first)) }()
	<-sent.began
	for range 3 {
		got, _ := b.once(t, b.exchange(t).ID)
		expectState(t, got, postback.Pending, "", 0)
	}
	close(sent.leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
	b.once(t, b.exchange(t).ID)
	if len(sent.began) != 1 {
		t.Errorf("%d more alerts were begun", len(sent.began))
	}
}
