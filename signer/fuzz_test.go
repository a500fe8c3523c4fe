package signer_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/waybillhq/waybill/signer"
)

func FuzzCheckURL(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw string) {
		normal, err := signer.CheckURL(raw)
		if err != nil {
			assertFit(t, err)
			return
		}
		assertOnWire(t, normal)
		again, err := signer.CheckURL(normal)
		if len(normal) > 2048 {
			return // "/" was added to the longest URL
		}
		if err != nil || again != normal {
			t.Fatalf("%q became %q, and that %q, %v", raw, normal, again, err)
		}
	})
}

func FuzzSignBesitos(f *testing.F) {
	f.Fuzz(func(t *testing.T, target, data string) { fuzzSign(t, "besitos", target, data) })
}

func FuzzSignBitlabs(f *testing.F) {
	f.Fuzz(func(t *testing.T, target, data string) { fuzzSign(t, "bitlabs", target, data) })
}

func FuzzSignSimpleswap(f *testing.F) {
	f.Fuzz(func(t *testing.T, target, data string) { fuzzSign(t, "simpleswap", target, data) })
}

// fuzzSign holds what Sign promises for any input: a fit error, or a request
// that is sent as it was signed and that verifies.
func fuzzSign(t *testing.T, name, target, data string) {
	t.Helper()
	scheme := lookup(t, name)
	_, targetErr := scheme.Check(signer.Target{URL: target})
	dataErr := scheme.CheckData([]byte(data))
	request, err := trySign(t, name, target, data)
	for _, err := range []error{targetErr, dataErr, err} {
		if err != nil {
			assertFit(t, err)
		}
	}
	if err != nil {
		if targetErr == nil && dataErr == nil && name != "bitlabs" {
			t.Fatalf("the checks accepted what Sign refuses: %v", err)
		}
		return
	}
	if targetErr != nil || (dataErr != nil && name != "bitlabs") {
		t.Fatalf("Sign accepted what the checks refuse: %v, %v", targetErr, dataErr)
	}
	assertOnWire(t, request.URL)
	if err := signer.Verify(name, received(request), testSecret); err != nil {
		t.Fatalf("verify %q %s: %v", request.URL, request.Body, err)
	}
	if request.Body != nil && !json.Valid(request.Body) {
		t.Fatalf("body is no JSON: %s", request.Body)
	}
}

func assertFit(t *testing.T, err error) {
	t.Helper()
	var refused *signer.Error
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want an *Error", err)
	}
	assertTells(t, refused)
}

// The scanner agrees with encoding/json about what JSON is.
func FuzzCheckData(f *testing.F) {
	f.Fuzz(func(t *testing.T, data string) {
		err := lookup(t, "bitlabs").CheckData([]byte(data))
		if err == nil {
			var object map[string]json.RawMessage
			if err := json.Unmarshal([]byte(data), &object); err != nil || object == nil {
				t.Fatalf("accepted %q: %v", data, err)
			}
			return
		}
		assertFit(t, err)
		if err.Error() == "data: is not valid JSON" && json.Valid([]byte(data)) {
			t.Fatalf("took %q for no JSON", data)
		}
	})
}
