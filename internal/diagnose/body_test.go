package diagnose_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/diagnose"
	"github.com/waybillhq/waybill/signer"
)

const (
	messageID  = "cf6fc203ba047a9ef14e02bba985e747"
	joinSecret = "BmSvGmnr6NPz"
)

func sha1Of(text string) string { return plain(sha1.New, text) }

// exchange is a simpleswap request with a token, and perhaps another body.
func exchange(token string, alter ...string) signer.Received {
	body := `{"messageId":"` + messageID + `","publicId":"exchange_1","status":"finished","amount":1.50,"verifyToken":"` + token + `"}`
	return signer.Received{Method: "POST", URL: "https://exchange.example.com/hook", Body: []byte(strings.NewReplacer(alter...).Replace(body))}
}

func TestExplainFindsTheMistakeInSimpleswap(t *testing.T) {
	t.Parallel()
	const joined = messageID + "_exchange_1_finished_" + joinSecret
	right := sha1Of(joined)
	tests := map[string]struct {
		code     string
		received signer.Received
	}{
		"swapped":            {"part_order", exchange(sha1Of(messageID + "_finished_exchange_1_" + joinSecret))},
		"secret first":       {"part_order", exchange(sha1Of(joinSecret + "_" + messageID + "_exchange_1_finished"))},
		"no message id":      {"part_missing", exchange(sha1Of("exchange_1_finished_" + joinSecret))},
		"no secret":          {"part_missing", exchange(sha1Of(messageID + "_exchange_1_finished"))},
		"no joiner":          {"joiner", exchange(sha1Of(messageID + "exchange_1finished" + joinSecret))},
		"colons":             {"joiner", exchange(sha1Of(strings.ReplaceAll(messageID+"|exchange_1|finished|", "|", ":") + joinSecret))},
		"no last joiner":     {"joiner", exchange(sha1Of(messageID + "_exchange_1_finished" + joinSecret))},
		"SHA-256":            {"wrong_hash", exchange(plain(sha256.New, joined))},
		"MD5":                {"wrong_hash", exchange(plain(md5.New, joined))},
		"HMAC":               {"hmac_for_digest", exchange(hmac1(joinSecret, messageID+"_exchange_1_finished"))},
		"HMAC and joiner":    {"hmac_for_digest", exchange(hmac1(joinSecret, messageID+"_exchange_1_finished_"))},
		"HMAC-SHA256":        {"hmac_for_digest+wrong_hash", exchange(hmac256(joinSecret, messageID+"_exchange_1_finished"))},
		"UUID":               {"message_id_form", exchange(sha1Of("cf6fc203-ba04-7a9e-f14e-02bba985e747_exchange_1_finished_" + joinSecret))},
		"status upper":       {"status_case", exchange(sha1Of(messageID + "_exchange_1_FINISHED_" + joinSecret))},
		"status was changed": {"no_known_mistake", exchange(right, "finished", "failed")},
		"line break":         {"secret_white_space", exchange(sha1Of(joined + "\n"))},
		"upper-case hex":     {"signature_upper_case", exchange(strings.ToUpper(right))},
		"base64":             {"signature_base64", exchange(inBase64(t, right))},
		"truncated":          {"signature_truncated", exchange(right[:20])},
		"BOM":                {"body_bom", exchange(right, `{"messageId`, "\ufeff{\"messageId")},
		"name of the token":  {"member_name", exchange(right, "verifyToken", "verify_token")},
		"number as id":       {"part_not_text", exchange(sha1Of(messageID+"_1001_finished_"+joinSecret), `"exchange_1"`, "1001")},
		"HMAC of the body":   {"body_signed", exchange(hmac1(joinSecret, strings.Replace(string(exchange("").Body), `,"verifyToken":""`, "", 1)))},
		"order and hash":     {"part_order+wrong_hash", exchange(plain(sha256.New, messageID+"_finished_exchange_1_"+joinSecret))},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectCode(t, diagnose.Explain("simpleswap", tt.received, []string{joinSecret}, time.Time{}), tt.code)
		})
	}
}

func inBase64(t *testing.T, digits string) string {
	t.Helper()
	raw, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

const (
	hookKey    = "0123456789abcdef0123456789"
	hookTime   = "1614265330"
	prettyBody = "{\n  \"test\": 1.50,\n  \"name\": \"a/b é\"\n}"
	hookBody   = `{"test":1.50,"name":"a/b é"}`
)

func hookSecret() string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(hookKey)) }

func hook(key, text string) signer.Received {
	return signer.Received{
		Method: "POST", URL: "https://hooks.example.com/", Body: []byte(hookBody),
		Header: http.Header{
			"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {hookTime},
			"Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac(sha256.New, key, text))},
		},
	}
}

func TestExplainFindsTheMistakeInStandardWebhooks(t *testing.T) {
	t.Parallel()
	const before = "msg_1." + hookTime + "."
	inHex := hook(hookKey, "")
	inHex.Header.Set("Webhook-Signature", "v1,"+hmac256(hookKey, before+hookBody))
	bare, later := hook(hookKey, before+hookBody), hook(hookKey, before+hookBody+"\n")
	bare.Header.Set("Webhook-Signature", strings.TrimPrefix(bare.Header.Get("Webhook-Signature"), "v1,"))
	later.Header.Set("Webhook-Signature", "v1a,AAAA "+later.Header.Get("Webhook-Signature"))
	tests := map[string]struct {
		code     string
		received signer.Received
	}{
		"secret not decoded":   {"secret_not_decoded", hook(hookSecret(), before+hookBody)},
		"prefix cut":           {"secret_not_decoded", hook(hookSecret()[len("whsec_"):], before+hookBody)},
		"body alone":           {"part_missing", hook(hookKey, hookBody)},
		"no id":                {"part_missing", hook(hookKey, hookTime+"."+hookBody)},
		"pretty-printed":       {"body_pretty_printed", hook(hookKey, before+prettyBody)},
		"sorted":               {"body_sorted", hook(hookKey, before+`{"name":"a/b é","test":1.50}`)},
		"numbers":              {"body_numbers", hook(hookKey, before+`{"test":1.5,"name":"a/b é"}`)},
		"PHP":                  {"body_reencoded", hook(hookKey, before+`{"test":1.5,"name":"a\/b \u00e9"}`)},
		"Python":               {"body_reencoded", hook(hookKey, before+`{"test": 1.5, "name": "a/b \u00e9"}`)},
		"line break":           {"body_white_space", hook(hookKey, before+hookBody+"\n")},
		"body read before":     {"body_empty", hook(hookKey, before)},
		"hex":                  {"signature_hex", inHex},
		"bare":                 {"signature_prefix_missing", bare},
		"second of two":        {"body_white_space", later},
		"numbers, key as text": {"body_numbers+secret_not_decoded", hook(hookSecret(), before+`{"test":1.5,"name":"a/b é"}`)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectCode(t, diagnose.Explain("standard-webhooks", tt.received, []string{hookSecret()}, time.Time{}), tt.code)
		})
	}
}

// foreign is a scheme that this package has no formula of: a header with the
// hex HMAC-SHA256 of URL and body.
type foreign struct{ signer.Scheme }

func (foreign) Verify(received signer.Received, secrets []string, _ time.Time) error {
	for _, secret := range secrets {
		made := hmac256(secret, received.URL+string(received.Body))
		if hmac.Equal([]byte(made), []byte(received.Header.Get("X-Signature"))) {
			return nil
		}
	}
	return errors.New("mismatch")
}

func TestExplainByAsksAnUnknownScheme(t *testing.T) {
	t.Parallel()
	received := func(signedURL, signedBody, key string) signer.Received {
		return signer.Received{
			Method: "POST", URL: "https://hooks.example.com/in?b=1&a=2", Body: []byte(hookBody),
			Header: http.Header{"X-Signature": {hmac256(key, signedURL+signedBody)}},
		}
	}
	const sent = "https://hooks.example.com/in?b=1&a=2"
	tests := map[string]struct {
		code     string
		received signer.Received
	}{
		"http":         {"url_scheme", received("http"+sent[len("https"):], hookBody, urlSecret)},
		"sorted":       {"parameter_order", received("https://hooks.example.com/in?a=2&b=1", hookBody, urlSecret)},
		"pretty":       {"body_pretty_printed", received(sent, prettyBody, urlSecret)},
		"trimmed":      {"body_white_space", received(sent, hookBody+"\n", urlSecret)},
		"line break":   {"secret_white_space", received(sent, hookBody, urlSecret+"\n")},
		"pretty, http": {"url_scheme+body_pretty_printed", received("http"+sent[len("https"):], prettyBody, urlSecret)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectCode(t, diagnose.ExplainBy("foreign", foreign{}, tt.received, []string{urlSecret}, time.Time{}), tt.code)
		})
	}
	if found := diagnose.ExplainBy("foreign", foreign{}, received(sent, hookBody, urlSecret), []string{urlSecret}, time.Time{}); len(found) != 0 {
		t.Errorf("a right one: %+v", found)
	}
}

func TestExplainTellsAnOldTimestamp(t *testing.T) {
	t.Parallel()
	received := hook(hookKey, "msg_1."+hookTime+"."+hookBody)
	if !json.Valid(received.Body) {
		t.Fatal("the body is no JSON")
	}
	expectCode(t, diagnose.Explain("standard-webhooks", received, []string{hookSecret()}, time.Unix(1614265330, 0).Add(time.Hour)), signer.CodeTimestampRefused)
}
