package signer_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/signer"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const (
	testSecret = "a-secret-of-the-tests-0123456789"
	testID     = "cf6fc203ba047a9ef14e02bba985e747"
)

func testTime() time.Time {
	return time.Unix(1_700_000_000, 0).UTC()
}

// failer is what testing.T and rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func lookup(t failer, name string) signer.Scheme {
	t.Helper()
	scheme, err := signer.Lookup(name)
	if err != nil {
		t.Fatalf("Lookup(%q): %v", name, err)
	}
	return scheme
}

func sign(t failer, name, target, data string) signer.Request {
	t.Helper()
	request, err := trySign(t, name, target, data)
	if err != nil {
		t.Fatalf("sign %s %q %s: %v", name, target, data, err)
	}
	return request
}

func trySign(t failer, name, target, data string) (signer.Request, error) {
	t.Helper()
	message := signer.Message{ID: testID, Type: "conversion.completed", OccurredAt: testTime(), Data: json.RawMessage(data)}
	return lookup(t, name).Sign(signer.Target{URL: target}, message, []string{secretOf(name, testSecret)}, testTime())
}

// secretOf gives a secret of the tests the form that the scheme wants.
func secretOf(scheme, secret string) string {
	if scheme != "standard-webhooks" {
		return secret
	}
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte("key-of-24-bytes-and-more"+secret))
}

func received(request signer.Request) signer.Received {
	return signer.Received{Method: request.Method, URL: request.URL, Header: request.Header, Body: request.Body}
}

// assertRefused checks code and field of an error, and that it has something to
// say that holds no secret.
func assertRefused(t failer, err error, code, field string) {
	t.Helper()
	var refused *signer.Error
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want an *Error with code %s", err, code)
	}
	if refused.Code != code || refused.Field != field {
		t.Fatalf("got code %q, field %q (%v), want %q, %q", refused.Code, refused.Field, err, code, field)
	}
	assertTells(t, refused)
}

func assertTells(t failer, refused *signer.Error) {
	t.Helper()
	if refused.Code == "" || refused.Message == "" || strings.Contains(refused.Error(), testSecret) {
		t.Fatalf("unfit error: %#v", refused)
	}
}

// assertOnWire checks that net/http puts the very bytes of a URL on the wire.
func assertOnWire(t failer, raw string) {
	t.Helper()
	parsed, err := url.Parse(raw)
	if err != nil {
		t.Fatalf("parse %q: %v", raw, err)
	}
	if sent := parsed.Scheme + "://" + parsed.Host + parsed.RequestURI(); sent != raw {
		t.Fatalf("net/http sends %q for %q", sent, raw)
	}
}

func assertEqual[T comparable](t failer, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
