package signer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/signer"
)

func TestBesitosBuildsURL(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, target, data, want string }{
		{"sorted by name", "https://example.com/p", `{"b":"2","a":"1","B":"3"}`, "https://example.com/p?B=3&a=1&b=2"},
		{"empty path", "https://Example.com:443", `{"a":1}`, "https://example.com/?a=1"},
		{"own port", "https://example.com:8443/p", `{"a":1}`, "https://example.com:8443/p?a=1"},
		{"spelling of numbers", "https://example.com/", ` { "a" : 1.50 , "b" : 12345678901234567890123 , "c" : -0.0 , "d" : 1e+5 } `, "https://example.com/?a=1.50&b=12345678901234567890123&c=-0.0&d=1e%2B5"},
		{"booleans and null", "https://example.com/", `{"a":true,"b":false,"c":null,"d":""}`, "https://example.com/?a=1&b=0&c=&d="},
		{"reserved characters", "https://example.com/", `{"a":"a b+c&d=e/f?g#h:i!j*k(l)~m"}`, "https://example.com/?a=a%20b%2Bc%26d%3De%2Ff%3Fg%23h%3Ai%21j%2Ak%28l%29~m"},
		{"UTF-8 and escapes", "https://example.com/", `{"a":"é\u00e9\ud83d\ude00\n\"\\\/\b\f\r\t\ufffd"}`, "https://example.com/?a=%C3%A9%C3%A9%F0%9F%98%80%0A%22%5C%2F%08%0C%0D%09%EF%BF%BD"},
		{"escaped name", "https://example.com/", `{"\u0061_b-C":1}`, "https://example.com/?a_b-C=1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			request := sign(t, "besitos", test.target, test.data)
			assertEqual(t, "string to sign", request.StringToSign, test.want)
			assertEqual(t, "URL", request.URL, test.want+"&verifier="+request.Signature)
			assertEqual(t, "method", request.Method, "GET")
			if request.Body != nil || request.Header == nil {
				t.Errorf("body %q, header %v", request.Body, request.Header)
			}
			if err := signer.Verify("besitos", received(request), testSecret); err != nil {
				t.Error(err)
			}
		})
	}
}

// The signature was made with: printf %s URL | openssl dgst -sha256 -hmac SECRET.
func TestBesitosVector(t *testing.T) {
	t.Parallel()
	request := sign(t, "besitos", "https://example.com/postback", `{"user_id":"user 1","transaction_id":"tx_1","payout":1.50}`)
	assertEqual(t, "string to sign", request.StringToSign, "https://example.com/postback?payout=1.50&transaction_id=tx_1&user_id=user%201")
	assertEqual(t, "signature", request.Signature, "0948860a4072ec51ae15c3c928da1b406ab807f04935e74baee297ef0284b00e")
}

func TestBesitosRefusesData(t *testing.T) {
	t.Parallel()
	many := make([]string, 201)
	for i := range many {
		many[i] = fmt.Sprintf(`"n%d":1`, i)
	}
	tests := []struct{ name, data, code, field string }{
		{"nothing", ``, signer.CodeDataInvalid, "data"},
		{"no JSON", `{"a":}`, signer.CodeDataInvalid, "data"},
		{"two values", `{"a":1}{}`, signer.CodeDataInvalid, "data"},
		{"list", `[1]`, signer.CodeDataInvalid, "data"},
		{"null", `null`, signer.CodeDataInvalid, "data"},
		{"no UTF-8", "{\"a\":\"\xff\"}", signer.CodeDataInvalid, "data"},
		{"half a surrogate pair", `{"a":"\ud800"}`, signer.CodeDataInvalid, "data"},
		{"second half first", `{"a":"\udc00\ud800"}`, signer.CodeDataInvalid, "data"},
		{"high and no low", `{"a":"\ud800\u0041"}`, signer.CodeDataInvalid, "data"},
		{"no members", `{}`, signer.CodeDataEmpty, "data"},
		{"nested object", `{"a":1,"b":{"c":1}}`, signer.CodeValueNested, "data.b"},
		{"list as value", `{"a":[1]}`, signer.CodeValueNested, "data.a"},
		{"too deep", `{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, signer.CodeDataTooDeep, "data.a"},
		{"far too deep", `{"a":` + strings.Repeat("[", 50000) + strings.Repeat("]", 50000) + `}`, signer.CodeDataTooDeep, "data.a"},
		{"name twice", `{"a":1,"b":2,"a":3}`, signer.CodeDuplicateName, "data.a"},
		{"name twice, spelled otherwise", `{"a":1,"\u0061":3}`, signer.CodeDuplicateName, "data.a"},
		{"one of many twice", `{` + strings.Join(many, ",") + `,"n7":1}`, signer.CodeDuplicateName, "data.n7"},
		{"too many", `{` + strings.Join(many, ",") + `}`, signer.CodeTooManyParameters, "data"},
		{"signature's name", `{"verifier":1}`, signer.CodeReservedName, "data.verifier"},
		{"empty name", `{"":1}`, signer.CodeNameInvalid, "data."},
		{"dot", `{"a.b":1}`, signer.CodeNameInvalid, "data.a.b"},
		{"tilde", `{"a~":1}`, signer.CodeNameInvalid, "data.a~"},
		{"space", `{"a b":1}`, signer.CodeNameInvalid, "data.a b"},
		{"list of PHP", `{"a[]":1}`, signer.CodeNameInvalid, "data.a[]"},
		{"not ASCII", `{"é":1}`, signer.CodeNameInvalid, "data.é"},
		{"control character", `{"a\n":1}`, signer.CodeNameInvalid, `data."a\n"`},
		{"long name", `{"` + strings.Repeat("a.", 100) + `":1}`, signer.CodeNameInvalid, "data." + strings.Repeat("a.", 32) + "..."},
		{"number as name", `{"10":1}`, signer.CodeNameInvalid, "data.10"},
		{"negative number as name", `{"-5":1}`, signer.CodeNameInvalid, "data.-5"},
		{"exponent as name", `{"1e3":1}`, signer.CodeNameInvalid, "data.1e3"},
		{"NUL", `{"a":"b\u0000"}`, signer.CodeValueInvalid, "data.a"},
		{"too long as a query", `{"a":"` + strings.Repeat("é", 1000) + `"}`, signer.CodeDataTooLarge, "data"},
		{"too large", `{"a":"` + strings.Repeat("a", 1<<20) + `"}`, signer.CodeDataTooLarge, "data"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assertRefused(t, lookup(t, "besitos").CheckData([]byte(test.data)), test.code, test.field)
			_, err := trySign(t, "besitos", "https://example.com/", test.data)
			assertRefused(t, err, test.code, test.field)
		})
	}
}

func TestBesitosAcceptsNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "_", "-", "-a", "1a", "10_", "user_id", "A-b_C-9"} {
		if err := lookup(t, "besitos").CheckData([]byte(`{"` + name + `":1}`)); err != nil {
			t.Error(err)
		}
	}
}

func TestBesitosCheck(t *testing.T) {
	t.Parallel()
	scheme := lookup(t, "besitos")
	for _, raw := range []string{"https://example.com/?a=1", "https://example.com/?", "https://example.com?"} {
		_, err := scheme.Check(signer.Target{URL: raw})
		assertRefused(t, err, signer.CodeURLQuery, "url")
	}
	_, err := scheme.Check(signer.Target{URL: "https://example.com/", Method: "POST"})
	assertRefused(t, err, signer.CodeMethodNotAllowed, "method")

	warnings, err := scheme.Check(signer.Target{URL: "https://example.com:443/", Method: "GET"})
	if len(warnings) > 0 || err != nil {
		t.Errorf("default port: %v, %v", warnings, err)
	}
	warnings, err = scheme.Check(signer.Target{URL: "https://example.com:8443/"})
	if len(warnings) != 1 || warnings[0].Code != "port_in_url" || err != nil {
		t.Errorf("own port: %v, %v", warnings, err)
	}
}

// The longest URL with the longest query that is accepted passes servers that
// stop at a request line of 8,190 bytes.
func TestBesitosFitsRequestLine(t *testing.T) {
	t.Parallel()
	target := "https://a.example/" + strings.Repeat("a", 2048-len("https://a.example/"))
	data := `{"a":"` + strings.Repeat("a", 5900-len("a=")) + `"}`
	request := sign(t, "besitos", target, data)
	if line := len("GET  HTTP/1.1\r\n") + len(request.URL); line > 8190 {
		t.Errorf("request line of up to %d bytes", line)
	}
}
