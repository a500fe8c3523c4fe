package diagnose_test

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybillhq/waybill/internal/diagnose"
	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

func noon() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) }

// refusedBy is an attempt of a scheme that got an answer.
func refusedBy(t rapid.TB, scheme string, status int, body string, headers ...string) diagnose.Sent {
	request := signed(t, scheme, urlSecret, "conversion.completed")
	sent := diagnose.Sent{
		Attempt: postback.Attempt{
			Outcome: postback.OutcomeFailed, StatusCode: status, StartedAt: noon(), SecretVersion: 1, SourceIP: "192.0.2.9",
			Error: &postback.AttemptError{Code: "status_not_200"},
			Request: postback.SentRequest{
				Method: request.Method, URL: request.URL, Body: request.Body, Headers: map[string]string{},
			},
			Response: &postback.Response{Headers: map[string]string{}, Body: []byte(body)},
		},
		Scheme:   definitionOf(t, scheme),
		Endpoint: postback.Endpoint{Scheme: scheme, Secrets: []postback.SealedSecret{{Version: 1, CreatedAt: noon().Add(-time.Hour)}}},
		Signing:  []string{urlSecret},
	}
	for name := range request.Header {
		sent.Attempt.Request.Headers[name] = request.Header.Get(name)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		sent.Attempt.Response.Headers[headers[i]] = headers[i+1]
	}
	return sent
}

func definitionOf(t rapid.TB, scheme string) *signer.Definition {
	definition, err := signer.Define(scheme)
	if err != nil {
		t.Fatal(err)
	}
	return definition
}

// expectFirst wants a finding to come first.
func expectFirst(t *testing.T, found []postback.Finding, code string) {
	t.Helper()
	if len(found) == 0 || found[0].Code != code {
		t.Fatalf("got %+v, want %s first", found, code)
	}
	for _, f := range found {
		if strings.Contains(f.Message, urlSecret) {
			t.Errorf("the message holds the secret: %s", f.Message)
		}
		t.Log(f.Code, "-", f.Message)
	}
}

func TestAnswerReadsTheSignatureThatTheReceiverExpected(t *testing.T) {
	t.Parallel()
	sent := refusedBy(t, "bitlabs", 403, "")
	signedURL, signature, _ := strings.Cut(sent.Attempt.Request.URL, "&hash=")
	asHTTP := hmac1(urlSecret, "http"+strings.TrimPrefix(signedURL, "https"))
	_, target, _ := strings.Cut(signedURL, "publisher.example.com")
	raw := mac(sha1.New, urlSecret, signedURL)
	tests := map[string]struct {
		code, body string
		headers    []string
	}{
		"http":            {"url_scheme", "invalid signature: expected " + asHTTP + " got " + signature, nil},
		"in JSON":         {"url_scheme", `{"error":"bad hash","expected":"` + asHTTP + `","got":"` + signature + `"}`, nil},
		"in a header":     {"url_scheme", "", []string{"X-Expected-Hash", asHTTP}},
		"as an option":    {"url_scheme", "hash=" + asHTTP, nil},
		"in upper case":   {"url_scheme", strings.ToUpper(asHTTP), nil},
		"path and query":  {"path_and_query_signed", "expected " + hmac1(urlSecret, target), nil},
		"parameter left":  {"signature_parameter_signed", "expected " + hmac1(urlSecret, sent.Attempt.Request.URL), nil},
		"white space":     {"secret_white_space", "expected " + hmac1(urlSecret+"\n", signedURL), nil},
		"MD5":             {"wrong_hash", "expected " + md5HMAC(urlSecret, signedURL), nil},
		"base64, http":    {"url_scheme", "expected " + base64.StdEncoding.EncodeToString(mac(sha1.New, urlSecret, "http"+strings.TrimPrefix(signedURL, "https"))), nil},
		"the same":        {"signature_written", "expected " + base64.StdEncoding.EncodeToString(raw) + ", got " + signature, nil},
		"an old secret":   {"other_secret", "expected " + hmac1("the-old-secret-1", signedURL), nil},
		"old, and http":   {"other_secret+url_scheme", "expected " + hmac1("the-old-secret-1", "http"+strings.TrimPrefix(signedURL, "https")), nil},
		"ours alone":      {"signature_refused", "got " + signature, nil},
		"something else":  {"signature_refused", "expected " + strings.Repeat("0f", 20), nil},
		"nothing helpful": {"signature_refused", "forbidden", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := refusedBy(t, "bitlabs", 403, tt.body, tt.headers...)
			sent.Others = []diagnose.OtherSecret{{Version: 7, Value: "the-old-secret-1"}}
			expectFirst(t, diagnose.Answer(sent), tt.code)
		})
	}
}

func md5HMAC(key, text string) string { return hex.EncodeToString(mac(md5.New, key, text)) }

func TestAnswerReadsOtherSchemesToo(t *testing.T) {
	t.Parallel()
	besitos := refusedBy(t, "besitos", 401, "")
	signedURL, _, _ := strings.Cut(besitos.Attempt.Request.URL, "&verifier=")
	besitos.Attempt.Response.Body = []byte(hmac256(urlSecret, strings.ReplaceAll(signedURL, "%20", "+")))
	expectFirst(t, diagnose.Answer(besitos), "plus_for_space")

	exchange := refusedBy(t, "simpleswap", 400, sha1Of(messageID+"_finished_exchange_1001_"+urlSecret))
	expectFirst(t, diagnose.Answer(exchange), "part_order")
}

func TestAnswerReadsDeclaredSchemesToo(t *testing.T) {
	t.Parallel()
	catalogue, err := schemes.Load()
	if err != nil {
		t.Fatal(err)
	}
	tapjoy, err := catalogue.Define("tapjoy")
	if err != nil {
		t.Fatal(err)
	}
	sent := refusedBy(t, "besitos", 403, "expected "+plain(md5.New, "u:i-1:150:"+urlSecret))
	sent.Scheme, sent.Endpoint.Scheme = tapjoy, tapjoy.Name()
	sent.Attempt.Request.URL = "https://publisher.example.com/?id=i-1&snuid=u&currency=150&verifier=" + plain(md5.New, "i-1:u:150:"+urlSecret)
	expectFirst(t, diagnose.Answer(sent), "part_order")
}

func TestAnswerGoesByTheStatus(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		scheme  string
		status  int
		headers []string
		codes   []string
	}{
		"401":             {"besitos", 401, nil, []string{"signature_refused", "secret_version", "url_scheme"}},
		"403":             {"simpleswap", 403, nil, []string{"signature_refused", "secret_version"}},
		"403, firewall":   {"simpleswap", 403, []string{"Server", "cloudflare"}, []string{"signature_refused", "firewall", "secret_version"}},
		"400":             {"simpleswap", 400, nil, []string{"request_refused", "secret_version"}},
		"404":             {"bitlabs", 404, nil, []string{"path_not_found"}},
		"405":             {"bitlabs", 405, []string{"Allow", "POST"}, []string{"method_not_allowed"}},
		"407":             {"bitlabs", 407, nil, []string{"proxy_refused"}},
		"408":             {"bitlabs", 408, nil, []string{"receiver_timeout"}},
		"410":             {"bitlabs", 410, nil, []string{"gone"}},
		"414":             {"bitlabs", 414, nil, []string{"too_long"}},
		"415":             {"simpleswap", 415, nil, []string{"content_type_refused"}},
		"429":             {"bitlabs", 429, nil, []string{"rate_limited"}},
		"500":             {"bitlabs", 500, nil, []string{"receiver_failed"}},
		"501":             {"bitlabs", 501, nil, []string{"method_not_allowed"}},
		"502":             {"bitlabs", 502, nil, []string{"receiver_down"}},
		"201":             {"bitlabs", 201, nil, []string{"accepted_not_200"}},
		"204":             {"bitlabs", 204, nil, []string{"accepted_not_200"}},
		"999":             {"bitlabs", 999, nil, []string{"receiver_failed"}},
		"301, slash":      {"simpleswap", 301, []string{"Location", "/hook/"}, []string{"redirect_slash"}},
		"302, elsewhere":  {"simpleswap", 302, []string{"Location", "https://www.example.net/hook?token=x"}, []string{"redirect"}},
		"302, login":      {"simpleswap", 302, []string{"Location", "/users/login"}, []string{"redirect_login"}},
		"307, itself":     {"simpleswap", 307, []string{"Location", "/hook?cookie=1"}, []string{"redirect_loop"}},
		"301, nowhere":    {"simpleswap", 301, nil, []string{"redirect"}},
		"301, unreadable": {"simpleswap", 301, []string{"Location", "http://[::1"}, []string{"redirect"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := diagnose.Answer(refusedBy(t, tt.scheme, tt.status, "", tt.headers...))
			expectFirst(t, found, tt.codes[0])
			if got := codesOf(found); !slices.Equal(got, tt.codes) {
				t.Errorf("got %s, want %s", got, tt.codes)
			}
		})
	}
}

func TestAnswerSendsToTheURLBehindARedirect(t *testing.T) {
	t.Parallel()
	sent := refusedBy(t, "simpleswap", 301, "", "Location", "https://publisher.example.com/hook?user=1")
	sent.Attempt.Request.URL = "http://publisher.example.com/hook"
	found := diagnose.Answer(sent)
	expectFirst(t, found, "redirect_https")
	if !strings.Contains(found[0].Message, "https://publisher.example.com/hook: use that URL") || strings.Contains(found[0].Message, "user") {
		t.Errorf("got %s", found[0].Message)
	}
}

func TestAnswerNamesTheTrapsOfTheURL(t *testing.T) {
	t.Parallel()
	sent := refusedBy(t, "besitos", 401, "")
	sent.Attempt.Request.URL = "http://publisher.example.com:8080/hook?verifier=00"
	if got, want := codesOf(diagnose.Answer(sent)), []string{"signature_refused", "secret_version", "port_in_url", "no_parameters", "url_scheme"}; !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAnswerTellsARotationOfLately(t *testing.T) {
	t.Parallel()
	sent := refusedBy(t, "simpleswap", 401, "")
	sent.Attempt.SecretVersion = 2
	sent.Endpoint.Secrets = []postback.SealedSecret{{Version: 2, CreatedAt: noon().Add(-90 * time.Minute)}, {Version: 1}}
	found := diagnose.Answer(sent)
	if !strings.Contains(found[1].Message, "version 2 signed") || !strings.Contains(found[1].Message, "1h30m before") {
		t.Errorf("got %s", found[1].Message)
	}
}

func TestAnswerSaysWhatToDoWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	codes := []string{
		egress.CodeDenied, egress.CodeDNS, egress.CodeFamily, egress.CodeConnectRefused, egress.CodeConnectTimeout,
		egress.CodeConnectUnreachable, egress.CodeConnect, egress.CodeTimeout, egress.CodeReset, egress.CodeClosed,
		egress.CodeInvalidResponse, egress.CodeNoRoute, egress.CodeResolver, egress.CodeSource, egress.CodeExhausted, egress.CodeProxy, egress.CodeCanceled,
		egress.CodeInvalidURL, "nested_value",
		egress.CodeTLS, egress.CodeTLSTimeout, egress.CodeTLSNotSpoken, egress.CodeTLSClosed, egress.CodeTLSVersion, egress.CodeTLSCipher,
		egress.CodeTLSHost, egress.CodeTLSExpired, egress.CodeTLSSelfSigned, egress.CodeTLSAuthority, egress.CodeTLSIncomplete,
		egress.CodeTLSCertificate, egress.CodeTLSClientCertificate,
	}
	for _, code := range codes {
		attempt := postback.Attempt{Outcome: postback.OutcomeFailed, Error: &postback.AttemptError{Code: code, Message: "data.user_id: is an object"}}
		found := diagnose.Answer(diagnose.Sent{Attempt: attempt})
		expectFirst(t, found, code)
		if general := strings.HasPrefix(found[0].Message, "nothing was sent: "); general != (code == egress.CodeInvalidURL || code == "nested_value") {
			t.Errorf("%s: %s", code, found[0].Message)
		}
	}
}

func TestAnswerHasNothingToSay(t *testing.T) {
	t.Parallel()
	for _, attempt := range []postback.Attempt{
		{Outcome: postback.OutcomeSucceeded, StatusCode: 200},
		{Outcome: postback.OutcomeFailed},
	} {
		if found := diagnose.Answer(diagnose.Sent{Attempt: attempt}); len(found) != 0 {
			t.Errorf("got %+v", found)
		}
	}
}

// A hostile answer changes nothing but what is shown of its Location.
func TestAnyAnswerKeepsTheSecret(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scheme := rapid.SampledFrom([]string{"besitos", "bitlabs", "simpleswap"}).Draw(t, "scheme")
		text := rapid.SampledFrom([]string{urlSecret, "https://x/" + urlSecret, "/" + urlSecret, strings.Repeat("ab ", 50)})
		sent := refusedBy(t, scheme, rapid.IntRange(201, 599).Draw(t, "status"), text.Draw(t, "body"),
			"Location", text.Draw(t, "location"), "Allow", text.Draw(t, "allow"), "X-Any", text.Draw(t, "header"))
		for _, f := range diagnose.Answer(sent) {
			if strings.Contains(f.Message, urlSecret) || f.Code == "" {
				t.Fatalf("got %+v", f)
			}
		}
	})
}

func TestAnswerKnowsA200WithAnotherBody(t *testing.T) {
	t.Parallel()
	found := diagnose.Answer(refusedBy(t, "besitos", 200, "ERROR"))
	expectFirst(t, found, "unexpected_body")
}
