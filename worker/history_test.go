package worker_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

func TestTheHistoryShowsWhatWasSent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("X-Two", "a")
		w.Header().Add("X-Two", "b")
		_, _ = w.Write([]byte("credited"))
	})
	delivery, attempts := b.once(t, b.exchange(t).ID)
	sent, attempt := b.expectRequests(t, 1)[0], attempts[0]
	if attempt.Request.Method != sent.Method || attempt.Request.URL != sent.URL || !bytes.Equal(attempt.Request.Body, sent.Body) {
		t.Errorf("the history has %+v\nthe receiver got %+v", attempt.Request, sent)
	}
	if got := attempt.Request.Headers["Content-Type"]; got != sent.Header.Get("Content-Type") || got == "" {
		t.Errorf("the history has the content type %q", got)
	}
	wantSigned := delivery.MessageID() + "_ex_1_finished_<secret>"
	if attempt.Request.StringToSign != wantSigned {
		t.Errorf("got the string to sign %q, want %q", attempt.Request.StringToSign, wantSigned)
	}
	if attempt.SourceIP != "127.0.0.1" || attempt.SecretVersion != 1 || attempt.Generation != 1 || attempt.Number != 1 {
		t.Errorf("got %+v", attempt)
	}
	response := attempt.Response
	if response == nil || string(response.Body) != "credited" || response.Truncated || response.Headers["X-Two"] != "a, b" {
		t.Errorf("got the response %+v", response)
	}
	if !bytes.Contains(sent.Body, []byte(`"amount":1.50`)) {
		t.Errorf("the number lost its spelling: %s", sent.Body)
	}
}

func TestAnAnswersBodyIsCut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t)
	tests := []struct {
		size      int
		truncated bool
	}{{0, false}, {storedBody, false}, {storedBody + 1, true}, {1 << 20, true}}
	for _, tt := range tests {
		body := slices.Repeat([]byte{0, 0xff, 'x', '\x1b'}, tt.size/4+1)[:tt.size]
		b.receiver.Answer(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
		delivery, attempts := b.once(t, endpoint.ID)
		expectState(t, delivery, postback.Succeeded, "", 1)
		response := attempts[0].Response
		if !bytes.Equal(response.Body, body[:min(tt.size, storedBody)]) || response.Truncated != tt.truncated {
			t.Errorf("%d bytes: kept %d, truncated %t", tt.size, len(response.Body), response.Truncated)
		}
	}
}

func TestCustomHeadersAreSentAndMasked(t *testing.T) {
	t.Parallel()
	const credential = "Bearer cr3dential"
	b := setup(t)
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) {
		s.Headers = map[string]string{"authorization": credential, "X-Empty": "", "Content-Type": "text/plain"}
	})
	_, attempts := b.once(t, endpoint.ID)
	sent, shown := b.expectRequests(t, 1)[0].Header, attempts[0].Request.Headers
	if sent.Get("Authorization") != credential {
		t.Errorf("sent %v", sent)
	}
	if shown["Authorization"] != "[custom]" || shown["X-Empty"] != "[custom]" {
		t.Errorf("the history shows %v", shown)
	}
	// A custom header never replaces the scheme's own, and the history says so.
	if sent.Get("Content-Type") != "application/json" || shown["Content-Type"] != "application/json" {
		t.Errorf("sent %q, shown %q", sent.Get("Content-Type"), shown["Content-Type"])
	}
	if everything := b.everythingKept(t, attempts); strings.Contains(everything, "cr3dential") {
		t.Error("the credential is kept")
	}
}

// everythingKept is what an operator could see: the attempts, every log line
// and every span.
func (b *bench) everythingKept(t *testing.T, attempts []postback.Attempt) string {
	t.Helper()
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	for _, attempt := range attempts {
		if err := encoder.Encode(attempt); err != nil {
			t.Fatal(err)
		}
		text.Write(attempt.Request.Body) // as text, not as base64
		if attempt.Response != nil {
			text.Write(attempt.Response.Body)
		}
	}
	text.WriteString(b.Logs.String())
	for _, span := range b.spans.Ended() {
		text.WriteString(span.Name() + span.Status().Description)
		for _, attribute := range span.Attributes() {
			text.WriteString(attribute.Value.String())
		}
		for _, event := range span.Events() {
			for _, attribute := range event.Attributes {
				text.WriteString(attribute.Value.String())
			}
		}
	}
	if text.Len() == 0 {
		t.Fatal("nothing was kept")
	}
	return text.String()
}

func TestTheSecretIsKeptNowhere(t *testing.T) {
	t.Parallel()
	const secret = "Zs3cretZs3cretZs3cretZs3cretZ"
	tests := []struct{ scheme, path, data, eventType string }{
		{"simpleswap", "/hook", exchangeData, "exchange.finished"},
		{"besitos", "/hook", `{"user_id":"u_1","payout":1.50}`, "conversion.completed"},
		{"bitlabs", "/hook?uid=[%UID%]", `{"uid":"u_1"}`, "conversion.completed"},
	}
	for _, tt := range tests {
		t.Run(tt.scheme, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			endpoint := b.exchange(t, func(s *postback.EndpointSpec) {
				s.Scheme, s.URL, s.Secret = tt.scheme, b.receiver.URL+tt.path, postback.NewSecret(secret)
			})
			var kept []postback.Attempt
			for _, answer := range []int{200, 500, 302} {
				b.receiver.Answer(testkit.Status(answer))
				_, attempts := b.deliver(t, b.accept(t, endpoint.ID, tt.data).Delivery.ID)
				kept = append(kept, attempts...)
			}
			_, attempts := b.deliver(t, b.accept(t, endpoint.ID, `{"nested":{"a":1}}`).Delivery.ID)
			kept = append(kept, attempts...)
			_, example, err := b.worker.Example(t.Context(), endpoint.ID, "")
			if err != nil {
				t.Fatal(err)
			}
			everything := b.everythingKept(t, append(kept, example))
			if strings.Contains(everything, secret) {
				t.Errorf("the secret is in what is kept: %s", everything)
			}
			for _, request := range b.receiver.Requests() {
				verifySigned(t, tt.scheme, request, secret)
			}
		})
	}
}

func verifySigned(t *testing.T, scheme string, request testkit.Request, secret string) {
	t.Helper()
	found, err := signer.Lookup(scheme)
	if err != nil {
		t.Fatal(err)
	}
	received := signer.Received{Method: request.Method, URL: request.URL, Header: request.Header, Body: request.Body}
	if err := found.Verify(received, []string{secret}, time.Now()); err != nil {
		t.Errorf("the receiver cannot verify %s: %v", request.URL, err)
	}
	for name, values := range request.Header {
		if strings.EqualFold(name, "traceparent") || strings.EqualFold(name, "tracestate") || strings.EqualFold(name, "baggage") {
			t.Errorf("the publisher got %s: %v", name, values)
		}
	}
}

func TestAReplaySignsWithTheCurrentSecretUnderTheSameID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) {
		s.Secret, s.Retry = postback.NewSecret("the-f1rst-secret"), postback.RetryPolicy{MaxAttempts: 1}
	})
	b.receiver.Answer(testkit.Status(http.StatusInternalServerError))
	id := b.accept(t, endpoint.ID, exchangeData).Delivery.ID
	b.deliver(t, id)
	if _, _, err := b.Endpoints.RotateSecret(t.Context(), endpoint.ID, postback.Rotation{Secret: postback.NewSecret("the-s3cond-secret")}); err != nil {
		t.Fatal(err)
	}
	b.reopen(t, id)
	b.receiver.Answer(testkit.Status(http.StatusOK))
	delivery, attempts := b.deliver(t, id)
	expectState(t, delivery, postback.Succeeded, "", 2)
	if attempts[0].SecretVersion != 1 || attempts[1].SecretVersion != 2 {
		t.Errorf("signed with versions %d and %d", attempts[0].SecretVersion, attempts[1].SecretVersion)
	}
	known := b.saveUses(t, endpoint.ID)
	for i, used := range known.Secrets {
		if made := attempts[len(attempts)-1-i].StartedAt; !used.LastUsedAt.Equal(made) {
			t.Errorf("version %d was last used at %s, want %s", used.Version, used.LastUsedAt, made)
		}
	}
	requests := b.expectRequests(t, 2)
	verifySigned(t, "simpleswap", requests[0], "the-f1rst-secret")
	verifySigned(t, "simpleswap", requests[1], "the-s3cond-secret")
	var bodies [2]struct {
		MessageID string `json:"messageId"`
	}
	for i, request := range requests {
		if err := json.Unmarshal(request.Body, &bodies[i]); err != nil {
			t.Fatal(err)
		}
		if bodies[i].MessageID != delivery.MessageID() {
			t.Errorf("request %d has the message id %q, want %q", i+1, bodies[i].MessageID, delivery.MessageID())
		}
	}
}

// During an overlap a scheme with room for several signatures signs with both
// secrets, so that receivers that have either accept it.
func TestAnOverlapSignsWithBothSecrets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint, first, _, err := b.Endpoints.Create(t.Context(), postback.EndpointSpec{
		Publisher: "pub_1", Scheme: "standard-webhooks",
		EndpointSettings: postback.EndpointSettings{URL: b.receiver.URL + "/hook"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := b.Endpoints.RotateSecret(t.Context(), endpoint.ID, postback.Rotation{Overlap: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	delivery, attempts := b.once(t, endpoint.ID)
	expectState(t, delivery, postback.Succeeded, "", 1)
	if attempts[0].SecretVersion != 2 {
		t.Errorf("signed with version %d, want the newest", attempts[0].SecretVersion)
	}
	for _, secret := range []postback.Secret{first, second} {
		verifySigned(t, "standard-webhooks", b.expectRequests(t, 1)[0], secret.Reveal())
	}
}

func TestCredentialsInAResponseAreMasked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secrets := map[string]string{"Set-Cookie": "session=cr3dential", "Authorization": "Bearer cr3dential", "X-Api-Key": "cr3dential", "X-Auth-Token": "cr3dential"}
	b.receiver.Answer(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range secrets {
			w.Header().Set(name, value)
		}
		w.Header().Set("X-Request-Id", "shown")
	})
	delivery, _ := b.once(t, b.exchange(t).ID)
	_, attempts := b.read(t, delivery.ID)
	headers := attempts[0].Response.Headers
	if headers["X-Request-Id"] != "shown" {
		t.Errorf("got %v", headers)
	}
	for name := range secrets {
		if headers[name] != postback.MaskedHeader {
			t.Errorf("%s is %q in the ledger", name, headers[name])
		}
	}
}
