package signer_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/signer"
)

func TestNames(t *testing.T) {
	t.Parallel()
	names := signer.Names()
	if !slices.Equal(names, []string{"besitos", "bitlabs", "simpleswap", "standard-webhooks"}) {
		t.Errorf("got %q", names)
	}
	for _, name := range names {
		lookup(t, name)
	}
}

func TestUnknownScheme(t *testing.T) {
	t.Parallel()
	_, err := signer.Lookup("bitlab")
	assertRefused(t, err, signer.CodeUnknownScheme, "scheme")
	assertEqual(t, "message", err.Error(), `scheme: unknown scheme "bitlab": did you mean "bitlabs"? Known: besitos, bitlabs, simpleswap, standard-webhooks`)
	_, err = signer.Lookup("stripe")
	assertEqual(t, "message", err.Error(), `scheme: unknown scheme "stripe"; known: besitos, bitlabs, simpleswap, standard-webhooks`)

	for _, name := range []string{"", "BESITOS", strings.Repeat("besitos", 100_000)} {
		_, err := signer.Lookup(name)
		assertRefused(t, err, signer.CodeUnknownScheme, "scheme")
		_, err = signer.Methods(name)
		assertRefused(t, err, signer.CodeUnknownScheme, "scheme")
		_, err = signer.GenerateSecret(name, rand.Reader)
		assertRefused(t, err, signer.CodeUnknownScheme, "scheme")
		assertRefused(t, signer.CheckSecret(name, testSecret), signer.CodeUnknownScheme, "scheme")
		assertRefused(t, signer.Verify(name, signer.Received{}, testSecret), signer.CodeUnknownScheme, "scheme")
		if got := signer.Example(name, "conversion.completed"); got != nil {
			t.Errorf("got example %s", got)
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"besitos": "GET", "bitlabs": "GET", "simpleswap": "POST", "standard-webhooks": "POST"} {
		methods, err := signer.Methods(name)
		if !slices.Equal(methods, []string{want}) || err != nil {
			t.Errorf("%s: got %q, %v", name, methods, err)
		}
	}
}

func TestGenerateSecret(t *testing.T) {
	t.Parallel()
	forms := map[string]string{"besitos": `^[0-9a-f]{64}$`, "bitlabs": `^[0-9A-Za-z]{29}$`, "simpleswap": `^[0-9A-Za-z]{32}$`, "standard-webhooks": `^whsec_[0-9A-Za-z+/]{43}=$`}
	for _, name := range signer.Names() {
		first, err := signer.GenerateSecret(name, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		second, err := signer.GenerateSecret(name, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if first == second || !regexp.MustCompile(forms[name]).MatchString(first) {
			t.Errorf("%s: unfit secret of %d characters", name, len(first))
		}
		if err := signer.CheckSecret(name, first); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGenerateSecretReportsFailure(t *testing.T) {
	t.Parallel()
	for _, name := range signer.Names() {
		if _, err := signer.GenerateSecret(name, bytes.NewReader(make([]byte, 31))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	stuck := bytes.NewReader(bytes.Repeat([]byte{0xff}, 1000))
	if _, err := signer.GenerateSecret("bitlabs", stuck); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

func TestCheckSecret(t *testing.T) {
	t.Parallel()
	tests := []struct{ scheme, secret, code string }{
		{"besitos", "", signer.CodeSecretMissing},
		{"besitos", "fifteen-letters", signer.CodeSecretTooShort},
		{"simpleswap", "BmSvGmnr6NP", signer.CodeSecretTooShort},
		{"bitlabs", strings.Repeat("a", 513), signer.CodeSecretTooLong},
		{"bitlabs", testSecret + "\n", signer.CodeSecretInvalid},
		{"bitlabs", " " + testSecret, signer.CodeSecretInvalid},
		{"bitlabs", testSecret + "é", signer.CodeSecretInvalid},
		{"bitlabs", testSecret + "\x00", signer.CodeSecretInvalid},
	}
	for _, test := range tests {
		assertRefused(t, signer.CheckSecret(test.scheme, test.secret), test.code, "secret")
	}
	for scheme, secret := range map[string]string{"simpleswap": "BmSvGmnr6NPz", "bitlabs": "JLOIAUNMHFli7ZJOQVEzm98rzqnm9", "besitos": "sixteen-letters!"} {
		if err := signer.CheckSecret(scheme, secret); err != nil {
			t.Error(err)
		}
	}
}

func TestSecretsToSignAndVerify(t *testing.T) {
	t.Parallel()
	for _, name := range signer.Names() {
		scheme, data := lookup(t, name), signer.Example(name, "conversion.completed")
		target, message := signer.Target{URL: "https://example.com/a"}, signer.Message{ID: testID, Data: data}
		for _, secrets := range [][]string{nil, {}, {""}, {"", secretOf(name, testSecret)}} {
			_, err := scheme.Sign(target, message, secrets, testTime())
			assertRefused(t, err, signer.CodeSecretMissing, "secret")
		}
		current, former, other := secretOf(name, "current-secret-1"), secretOf(name, "former-secret-00"), secretOf(name, "other-secret-000")
		request, err := scheme.Sign(target, message, []string{current}, testTime())
		if err != nil {
			t.Fatal(err)
		}
		for _, secrets := range [][]string{{current}, {other, current}} {
			if err := scheme.Verify(received(request), secrets, testTime()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, secrets := range [][]string{nil, {""}, {current, ""}} {
			assertRefused(t, scheme.Verify(received(request), secrets, testTime()), signer.CodeSecretMissing, "secret")
		}
		field := map[string]string{"besitos": "url", "bitlabs": "url", "simpleswap": "body", "standard-webhooks": "headers"}[name]
		assertRefused(t, scheme.Verify(received(request), []string{former}, testTime()), signer.CodeSignatureMismatch, field)
	}
}

func TestExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	types := []string{"conversion.completed", "conversion.screenout", "conversion.start_bonus", "conversion.pending", "conversion.reversed", "conversion.reconciled", "exchange.finished", "exchange.waiting", "exchange.unheard_of", "", "x"}
	for _, name := range signer.Names() {
		for _, eventType := range types {
			data := string(signer.Example(name, eventType))
			sign(t, name, "https://example.com/a", data)
		}
	}
	for want, data := range map[string][]byte{
		`"reverse":1`:        signer.Example("besitos", "conversion.reversed"),
		`"type":"SCREENOUT"`: signer.Example("bitlabs", "conversion.screenout"),
		`"status":"waiting"`: signer.Example("simpleswap", "exchange.waiting"),
	} {
		if !bytes.Contains(data, []byte(want)) {
			t.Errorf("%s has no %s", data, want)
		}
	}
}
