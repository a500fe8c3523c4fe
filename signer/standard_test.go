package signer_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/signer"
)

// The vectors of the specification's reference libraries.
const (
	standardSecret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	standardPrivate = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
)

func standardVector(signatures string) signer.Received {
	return signer.Received{
		Method: "POST",
		Header: http.Header{
			"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {signatures},
		},
		Body: []byte(`{"test": 2432232314}`),
	}
}

const (
	symmetricVector  = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	asymmetricVector = "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
)

func TestStandardWebhooksVectors(t *testing.T) {
	t.Parallel()
	public, err := signer.PublicKey(standardPrivate)
	if err != nil {
		t.Fatal(err)
	}
	scheme, at := lookup(t, "standard-webhooks"), time.Unix(1614265330, 0)
	for _, test := range []struct{ signatures, secret string }{
		{symmetricVector, standardSecret},
		{asymmetricVector, standardPrivate},
		{asymmetricVector, public},
		{"v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,x " + asymmetricVector + " " + symmetricVector, standardSecret},
		{"v1a,AAAA " + symmetricVector + " " + asymmetricVector, public},
	} {
		if err := scheme.Verify(standardVector(test.signatures), []string{test.secret}, at); err != nil {
			t.Errorf("%s: %v", test.signatures, err)
		}
	}
}

func TestStandardWebhooksVerifyRefuses(t *testing.T) {
	t.Parallel()
	without := func(header string) signer.Received {
		received := standardVector(symmetricVector)
		received.Header.Del(header)
		return received
	}
	with := func(header, value string) signer.Received {
		received := standardVector(symmetricVector)
		received.Header.Set(header, value)
		return received
	}
	at := time.Unix(1614265330, 0)
	tests := []struct {
		name     string
		received signer.Received
		now      time.Time
		code     string
	}{
		{"no id", without("Webhook-Id"), at, signer.CodeSignatureMissing},
		{"no timestamp", without("Webhook-Timestamp"), at, signer.CodeSignatureMissing},
		{"no signature", without("Webhook-Signature"), at, signer.CodeSignatureMissing},
		{"timestamp is no number", with("Webhook-Timestamp", "now"), at, signer.CodeTimestampInvalid},
		{"another timestamp", with("Webhook-Timestamp", "1614265331"), at, signer.CodeSignatureMismatch},
		{"another id", with("Webhook-Id", "msg_x"), at, signer.CodeSignatureMismatch},
		{"half a signature", with("Webhook-Signature", "v1,"), at, signer.CodeSignatureMismatch},
		{"without version", with("Webhook-Signature", symmetricVector[3:]), at, signer.CodeSignatureMismatch},
		{"too old", standardVector(symmetricVector), at.Add(5*time.Minute + time.Second), signer.CodeTimestampRefused},
		{"too early", standardVector(symmetricVector), at.Add(-5*time.Minute - time.Second), signer.CodeTimestampRefused},
	}
	scheme := lookup(t, "standard-webhooks")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assertRefused(t, scheme.Verify(test.received, []string{standardSecret}, test.now), test.code, "headers")
		})
	}
	for _, now := range []time.Time{{}, at.Add(5 * time.Minute), at.Add(-5 * time.Minute)} {
		if err := scheme.Verify(standardVector(symmetricVector), []string{standardSecret}, now); err != nil {
			t.Errorf("at %s: %v", now, err)
		}
	}
}

func TestStandardWebhooksSigns(t *testing.T) {
	t.Parallel()
	message := signer.Message{
		ID: testID, Type: `conversion."x"`, OccurredAt: time.Date(2026, 1, 31, 12, 0, 0, 5e6, time.FixedZone("", 3600)),
		Data: []byte(" {\"b\" : 1.50, \"a\":[1,{}]}\n"),
	}
	scheme := lookup(t, "standard-webhooks")
	secrets := []string{standardSecret, standardPrivate, secretOf("standard-webhooks", "former")}
	request, err := scheme.Sign(signer.Target{URL: "https://Example.com/hook?a=b"}, message, secrets, testTime())
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "URL", request.URL, "https://example.com/hook?a=b")
	assertEqual(t, "id", request.Header.Get("webhook-id"), "msg_"+testID)
	assertEqual(t, "timestamp", request.Header.Get("webhook-timestamp"), "1700000000")
	assertEqual(t, "content type", request.Header.Get("content-type"), "application/json")
	assertEqual(t, "body", string(request.Body), `{"type":"conversion.\"x\"","timestamp":"2026-01-31T11:00:00.005Z","data":{"b" : 1.50, "a":[1,{}]}}`)
	assertEqual(t, "string to sign", request.StringToSign, "msg_"+testID+".1700000000."+string(request.Body))
	signatures := strings.Fields(request.Header.Get("webhook-signature"))
	assertEqual(t, "signatures", len(signatures), 3)
	assertEqual(t, "signature", request.Signature, signatures[0])
	for i, prefix := range []string{"v1,", "v1a,", "v1,"} {
		if !strings.HasPrefix(signatures[i], prefix) {
			t.Errorf("signature %d is %s", i, signatures[i])
		}
		if err := scheme.Verify(received(request), []string{secrets[i]}, testTime()); err != nil {
			t.Errorf("secret %d: %v", i, err)
		}
	}
	if !json.Valid(request.Body) {
		t.Error("the body is no JSON")
	}
}

func TestStandardWebhooksSecrets(t *testing.T) {
	t.Parallel()
	encode := func(length int) string { return base64.StdEncoding.EncodeToString(make([]byte, length)) }
	tests := map[string]string{
		"":                            signer.CodeSecretMissing,
		"a-secret-of-the-tests":       signer.CodeSecretInvalid,
		"whsec_a-secret-of-the-tests": signer.CodeSecretInvalid,
		"whsec_" + encode(23):         signer.CodeSecretTooShort,
		"whsec_" + encode(65):         signer.CodeSecretTooLong,
		"whsk_" + encode(31):          signer.CodeSecretInvalid,
		"whsk_" + encode(64):          signer.CodeSecretInvalid, // not the public half of that seed
		"whsk_?":                      signer.CodeSecretInvalid,
		"whpk_" + encode(32):          signer.CodeSecretInvalid, // a public key cannot sign
	}
	for secret, code := range tests {
		assertRefused(t, signer.CheckSecret("standard-webhooks", secret), code, "secret")
		_, err := lookup(t, "standard-webhooks").Sign(signer.Target{URL: "https://example.com/"}, signer.Message{ID: testID, Data: []byte(`{}`)}, []string{secret}, testTime())
		assertRefused(t, err, code, "secret")
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"whsec_" + encode(24), "whsec_" + encode(64), "whsk_" + encode(32), "whsk_" + base64.StdEncoding.EncodeToString(private)} {
		if err := signer.CheckSecret("standard-webhooks", secret); err != nil {
			t.Error(err)
		}
	}
	shown, err := signer.PublicKey("whsk_" + base64.StdEncoding.EncodeToString(private))
	if err != nil || shown != "whpk_"+base64.StdEncoding.EncodeToString(public) {
		t.Errorf("got %s, %v", shown, err)
	}
	_, err = signer.PublicKey(standardSecret)
	assertRefused(t, err, signer.CodeSecretInvalid, "secret")
	err = lookup(t, "standard-webhooks").Verify(standardVector(asymmetricVector), []string{"whpk_" + encode(31)}, time.Time{})
	assertRefused(t, err, signer.CodeSecretInvalid, "secret")
}

func TestGeneratePrivateKey(t *testing.T) {
	t.Parallel()
	secret, err := signer.GeneratePrivateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.CheckSecret("standard-webhooks", secret); err != nil {
		t.Error(err)
	}
	if _, err := signer.GeneratePrivateKey(bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}
