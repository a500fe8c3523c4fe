package signer_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/signer"
)

func TestChecksWarn(t *testing.T) {
	t.Parallel()
	macro := macroScheme()
	macro.Parts, macro.Place = []signer.Part{{Part: "field", Field: "a"}}, signer.Place{In: "macro", Name: "sig"}
	header := macroScheme()
	header.Parts, header.Place = []signer.Part{{Part: "query", Order: "sorted"}}, signer.Place{In: "header", Name: "X"}
	tests := []struct {
		name        string
		declaration signer.Declaration
		target      string
		want        string
	}{
		{"nothing", queryScheme(), "https://example.com/a", ""},
		{"http", queryScheme(), "http://example.com/a", "no_tls"},
		{"http to an address", queryScheme(), "http://127.0.0.1:8080/a", ""},
		{"http to IPv6", queryScheme(), "http://[::1]:8080/a", ""},
		{"http to this machine", queryScheme(), "http://localhost:8080/a", ""},
		{"capitals in a signed host", queryScheme(), "https://Example.com/a", "host_case"},
		{"capitals in a host", bodyScheme(), "https://Example.com/a", ""},
		{"dot in a name", macroScheme(), "https://example.com/?a.b={a}", "name_rewritten"},
		{"escaped name", macroScheme(), "https://example.com/?%61={a}", "query_rewritten"},
		{"no query", macroScheme(), "https://example.com/", "no_query"},
		{"macro in the path", macroScheme(), "https://example.com/{a}?b", "macro_in_path query_rewritten"},
		{"no parameters to sign", header, "https://example.com/", "no_parameters"},
		{"signed but not sent", macro, "https://example.com/?s={sig}", "signed_value_not_sent"},
		{"signed and sent", macro, "https://example.com/?s={sig}&a={a}", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			warnings, err := compile(t, test.declaration).Check(signer.Target{URL: test.target})
			if err != nil {
				t.Fatal(err)
			}
			codes := make([]string, len(warnings))
			for i, warning := range warnings {
				codes[i] = warning.Code
				if warning.Message == "" {
					t.Errorf("%s says nothing", warning.Code)
				}
			}
			assertEqual(t, "warnings", strings.Join(codes, " "), test.want)
		})
	}
	_, err := compile(t, macro).Check(signer.Target{URL: "https://example.com/?a={a}"})
	assertRefused(t, err, signer.CodeMacroMissing, "url")
}

func TestFields(t *testing.T) {
	t.Parallel()
	declaration := bodyScheme()
	declaration.Fields = []signer.Field{
		{Name: "s", Type: "string", Required: true},
		{Name: "n", Type: "number"},
		{Name: "i", Type: "integer"},
		{Name: "b", Type: "boolean"},
		{Name: "v", Values: []string{"x", "1"}},
	}
	declaration.Examples = []signer.EventExample{{Data: json.RawMessage(`{"s":"x"}`)}}
	definition := compile(t, declaration)
	for data, code := range map[string]string{
		`{}`: signer.CodeValueMissing, `{"s":1}`: signer.CodeValueInvalid, `{"s":""}`: signer.CodeValueInvalid, `{"s":null}`: signer.CodeValueInvalid,
		`{"s":"x","n":"1"}`: signer.CodeValueInvalid, `{"s":"x","i":1.5}`: signer.CodeValueInvalid, `{"s":"x","i":1e3}`: signer.CodeValueInvalid,
		`{"s":"x","b":1}`: signer.CodeValueInvalid, `{"s":"x","v":"y"}`: signer.CodeValueInvalid, `{"s":"x","v":2}`: signer.CodeValueInvalid,
	} {
		assertRefusedCode(t, definition.CheckData([]byte(data)), code)
	}
	for _, data := range []string{`{"s":"x"}`, `{"s":"x","n":-1.5,"i":-7,"b":false,"v":1}`, `{"s":"x","n":null,"v":"x"}`} {
		if err := definition.CheckData([]byte(data)); err != nil {
			t.Errorf("%s: %v", data, err)
		}
	}
}

// What does not survive decoding and encoding is refused.
func TestRewritingRefuses(t *testing.T) {
	t.Parallel()
	declaration := bodyScheme()
	declaration.Data.Style = "php"
	definition := compile(t, declaration)
	for data, code := range map[string]string{
		`{"a":9007199254740993}`: signer.CodeValueInvalid,
		`{"a":1e999}`:            signer.CodeValueInvalid,
		`{"a":[0.00000001]}`:     signer.CodeValueInvalid, // 1.0e-8 in PHP, 1e-8 in JavaScript
		`{"a":{"b":{}}}`:         signer.CodeValueInvalid,
		`{"a":{"0":1}}`:          signer.CodeNameInvalid,
		`{"a":{"b":1,"b":2}}`:    signer.CodeDuplicateName,
	} {
		assertRefusedCode(t, definition.CheckData([]byte(data)), code)
	}
}
