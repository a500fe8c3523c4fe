package diagnose_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/diagnose"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

const (
	urlSecret = "00112233445566778899aabbccddeeff"
	origin    = "https://publisher.example.com"
	// query is not sorted, holds a space, a plus, an empty value and escapes.
	query    = "/complete?uid=user_1&val=150&tx=tx-1&offer_name=Reach%20level%2B10&sub=&ref=a%2Fb"
	signable = origin + query
)

func mac(algorithm func() hash.Hash, key, text string) []byte {
	h := hmac.New(algorithm, []byte(key))
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hmac1(key, text string) string   { return hex.EncodeToString(mac(sha1.New, key, text)) }
func hmac256(key, text string) string { return hex.EncodeToString(mac(sha256.New, key, text)) }

func plain(algorithm func() hash.Hash, text string) string {
	h := algorithm()
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// called is a request for a URL.
func called(raw string) signer.Received { return signer.Received{Method: "GET", URL: raw} }

// mistaken is a bitlabs request whose sender signed another text.
func mistaken(text string) signer.Received {
	return called(signable + "&hash=" + hmac1(urlSecret, text))
}

// unescaped decodes the query alone, as a careless receiver does.
func unescaped(t *testing.T, raw string) string {
	t.Helper()
	decoded, err := url.PathUnescape(raw)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// urlMistakes are small senders, each with one mistake.
func urlMistakes(t *testing.T) map[string]struct {
	code     string
	received signer.Received
} {
	keyed := func(key string) signer.Received { return called(signable + "&hash=" + hmac1(key, signable)) }
	written := func(signature string) signer.Received { return called(signable + "&hash=" + signature) }
	right := hmac1(urlSecret, signable)
	rawKey, err := hex.DecodeString(urlSecret)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]struct {
		code     string
		received signer.Received
	}{
		"http":                  {"url_scheme", mistaken("http://" + signable[len("https://"):])},
		"https":                 {"url_scheme", called("http://a.example.com/?x=1&hash=" + hmac1(urlSecret, "https://a.example.com/?x=1"))},
		"port added":            {"port", mistaken(strings.Replace(signable, ".com/", ".com:443/", 1))},
		"port of a server":      {"port", mistaken(strings.Replace(signable, ".com/", ".com:8080/", 1))},
		"port gone":             {"port", called("https://a.example.com:8443/?x=1&hash=" + hmac1(urlSecret, "https://a.example.com/?x=1"))},
		"host in upper case":    {"host_case", mistaken(strings.Replace(signable, "publisher.example.com", "PUBLISHER.EXAMPLE.COM", 1))},
		"host in lower case":    {"host_case", called("https://A.Example.com/?x=1&hash=" + hmac1(urlSecret, "https://a.example.com/?x=1"))},
		"www gone":              {"host_www", called("https://www.example.com/?x=1&hash=" + hmac1(urlSecret, "https://example.com/?x=1"))},
		"sorted":                {"parameter_order", mistaken(origin + "/complete?offer_name=Reach%20level%2B10&ref=a%2Fb&sub=&tx=tx-1&uid=user_1&val=150")},
		"another order":         {"parameter_order", called("https://a.example.com/?a=1&b=2&c=3&d=4&hash=" + hmac1(urlSecret, "https://a.example.com/?c=3&a=1&d=4&b=2"))},
		"documented order":      {"parameter_order", called("https://a.example.com/?note=n&offer_id=1&payout=2&reward=3&transaction_id=4&user_id=5&hash=" + hmac1(urlSecret, "https://a.example.com/?user_id=5&transaction_id=4&reward=3&payout=2&offer_id=1&note=n"))},
		"decoded":               {"values_decoded", mistaken(unescaped(t, signable))},
		"plus for space":        {"plus_for_space", mistaken(strings.ReplaceAll(signable, "%20", "+"))},
		"space for plus":        {"space_for_plus", called("https://a.example.com/?n=a+b&hash=" + hmac1(urlSecret, "https://a.example.com/?n=a%20b"))},
		"lower-case escapes":    {"escape_case", mistaken(strings.NewReplacer("%2B", "%2b", "%2F", "%2f").Replace(signable))},
		"upper-case escapes":    {"escape_case", called("https://a.example.com/?n=%2f&hash=" + hmac1(urlSecret, "https://a.example.com/?n=%2F"))},
		"tilde escaped":         {"escape_style", called("https://a.example.com/?n=~a%20b&hash=" + hmac1(urlSecret, "https://a.example.com/?n=%7Ea+b"))},
		"star raw":              {"escape_style", called("https://a.example.com/?n=%2A%28b%29%20c&hash=" + hmac1(urlSecret, "https://a.example.com/?n=*(b)%20c"))},
		"escaped twice":         {"escaped_twice", mistaken(origin + "/complete?" + strings.ReplaceAll(query[len("/complete?"):], "%", "%25"))},
		"slash added":           {"trailing_slash", mistaken(strings.Replace(signable, "/complete?", "/complete/?", 1))},
		"slash gone":            {"trailing_slash", called("https://a.example.com/x/?a=1&hash=" + hmac1(urlSecret, "https://a.example.com/x?a=1"))},
		"empty path":            {"trailing_slash", called("https://a.example.com/?a=1&hash=" + hmac1(urlSecret, "https://a.example.com?a=1"))},
		"double slash":          {"double_slash", called("https://a.example.com//x?a=1&hash=" + hmac1(urlSecret, "https://a.example.com/x?a=1"))},
		"prefix cut off":        {"path_prefix", called("https://a.example.com/api/x?a=1&hash=" + hmac1(urlSecret, "https://a.example.com/x?a=1"))},
		"path and query":        {"path_and_query_signed", mistaken(query)},
		"query only":            {"query_signed", mistaken(query[len("/complete?"):])},
		"path only":             {"path_signed", mistaken("/complete")},
		"no query":              {"url_without_query_signed", mistaken(origin + "/complete")},
		"no scheme":             {"url_without_scheme_signed", mistaken(signable[len("https://"):])},
		"parameter left":        {"signature_parameter_signed", mistaken(signable + "&hash=")},
		"trailing &":            {"trailing_separator", mistaken(signable + "&")},
		"HTML":                  {"html_ampersand", mistaken(strings.ReplaceAll(signable, "&", "&amp;"))},
		"empty value left out":  {"empty_parameter", mistaken(strings.Replace(signable, "&sub=", "", 1))},
		"parameter added":       {"parameter_added", called(signable + "&utm_source=x&hash=" + right)},
		"first of two":          {"duplicate_parameter", called("https://a.example.com/?a=1&b=2&a=3&hash=" + hmac1(urlSecret, "https://a.example.com/?a=1&b=2"))},
		"last of two":           {"duplicate_parameter", called("https://a.example.com/?a=1&b=2&a=3&hash=" + hmac1(urlSecret, "https://a.example.com/?b=2&a=3"))},
		"not last":              {"signature_not_last", called(origin + "/complete?hash=" + hmac1(urlSecret, signable) + "&" + query[len("/complete?"):])},
		"added behind":          {"parameters_behind_signature", called(signable + "&hash=" + right + "&fbclid=1")},
		"name in another case":  {"parameter_name", called(signable + "&Hash=" + right)},
		"MD5":                   {"wrong_hash", written(hex.EncodeToString(mac(md5.New, urlSecret, signable)))},
		"SHA-512":               {"wrong_hash", written(hex.EncodeToString(mac(sha512.New, urlSecret, signable)))},
		"besitos":               {"other_scheme", written(hmac256(urlSecret, signable))},
		"besitos under its own": {"other_scheme", called(signable + "&verifier=" + hmac256(urlSecret, signable))},
		"digest":                {"digest_for_hmac", written(plain(sha1.New, signable))},
		"secret appended":       {"secret_appended", written(plain(sha1.New, signable+urlSecret))},
		"secret prepended":      {"secret_prepended", written(plain(sha1.New, urlSecret+signable))},
		"arguments swapped":     {"key_and_text_swapped", written(hmac1(signable, urlSecret))},
		"MD5 of both":           {"secret_appended+wrong_hash", written(plain(md5.New, signable+urlSecret))},
		"upper-case hex":        {"signature_upper_case", written(strings.ToUpper(right))},
		"base64":                {"signature_base64", written(url.QueryEscape(base64.StdEncoding.EncodeToString(mac(sha1.New, urlSecret, signable))))},
		"base64url":             {"signature_base64", written(base64.RawURLEncoding.EncodeToString(mac(sha1.New, urlSecret, signable)))},
		"base64 of hex":         {"signature_base64_of_hex", written(base64.StdEncoding.EncodeToString([]byte(right)))},
		"truncated":             {"signature_truncated", written(right[:37])},
		"truncated to MD5's":    {"signature_truncated", written(right[:32])},
		"white space behind":    {"signature_padded", written(right + "%0A")},
		"prefix":                {"signature_prefixed", written("sha1=" + right)},
		"line break":            {"secret_white_space", keyed(urlSecret + "\n")},
		"line break of Windows": {"secret_white_space", keyed(urlSecret + "\r\n")},
		"hex-decoded key":       {"secret_decoded", keyed(string(rawKey))},
		"base64-decoded key":    {"secret_decoded", keyed(decode64(t, urlSecret))},
		"empty secret":          {"secret_empty", keyed("")},
		"quoted secret":         {"secret_quoted", keyed(`"` + urlSecret + `"`)},
		"secret in upper case":  {"secret_case", keyed(strings.ToUpper(urlSecret))},
		"hashed secret":         {"secret_hashed", keyed(plain(md5.New, urlSecret))},
		"two: http, sorted":     {"url_scheme+parameter_order", mistaken("http://publisher.example.com/complete?offer_name=Reach%20level%2B10&ref=a%2Fb&sub=&tx=tx-1&uid=user_1&val=150")},
		"two: key and order": {"parameter_order+secret_white_space", called("https://a.example.com/?b=1&a=2&hash=" +
			hmac1(urlSecret+"\n", "https://a.example.com/?a=2&b=1"))},
		"two: path, upper case": {"path_and_query_signed+signature_upper_case", written(strings.ToUpper(hmac1(urlSecret, query)))},
	}
}

func decode64(t *testing.T, text string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestExplainFindsTheMistakeInAURL(t *testing.T) {
	t.Parallel()
	for name, tt := range urlMistakes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectCode(t, diagnose.Explain("bitlabs", tt.received, []string{"another-secret-1", urlSecret}, time.Time{}), tt.code)
		})
	}
}

// expectCode wants one finding, with that code, that keeps the secret.
func expectCode(t *testing.T, found []postback.Finding, code string) {
	t.Helper()
	if len(found) != 1 || found[0].Code != code {
		t.Fatalf("got %+v, want %s", found, code)
	}
	if strings.Contains(found[0].Message, urlSecret) {
		t.Errorf("the message holds the secret: %s", found[0].Message)
	}
	t.Log(found[0].Message)
}

func TestExplainFindsTheMistakeInBesitos(t *testing.T) {
	t.Parallel()
	const signed = origin + "/p?offer_name=a%20b&user_id=u"
	tests := map[string]struct{ code, url string }{
		"SHA-384":       {"wrong_hash", signed + "&verifier=" + hex.EncodeToString(mac(sha512.New384, urlSecret, signed))},
		"SHA-1":         {"other_scheme", signed + "&verifier=" + hmac1(urlSecret, signed)},
		"port":          {"port", strings.Replace(signed, ".com/", ".com:8080/", 1) + "&verifier=" + hmac256(urlSecret, signed)},
		"bitlabs":       {"other_scheme", signed + "&hash=" + hmac1(urlSecret, signed)},
		"order and +":   {"parameter_order+plus_for_space", signed + "&verifier=" + hmac256(urlSecret, origin+"/p?user_id=u&offer_name=a+b")},
		"white space":   {"secret_white_space", signed + "&verifier=" + hmac256(" "+urlSecret, signed)},
		"capital paths": {"no_known_mistake", signed + "&verifier=" + hmac256(urlSecret, origin+"/P?offer_name=a%20b&user_id=u")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectCode(t, diagnose.Explain("besitos", called(tt.url), []string{urlSecret}, time.Time{}), tt.code)
		})
	}
}

// Parameters in another order are found together with a second mistake, too.
func TestExplainFindsAnotherOrderAndASecondMistake(t *testing.T) {
	t.Parallel()
	const (
		five    = origin + "/p?uid=u%201&val=150&tx=t-1&type=a&ref=b"
		turned  = origin + "/p?ref=b&uid=u%201&tx=t-1&type=a&val=150"
		seven   = origin + "/p?uid=u&val=150&tx=t-1&type=a&ref=b&sub=c&info=d"
		moved   = origin + "/p?uid=u&tx=t-1&type=a&ref=b&sub=c&val=150&info=d"
		network = origin + "/p?offer_id=1&offer_name=o&payout=1.50&reward=150&transaction_id=t-1&type=a&user_id=u"
		usual   = origin + "/p?user_id=u&transaction_id=t-1&reward=150&payout=1.50&offer_id=1&offer_name=o&type=a"
	)
	rawKey, err := hex.DecodeString(urlSecret)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ code, url, signature string }{
		"a line break":      {"parameter_order+secret_white_space", five, hmac1(urlSecret+"\n", turned)},
		"a key in hex":      {"parameter_order+secret_decoded", five, hmac1(string(rawKey), turned)},
		"a quoted secret":   {"parameter_order+secret_quoted", five, hmac1("'"+urlSecret+"'", turned)},
		"a hashed secret":   {"parameter_order+secret_hashed", five, hmac1(plain(sha256.New, urlSecret), turned)},
		"a plain digest":    {"parameter_order+secret_appended", five, plain(sha1.New, turned+urlSecret)},
		"another hash":      {"parameter_order+wrong_hash", five, hmac256(urlSecret, turned)},
		"a + for a space":   {"parameter_order+plus_for_space", five, hmac1(urlSecret, strings.ReplaceAll(turned, "%20", "+"))},
		"decoded values":    {"parameter_order+values_decoded", five, hmac1(urlSecret, unescaped(t, turned))},
		"http":              {"parameter_order+url_scheme", five, hmac1(urlSecret, strings.Replace(turned, "https", "http", 1))},
		"base64":            {"parameter_order+signature_base64", five, base64.RawURLEncoding.EncodeToString(mac(sha1.New, urlSecret, turned))},
		"one of seven":      {"parameter_order", seven, hmac1(urlSecret, moved)},
		"one of seven, key": {"parameter_order+secret_white_space", seven, hmac1(urlSecret+"\r\n", moved)},
		"as documented":     {"parameter_order+secret_case", network, hmac1(strings.ToUpper(urlSecret), usual)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectCode(t, diagnose.Explain("bitlabs", called(tt.url+"&hash="+tt.signature), []string{"another-secret-1", urlSecret}, time.Time{}), tt.code)
		})
	}
}
