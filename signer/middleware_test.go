package signer_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/signer"
)

// behindGate answers with the body that it could read.
func behindGate(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || int64(len(body)) != r.ContentLength {
		http.Error(w, "the body cannot be read", http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(body)
}

func gate(t *testing.T, options signer.MiddlewareOptions) http.Handler {
	t.Helper()
	made, err := signer.Middleware(options)
	if err != nil {
		t.Fatal(err)
	}
	return made(http.HandlerFunc(behindGate))
}

// arriving is a request as a server gets it.
func arriving(request signer.Request) *http.Request {
	made := httptest.NewRequest(request.Method, request.URL, bytes.NewReader(request.Body))
	maps.Copy(made.Header, request.Header)
	return made
}

func answerOf(handler http.Handler, request *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

func TestMiddlewareLetsValidRequestsThrough(t *testing.T) {
	t.Parallel()
	const other = "another-secret-of-the-tests-0123456789"
	tests := []struct{ scheme, target, data, method string }{
		{"besitos", "https://example.com/p/%7e", `{"a":"b+c d"}`, "GET"},
		{"bitlabs", "https://example.com/p?tx=[%TX%]", `{"tx":"ü"}`, "GET"},
		{"simpleswap", "https://example.com/hook", `{"publicId":"x","status":"finished","amount":1.50}`, "POST"},
	}
	for _, test := range tests {
		request := sign(t, test.scheme, test.target, test.data)
		options := signer.MiddlewareOptions{Scheme: test.scheme, Secrets: []string{other, testSecret}}
		answer := answerOf(gate(t, options), arriving(request))
		if answer.Code != http.StatusOK || answer.Body.String() != string(request.Body) {
			t.Errorf("%s: %d %q", test.scheme, answer.Code, answer.Body)
		}
		// Behind a proxy that ends TLS the request names another host.
		proxied := arriving(request)
		proxied.Host, proxied.TLS = "10.0.0.1:8080", nil
		proxied.RequestURI = strings.TrimPrefix(proxied.RequestURI, "https://example.com")
		options.PublicBaseURL = "https://Example.com/"
		assertEqual(t, test.scheme+" behind a proxy", answerOf(gate(t, options), proxied).Code, http.StatusOK)
		// Only the methods that the scheme has: a form in the body is not signed.
		other := arriving(request)
		other.Method = map[string]string{"GET": "POST", "POST": "PUT"}[test.method]
		assertEqual(t, test.scheme+" with another method", answerOf(gate(t, options), other).Code, http.StatusForbidden)
		options.Secrets = []string{other.Method + testSecret}
		assertEqual(t, test.scheme+" with another secret", answerOf(gate(t, options), arriving(request)).Code, http.StatusForbidden)
	}
}

func TestMiddlewareBoundsTheAge(t *testing.T) {
	t.Parallel()
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	message := signer.Message{ID: testID, Type: "conversion.completed", OccurredAt: testTime(), Data: []byte(`{"a":1}`)}
	request, err := lookup(t, "standard-webhooks").Sign(signer.Target{URL: "https://example.com/"}, message, []string{secret}, testTime())
	if err != nil {
		t.Fatal(err)
	}
	for age, want := range map[time.Duration]int{
		0: http.StatusOK, 5 * time.Minute: http.StatusOK, 6 * time.Minute: http.StatusForbidden, -6 * time.Minute: http.StatusForbidden,
	} {
		options := signer.MiddlewareOptions{Scheme: "standard-webhooks", Secrets: []string{secret}, Now: func() time.Time { return testTime().Add(age) }}
		assertEqual(t, age.String(), answerOf(gate(t, options), arriving(request)).Code, want)
	}
	// Without a clock of its own it knows the real time.
	options := signer.MiddlewareOptions{Scheme: "standard-webhooks", Secrets: []string{secret}}
	assertEqual(t, "years later", answerOf(gate(t, options), arriving(request)).Code, http.StatusForbidden)
}

func TestMiddlewareTellsTheLogAlone(t *testing.T) {
	t.Parallel()
	request := sign(t, "simpleswap", "https://example.com/hook", `{"publicId":"x","status":"finished"}`)
	forged := request
	forged.Body = bytes.Replace(request.Body, []byte("finished"), []byte("refunded"), 1)
	tests := []struct {
		name    string
		request *http.Request
		limit   int64
		want    int
		reason  string
	}{
		{"forged", arriving(forged), 0, http.StatusForbidden, signer.CodeSignatureMismatch},
		{"no JSON", httptest.NewRequest("POST", "/hook", strings.NewReader("{")), 0, http.StatusForbidden, signer.CodeBodyInvalid},
		{"other method", httptest.NewRequest("GET", "/hook", nil), 0, http.StatusForbidden, signer.CodeMethodNotAllowed},
		{"at the bound", arriving(request), int64(len(request.Body)), http.StatusOK, ""},
		{"too large", arriving(request), int64(len(request.Body)) - 1, http.StatusRequestEntityTooLarge, "*http.MaxBytesError"},
		{"broken off", httptest.NewRequest("POST", "/hook", brokenOff{}), 0, http.StatusBadRequest, "broken off"},
	}
	for _, test := range tests {
		var reason error
		answer := answerOf(gate(t, signer.MiddlewareOptions{
			Scheme: "simpleswap", Secrets: []string{testSecret}, MaxBody: test.limit,
			OnFailure: func(_ *http.Request, err error) { reason = err },
		}), test.request)
		assertEqual(t, test.name, answer.Code, test.want)
		assertEqual(t, test.name+": reason", nameOf(reason), test.reason)
		if test.want != http.StatusOK {
			assertEqual(t, test.name+": answer", answer.Body.String(), http.StatusText(test.want)+"\n")
		}
	}
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, errors.New("broken off") }

// nameOf is how the tables above call an error.
func nameOf(err error) string {
	var refused *signer.Error
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return refused.Code
	case errors.As(err, &large):
		return "*http.MaxBytesError"
	default:
		return errors.Unwrap(err).Error()
	}
}

func TestMiddlewareRefusesOptions(t *testing.T) {
	t.Parallel()
	good := func() signer.MiddlewareOptions {
		return signer.MiddlewareOptions{Scheme: "bitlabs", Secrets: []string{testSecret}}
	}
	tests := []struct {
		code, field string
		alter       func(*signer.MiddlewareOptions)
	}{
		{signer.CodeUnknownScheme, "scheme", func(o *signer.MiddlewareOptions) { o.Scheme = "" }},
		{signer.CodeSecretMissing, "secret", func(o *signer.MiddlewareOptions) { o.Secrets = nil }},
		{signer.CodeSecretMissing, "secret", func(o *signer.MiddlewareOptions) { o.Secrets = []string{testSecret, ""} }},
		{signer.CodeURLScheme, "public_base_url", func(o *signer.MiddlewareOptions) { o.PublicBaseURL = "example.com" }},
		{signer.CodeMacroUnknown, "template", func(o *signer.MiddlewareOptions) { o.Template = "https://example.com/?a=[%A%]" }},
	}
	for _, test := range tests {
		options := good()
		test.alter(&options)
		_, err := signer.Middleware(options)
		assertRefused(t, err, test.code, test.field)
	}
	declared, err := signer.Define("bitlabs")
	if err != nil {
		t.Fatal(err)
	}
	options := good()
	options.Scheme, options.Declared = "", declared
	request := sign(t, "bitlabs", "https://example.com/p?tx=[%TX%]", `{"tx":"t"}`)
	assertEqual(t, "a scheme that is handed over", answerOf(gate(t, options), arriving(request)).Code, http.StatusOK)
}
