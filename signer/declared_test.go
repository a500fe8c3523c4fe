package signer_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/signer"
)

func signDeclared(t failer, definition *signer.Definition, target, data string, secrets ...string) signer.Request {
	t.Helper()
	if len(secrets) == 0 {
		secrets = []string{testSecret}
	}
	message := signer.Message{ID: testID, Type: "conversion.completed", OccurredAt: testTime().Add(-time.Hour), Data: json.RawMessage(data)}
	request, err := definition.Sign(signer.Target{URL: target}, message, secrets, testTime())
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	return request
}

// Every kind of part, as it stands in the text that is signed.
func TestParts(t *testing.T) {
	t.Parallel()
	const (
		query   = `{"b":"x y~/é","a":1.50,"c":true,"e":null}`
		body    = ` {"b" : "x/y", "a":[1.50, {"z":"é\u2028","y":1e2}], "s":"\u0041"} `
		macroAt = "https://example.com/p?z=1+2&n={n}&flag&a={a}"
	)
	with := func(base func() signer.Declaration, change func(*signer.Declaration), parts ...signer.Part) signer.Declaration {
		d := base()
		d.Parts = parts
		if change != nil {
			change(&d)
		}
		return d
	}
	sends := func(d *signer.Declaration) {
		d.Headers = []signer.Added{
			{Name: "X-Time", Value: "timestamp", Format: "20060102150405", Zone: "+02:00"},
			{Name: "X-When", Value: "timestamp", Format: "unix_milli", Of: "event"},
			{Name: "X-Id", Value: "message_id"},
			{Name: "X-Type", Value: "event_type"},
		}
	}
	header := func(d *signer.Declaration) { d.Place = signer.Place{In: "header", Name: "X-Sig"} }
	tests := []struct {
		name         string
		declaration  signer.Declaration
		target, data string
		want         string
	}{
		{"literal and joiner", with(bodyScheme, func(d *signer.Declaration) { d.Joiner = "|" }, signer.Part{Part: "literal", Text: "v1"}, signer.Part{Part: "method"}), "https://example.com/", body, "v1|POST"},
		{"decoded fields", with(queryScheme, nil, signer.Part{Part: "field", Field: "b"}, signer.Part{Part: "field", Field: "a"}, signer.Part{Part: "field", Field: "c"}, signer.Part{Part: "field", Field: "e"}, signer.Part{Part: "field", Field: "none"}), "https://example.com/", query, "x y~/é1.501"},
		{"raw field of a URL", with(queryScheme, nil, signer.Part{Part: "field", Field: "b", Form: "raw"}), "https://example.com/", query, "x%20y~%2F%C3%A9"},
		{"raw field of a form", with(queryScheme, func(d *signer.Declaration) { d.Data.Encoding = "rfc1738" }, signer.Part{Part: "field", Field: "b", Form: "raw"}), "https://example.com/", query, "x+y%7E%2F%C3%A9"},
		{"integer field", with(queryScheme, nil, signer.Part{Part: "field", Field: "n", Form: "integer"}), "https://example.com/", `{"n":-17.50}`, "-17"},
		{"fields of a body", with(bodyScheme, nil, signer.Part{Part: "field", Field: "b"}, signer.Part{Part: "field", Field: "s", Form: "raw"}), "https://example.com/", body, `x/y"\u0041"`},
		{"secret", with(bodyScheme, func(d *signer.Declaration) { d.Algorithm = "md5" }, signer.Part{Part: "literal", Text: "a"}, signer.Part{Part: "secret"}, signer.Part{Part: "literal", Text: "b"}), "https://example.com/", body, "a<secret>b"},
		{"times", with(bodyScheme, sends, signer.Part{Part: "timestamp", Format: "20060102150405", Zone: "+02:00"}, signer.Part{Part: "literal", Text: " "}, signer.Part{Part: "timestamp", Format: "unix_milli", Of: "event"}), "https://example.com/", body, "20231115001320 1699996400000"},
		{"id and type", with(bodyScheme, sends, signer.Part{Part: "message_id"}, signer.Part{Part: "event_type"}), "https://example.com/", body, testID + "conversion.completed"},
		{"URL", with(macroScheme, nil, signer.Part{Part: "url"}), macroAt, `{"a":"x","n":1}`, "https://example.com/p?z=1+2&n=1&flag&a=x"},
		{"path and query", with(macroScheme, nil, signer.Part{Part: "path_query"}), macroAt, `{"a":"x","n":1}`, "/p?z=1+2&n=1&flag&a=x"},
		{"URL of a body", with(bodyScheme, nil, signer.Part{Part: "url"}, signer.Part{Part: "body"}), "https://Example.com:443?a=b", `{"a":1}`, `https://example.com/?a=b{"a":1}`},
		{"query as sent", with(macroScheme, nil, signer.Part{Part: "query"}), macroAt, `{"a":"x y","n":1}`, "z=1+2&n=1&flag&a=x%20y"},
		{"query sorted, RFC 3986", with(macroScheme, nil, signer.Part{Part: "query", Order: "sorted", Encoding: "rfc3986"}), macroAt, `{"a":"x y","n":1}`, "a=x%20y&flag=&n=1&z=1%202"},
		{"query sorted, RFC 1738", with(macroScheme, nil, signer.Part{Part: "query", Order: "sorted", Encoding: "rfc1738"}), macroAt, `{"a":"x y~","n":1}`, "a=x+y%7E&flag=&n=1&z=1+2"},
		{"query listed, decoded", with(macroScheme, nil, signer.Part{Part: "query", Order: "listed", List: []string{"z", "a"}, Encoding: "none"}), macroAt, `{"a":"x&y","n":1}`, "z=1 2&a=x&y"},
		{"query with exceptions", with(macroScheme, nil, signer.Part{Part: "query", Except: []string{"z", "flag"}}), macroAt, `{"a":"x","n":1}`, "n=1&a=x"},
		{"values of parameters", with(queryScheme, header, signer.Part{Part: "values", Separator: ":", Except: []string{"c"}}), "https://example.com/", query, "1.50:x y~/é"},
		{"values of macros", with(macroScheme, nil, signer.Part{Part: "values", Separator: ":"}), macroAt, `{"a":"x y","n":1}`, "x y:1"},
		{"body", with(bodyScheme, nil, signer.Part{Part: "body"}), "https://example.com/", body, strings.TrimSpace(body)},
		{"body in base64", with(bodyScheme, nil, signer.Part{Part: "body", Base64: true}), "https://example.com/", `{"a":1}`, "eyJhIjoxfQ=="},
		{"JSON of JavaScript", with(bodyScheme, nil, signer.Part{Part: "json", Order: "sorted"}), "https://example.com/", body, "{\"a\":[1.5,{\"y\":100,\"z\":\"é\u2028\"}],\"b\":\"x/y\",\"s\":\"A\"}"},
		{"JSON of PHP", with(bodyScheme, nil, signer.Part{Part: "json", Style: "php", Except: []string{"s"}}), "https://example.com/", body, `{"b":"x\/y","a":[1.5,{"z":"é\u2028","y":100}]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			definition := compile(t, test.declaration)
			request := signDeclared(t, definition, test.target, test.data)
			assertEqual(t, "string to sign", request.StringToSign, test.want)
			assertOnWire(t, request.URL)
			got := received(request)
			if strings.Contains(test.target, "{") {
				got.Template = test.target
			}
			if err := definition.Verify(got, []string{testSecret}, testTime()); err != nil {
				t.Error(err)
			}
			assertRefusedCode(t, definition.Verify(got, []string{testSecret + "x"}, testTime()), signer.CodeSignatureMismatch)
		})
	}
}

func assertRefusedCode(t failer, err error, code string) {
	t.Helper()
	refused, ok := err.(*signer.Error) //nolint:errorlint // Schemes promise that very type.
	if !ok || refused.Code != code {
		t.Fatalf("got %v, want code %s", err, code)
	}
}

// Algorithms, keys and outputs: made with openssl dgst.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	const text, inHex, inBase64 = "key-of-16-letters", "k_00112233445566778899aabbccddeeff", "k_ABEiM0RVZneImaq7zN3u/w=="
	tests := []struct {
		algorithm, output, key, secret, want string
	}{
		{"hmac-md5", "hex", "utf8", text, "d353c4135ba23c6fd15ab570d201eaee"},
		{"hmac-sha1", "hex", "utf8", text, "ed71b5fbead8be43b335942267fc42b79b4a2ff0"},
		{"hmac-sha1", "base64", "hex", inHex, "ZQAmNwwLrqyA4f5azO6A1/82m4Y="},
		{"hmac-sha1", "base64url", "hex", inHex, "ZQAmNwwLrqyA4f5azO6A1_82m4Y"},
		{"hmac-sha256", "hex-upper", "utf8", text, "259B0A55A2A2C6B4AE239E53E9A85A9519637C975AE20508E2982FEE3DAB6CC4"},
		{"hmac-sha256", "base64", "base64", inBase64, "Y27hHKA1eQ3OfbufVpW+UMsUgRIANbPUIRCNM/exjjY="},
		{"hmac-sha512", "base64", "base64", inBase64, "sknd2IOZ/TLaDe87UmRJnLNNCa3B9WtZfOaeU4rZ3uaYCI5B/1Lq2Uo94sG8r6pWbGH7r8s+r+qn7jZGbYaK+g=="},
		{"md5", "hex", "", text, "ff6fec024a6a377cf89e566890f9794b"},
		{"sha256", "base64url", "", text, "YcI52_LtgteeIepWLQ-78F2NZ_WQENJjYluLKxoHBU8"},
	}
	for _, test := range tests {
		declaration := bodyScheme()
		declaration.Algorithm, declaration.Output, declaration.Key.Encoding = test.algorithm, test.output, test.key
		switch test.key {
		case "":
			declaration.Parts = append(declaration.Parts, signer.Part{Part: "secret"})
		case "hex", "base64":
			declaration.Key.Prefix = "k_"
			declaration.Secret = signer.Secret{Generate: test.key, Prefix: "k_"}
		}
		definition := compile(t, declaration)
		request := signDeclared(t, definition, "https://example.com/", `{"a":1}`, test.secret)
		assertEqual(t, test.algorithm, request.Signature, test.want)
		if err := definition.CheckSecret(test.secret); err != nil {
			t.Error(err)
		}
		if test.key == "hex" {
			assertRefused(t, definition.CheckSecret("00112233445566778899aabbccddeeff"), signer.CodeSecretInvalid, "secret")
			assertRefused(t, definition.CheckSecret("k_zz"), signer.CodeSecretInvalid, "secret")
		}
	}
}

// The signature's places, as they are sent.
func TestPlaces(t *testing.T) {
	t.Parallel()
	base64URL := macroScheme()
	base64URL.Parts, base64URL.Output, base64URL.Place = []signer.Part{{Part: "field", Field: "a"}}, "base64", signer.Place{In: "macro", Name: "sig"}
	definition := compile(t, base64URL)
	request := signDeclared(t, definition, "https://example.com/{sig}?s=%7Bsig%7D&a={a}", `{"a":"x"}`)
	escaped := strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(request.Signature)
	assertEqual(t, "URL", request.URL, "https://example.com/"+escaped+"?s="+escaped+"&a=x")

	inQuery := queryScheme()
	inQuery.Output = "base64"
	request = signDeclared(t, compile(t, inQuery), "https://example.com/", `{"a":"x"}`)
	assertEqual(t, "URL", request.URL, "https://example.com/?a=x&sig="+strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(request.Signature))

	nested := bodyScheme()
	nested.Parts, nested.Algorithm = []signer.Part{{Part: "json", Except: []string{"meta"}}, {Part: "secret"}}, "sha512"
	nested.Place, nested.Output = signer.Place{In: "body", Name: "meta.auth.sign", Template: "v={sig}"}, "hex-upper"
	request = signDeclared(t, compile(t, nested), "https://example.com/", `{ }`)
	assertEqual(t, "body", string(request.Body), `{ "meta":{"auth":{"sign":"v=`+request.Signature+`"}}}`)
	assertEqual(t, "upper case", request.Signature, strings.ToUpper(request.Signature))
	assertRefused(t, compile(t, nested).CheckData([]byte(`{"meta":1}`)), signer.CodeReservedName, "data.meta")
}

func TestAddedMembers(t *testing.T) {
	t.Parallel()
	declaration := bodyScheme()
	declaration.Data.Add = []signer.Added{
		{Name: "id", Value: "message_id", At: "first"},
		{Name: "v", Value: "literal", Text: `"1"`},
		{Name: "at", Value: "timestamp", Format: "rfc3339"},
		{Name: "kind", Value: "event_type", At: "first"},
	}
	request := signDeclared(t, compile(t, declaration), "https://example.com/", `{"a":1.50}`)
	assertEqual(t, "body", string(request.Body), `{"id":"`+testID+`","kind":"conversion.completed","a":1.50,"v":"\"1\"","at":"2023-11-14T22:13:20Z"}`)
	assertRefused(t, compile(t, declaration).CheckData([]byte(`{"at":1}`)), signer.CodeReservedName, "data.at")

	query := queryScheme()
	query.Data.Order, query.Data.OwnQuery = "sorted", true
	query.Data.Add = []signer.Added{{Name: "b", Value: "timestamp"}}
	request = signDeclared(t, compile(t, query), "https://example.com/?own=1", `{"c":1,"a":2}`)
	assertEqual(t, "string to sign", request.StringToSign, "https://example.com/?own=1&a=2&b=1700000000&c=1")
	_, err := compile(t, query).Sign(signer.Target{URL: "https://example.com/?c=1"}, signer.Message{Data: []byte(`{"c":1}`)}, []string{testSecret}, testTime())
	assertRefused(t, err, signer.CodeDuplicateParameter, "data.c")
	_, err = compile(t, query).Check(signer.Target{URL: "https://example.com/?sig=1"})
	assertRefused(t, err, signer.CodeReservedParameter, "url")

	list := queryScheme()
	list.Data.Order, list.Data.List = "listed", []string{"n", "a"}
	request = signDeclared(t, compile(t, list), "https://example.com/", `{"a":1,"b":2,"n":3}`)
	assertEqual(t, "string to sign", request.StringToSign, "https://example.com/?n=3&a=1")
}

func overlapping() signer.Declaration {
	declaration := bodyScheme()
	declaration.Parts, declaration.Joiner = []signer.Part{{Part: "timestamp"}, {Part: "body"}}, "."
	declaration.Place = signer.Place{In: "header", Name: "X-Acme", Template: "t={ts},v1={sig}", Overlap: ",v1={sig}"}
	declaration.Tolerance = "5m"
	return declaration
}

// While a secret is rotated, both verify.
func TestOverlap(t *testing.T) {
	t.Parallel()
	definition := compile(t, overlapping())
	if !definition.AllowsOverlap() {
		t.Error("no overlap")
	}
	const former, oldest = "former-secret-0000", "oldest-secret-0000"
	request := signDeclared(t, definition, "https://example.com/", `{"a":1}`, testSecret, former, oldest)
	assertEqual(t, "signatures", strings.Count(request.Header.Get("X-Acme"), "v1="), 3)
	for _, secret := range []string{testSecret, former, oldest} {
		if err := definition.Verify(received(request), []string{secret}, testTime()); err != nil {
			t.Errorf("%s: %v", secret, err)
		}
	}
	got := received(request)
	assertRefused(t, definition.Verify(got, []string{"other-secret-0000"}, testTime()), signer.CodeSignatureMismatch, "headers")
	assertRefused(t, definition.Verify(got, []string{testSecret}, testTime().Add(6*time.Minute)), signer.CodeTimestampRefused, "headers")
	assertRefused(t, definition.Verify(got, []string{testSecret}, testTime().Add(-6*time.Minute)), signer.CodeTimestampRefused, "headers")
	for value, code := range map[string]string{
		"":                       signer.CodeSignatureMissing,
		"v1=00":                  signer.CodeSignatureMissing,
		"t=1700000000,v1=":       signer.CodeSignatureMissing,
		"t=x,v1=00":              signer.CodeTimestampInvalid,
		"t=1700000000,v1=00":     signer.CodeSignatureMismatch,
		"t=1700000000,v1=00,v2=": signer.CodeSignatureMismatch,
	} {
		got.Header = http.Header{"X-Acme": {value}}
		assertRefused(t, definition.Verify(got, []string{testSecret}, testTime()), code, "headers")
	}
}

// A header never carries what would end it.
func TestHeadersCarryTextAlone(t *testing.T) {
	t.Parallel()
	declaration := bodyScheme()
	declaration.Headers = []signer.Added{{Name: "X-Type", Value: "event_type"}}
	message := signer.Message{ID: testID, Type: "a\r\nX-Evil: 1", Data: []byte(`{}`)}
	_, err := compile(t, declaration).Sign(signer.Target{URL: "https://example.com/"}, message, []string{testSecret}, testTime())
	assertRefused(t, err, signer.CodeValueInvalid, "type")
}

func TestMacroSpellings(t *testing.T) {
	t.Parallel()
	for _, spelling := range [][2]string{{"{", "}"}, {"{{", "}}"}, {"[", "]"}, {"[[", "]]"}, {"$", "$"}, {"[%", "%]"}, {"<", ">"}} {
		declaration := macroScheme()
		declaration.Data.Macros.Open, declaration.Data.Macros.Close = spelling[0], spelling[1]
		definition := compile(t, declaration)
		request := signDeclared(t, definition, "https://example.com/?a="+spelling[0]+"a"+spelling[1]+"&n=~0~", `{"a":"`+spelling[0]+`n`+spelling[1]+`"}`)
		if !strings.HasSuffix(request.StringToSign, "&n=~0~") {
			t.Errorf("%q: %s", spelling, request.StringToSign)
		}
		assertEqual(t, "value", strings.Count(request.StringToSign, "?a=%"), 1) // is no template
		encoded := ""
		for _, c := range []byte(spelling[0] + "a" + spelling[1]) {
			if encoded += string(c); c != 'a' {
				encoded = encoded[:len(encoded)-1] + "%" + strings.ToUpper(strconv.FormatInt(int64(c), 16))
			}
		}
		request = signDeclared(t, definition, "https://example.com/?a="+encoded, `{"a":"x"}`)
		assertEqual(t, "encoded macro", request.StringToSign, "https://example.com/?a=x")
		_, err := definition.Check(signer.Target{URL: "https://example.com/?a=" + spelling[0] + "b" + spelling[1]})
		assertRefused(t, err, signer.CodeMacroUnknown, "url")
		_, err = definition.Check(signer.Target{URL: "https://example.com/?a=" + spelling[0] + "a"})
		assertRefused(t, err, signer.CodeMacroNotClosed, "url")
	}
}

// The targets that are remembered are those that were asked for, from however
// many goroutines.
func TestManyTargets(t *testing.T) {
	t.Parallel()
	definition := compile(t, macroScheme())
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 3000 {
				path := strconv.Itoa((i * (worker + 1)) % 2000)
				request := signDeclared(t, definition, "https://example.com/"+path+"?a={a}", `{"a":"`+path+`"}`)
				if request.StringToSign != "https://example.com/"+path+"?a="+path {
					t.Errorf("got %s", request.StringToSign)
				}
			}
		})
	}
	group.Wait()
}

func TestBracketsOfAnAddressAreNoMacro(t *testing.T) {
	t.Parallel()
	declaration := macroScheme()
	declaration.Data.Macros.Open, declaration.Data.Macros.Close = "[", "]"
	request := signDeclared(t, compile(t, declaration), "https://[::1]/?a=[a]", `{"a":"x"}`)
	assertEqual(t, "string to sign", request.StringToSign, "https://[::1]/?a=x")
}

func TestVerifyWithoutTemplate(t *testing.T) {
	t.Parallel()
	declaration := macroScheme()
	declaration.Fields = []signer.Field{{Name: "a", Required: true}}
	declaration.Parts, declaration.Place = []signer.Part{{Part: "field", Field: "a"}}, signer.Place{In: "macro", Name: "sig"}
	definition := compile(t, declaration)
	const template = "https://example.com/{n}?user={a}&s={sig}"
	request := signDeclared(t, definition, template, `{"a":"x y","n":"p"}`)
	got := received(request)
	assertRefused(t, definition.Verify(got, []string{testSecret}, testTime()), signer.CodeSignatureMissing, "url")
	got.Template = template
	if err := definition.Verify(got, []string{testSecret}, testTime()); err != nil {
		t.Error(err)
	}
	got.URL = strings.Replace(request.URL, "user=", "usr=", 1)
	assertRefused(t, definition.Verify(got, []string{testSecret}, testTime()), signer.CodeTemplateMismatch, "url")
	got.URL = request.URL + "&user=y"
	assertRefused(t, definition.Verify(got, []string{testSecret}, testTime()), signer.CodeDuplicateParameter, "url")
	got = signer.Received{URL: "https://example.com/?sig=00"}
	assertRefused(t, definition.Verify(got, []string{testSecret}, testTime()), signer.CodeValueMissing, "url")
}
