package diagnose_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/diagnose"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/signer"
)

const declaredBody = `{"b":1.50,"a":"x"}`

// in is a request with a signature in a header.
func in(header, signature string) signer.Received {
	return signer.Received{
		Method: "POST", URL: "https://hooks.example.com/in", Body: []byte(declaredBody), Header: http.Header{header: {signature}},
	}
}

func TestExplainKnowsDeclaredFormulas(t *testing.T) {
	t.Parallel()
	catalogue, err := schemes.Load()
	if err != nil {
		t.Fatal(err)
	}
	const body = declaredBody
	bodyIn64 := base64.StdEncoding.EncodeToString(mac(sha256.New, urlSecret, body))
	tapjoy := func(signature string) signer.Received {
		return called("https://publisher.example.com/?id=i-1&snuid=u&currency=150&verifier=" + signature)
	}
	rewards := func(signature string) signer.Received {
		return called("https://publisher.example.com/reward?user_id=u%201&tx_id=t&hash=" + signature)
	}
	const rewarded = "https://publisher.example.com/reward?user_id=u%201&tx_id=t"
	stripe := func(text string) signer.Received {
		return in("Stripe-Signature", "t=1700000000,v1="+hmac256(urlSecret, text))
	}
	tests := map[string]struct {
		scheme, code string
		received     signer.Received
	}{
		"GitHub: SHA-512":           {"github-style", "wrong_hash", in("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac(sha512.New, urlSecret, body)))},
		"GitHub: bare":              {"github-style", "signature_prefix_missing", in("X-Hub-Signature-256", hmac256(urlSecret, body))},
		"GitHub: digest":            {"github-style", "secret_appended", in("X-Hub-Signature-256", "sha256="+plain(sha256.New, body+urlSecret))},
		"GitHub: upper case":        {"github-style", "signature_upper_case", in("X-Hub-Signature-256", "sha256="+strings.ToUpper(hmac256(urlSecret, body)))},
		"GitHub: another body":      {"github-style", "body_sorted", in("X-Hub-Signature-256", "sha256="+hmac256(urlSecret, `{"a":"x","b":1.50}`))},
		"GitHub: line break":        {"github-style", "secret_white_space", in("X-Hub-Signature-256", "sha256="+hmac256(urlSecret+"\n", body))},
		"Shopify: hex":              {"shopify-style", "signature_hex", in("X-Shopify-Hmac-Sha256", hmac256(urlSecret, body))},
		"Shopify: hash and body":    {"shopify-style", "body_empty+wrong_hash", in("X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(mac(sha1.New, urlSecret, "")))},
		"Shopify: right":            {"shopify-style", "", in("X-Shopify-Hmac-Sha256", bodyIn64)},
		"NOWPayments: not sorted":   {"nowpayments", "body_signed", in("X-Nowpayments-Sig", hex.EncodeToString(mac(sha512.New, urlSecret, body)))},
		"Tapjoy: order":             {"tapjoy", "part_order", tapjoy(plain(md5.New, "u:i-1:150:"+urlSecret))},
		"Tapjoy: joiner":            {"tapjoy", "joiner", tapjoy(plain(md5.New, "i-1_u_150_"+urlSecret))},
		"Tapjoy: SHA-1":             {"tapjoy", "wrong_hash", tapjoy(plain(sha1.New, "i-1:u:150:"+urlSecret))},
		"Tapjoy: no secret":         {"tapjoy", "hmac_for_digest", tapjoy(hex.EncodeToString(mac(md5.New, urlSecret, "i-1:u:150")))},
		"Tapjoy: a part less":       {"tapjoy", "part_missing", tapjoy(plain(md5.New, "i-1:150:"+urlSecret))},
		"Tapjoy: order and SHA-1":   {"tapjoy", "part_order+wrong_hash", tapjoy(plain(sha1.New, "u:i-1:150:"+urlSecret))},
		"Tapjoy: order and joiner":  {"tapjoy", "part_order+joiner", tapjoy(plain(md5.New, "u_i-1_150_"+urlSecret))},
		"Tapjoy: order and HMAC":    {"tapjoy", "part_order+hmac_for_digest", tapjoy(hex.EncodeToString(mac(md5.New, urlSecret, "150:i-1:u")))},
		"Tapjoy: order and secret":  {"tapjoy", "part_order+secret_white_space", tapjoy(plain(md5.New, "150:u:i-1:"+urlSecret+"\n"))},
		"Tapjoy: order, upper case": {"tapjoy", "part_order+signature_upper_case", tapjoy(strings.ToUpper(plain(md5.New, "u:i-1:150:"+urlSecret)))},
		"TheoremReach: http":        {"theorem-reach", "url_scheme", rewards(base64.RawURLEncoding.EncodeToString(mac(sha1.New, urlSecret, "http"+rewarded[len("https"):])))},
		"TheoremReach: padded":      {"theorem-reach", "signature_form", rewards(base64.URLEncoding.EncodeToString(mac(sha1.New, urlSecret, rewarded)))},
		"TheoremReach: SHA-256":     {"theorem-reach", "wrong_hash", rewards(base64.RawURLEncoding.EncodeToString(mac(sha256.New, urlSecret, rewarded)))},
		"TheoremReach: truncated":   {"theorem-reach", "signature_truncated", rewards(base64.RawURLEncoding.EncodeToString(mac(sha1.New, urlSecret, rewarded))[:20])},
		"Stripe: no time":           {"stripe-style", "part_missing", stripe(body)},
		"Stripe: joiner":            {"stripe-style", "joiner", stripe("1700000000:" + body)},
		"Stripe: sorted":            {"stripe-style", "body_sorted", stripe(`1700000000.{"a":"x","b":1.50}`)},
		"Stripe: body first":        {"stripe-style", "part_order", stripe(body + ".1700000000")},
		"Stripe: upper case":        {"stripe-style", "signature_upper_case", in("Stripe-Signature", "t=1700000000,v1="+strings.ToUpper(hmac256(urlSecret, "1700000000."+body)))},
		"Stripe: right":             {"stripe-style", "", stripe("1700000000." + body)},
		"Tapjoy: truncated":         {"tapjoy", "signature_truncated", tapjoy(plain(md5.New, "i-1:u:150:"+urlSecret)[:24])},
		"Tapjoy: not last":          {"tapjoy", "signature_not_last", called("https://publisher.example.com/?verifier=" + plain(md5.New, "i-1:u:150:"+urlSecret) + "&id=i-1&snuid=u&currency=150")},
		"Tapjoy: right":             {"tapjoy", "", tapjoy(plain(md5.New, "i-1:u:150:"+urlSecret))},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			definition, err := catalogue.Define(tt.scheme)
			if err != nil {
				t.Fatal(err)
			}
			found := diagnose.ExplainBy(tt.scheme, definition, tt.received, []string{urlSecret}, time.Time{})
			if tt.code == "" && len(found) == 0 {
				return
			}
			expectCode(t, found, tt.code)
		})
	}
}

// What is said to be left out is what was left out.
func TestOnlyTheBodyOfSeveralParts(t *testing.T) {
	t.Parallel()
	definition, err := schemes.Parse("acme.yaml", []byte(`
name: acme
methods: [POST]
data: {in: body}
parts: [{part: method}, {part: url}, {part: body}]
algorithm: hmac-sha256
place: {in: header, name: X-Signature}
examples: [{data: {id: i-1}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	found := diagnose.ExplainBy("acme", definition, in("X-Signature", hmac256(urlSecret, declaredBody)), []string{urlSecret}, time.Time{})
	expectCode(t, found, "part_missing")
	if want := "only the body were signed, without the method and the URL"; !strings.Contains(found[0].Message, want) {
		t.Errorf("it says %q", found[0].Message)
	}
}
