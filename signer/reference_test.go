package signer_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/waybillhq/waybill/signer"
)

func TestReferencesOfTheBuiltInSchemes(t *testing.T) {
	t.Parallel()
	tests := []struct{ scheme, data, want string }{
		{"besitos", `{"user_id":"user_1","transaction_id":"tx_1001","tx":"no"}`, "tx_1001"},
		{"bitlabs", `{"uid":"user_1","tx":"tx_1005","ref":"tx_1004"}`, "tx_1005"},
		{"simpleswap", `{"publicId":"exchange_1001","status":"finished"}`, "exchange_1001"},
		{"simpleswap", `{"status":"finished"}`, ""},
		{"standard-webhooks", `{"order_id":"order_1","transaction_id":"tx_1001"}`, "tx_1001"},
		{"standard-webhooks", `{"transaction_id":"tx_1001","reference":"case 7"}`, "case 7"},
		{"standard-webhooks", `{"offer":{"transaction_id":"tx_1001"},"exchange_id":"exchange_1001"}`, "exchange_1001"},
		{"standard-webhooks", `{"user_id":"user_1"}`, ""},
	}
	for _, tt := range tests {
		definition, err := signer.Define(tt.scheme)
		if err != nil {
			t.Fatal(err)
		}
		assertEqual(t, tt.scheme+" of "+tt.data, definition.Reference(json.RawMessage(tt.data)), tt.want)
	}
}

func TestReferenceIsWhatAPersonSearches(t *testing.T) {
	t.Parallel()
	definition := compile(t, withReference("a"))
	longest := strings.Repeat("x", 255)
	tests := []struct{ name, data, want string }{
		{"string", `{"a":"tx_1"}`, "tx_1"},
		{"behind others", ` { "n" : [{"a":"]}"}] , "a" : "tx_1" } `, "tx_1"},
		{"escapes", `{"a":"\u00e4\/\"\n\ud83d\ude00"}`, "ä/\"\n😀"},
		{"name with escapes", `{"\u0061":"tx_1"}`, "tx_1"},
		{"whole number", `{"a":5333977169}`, "5333977169"},
		{"spelling of a number", `{"a":-1.50e+01}`, "-1.50e+01"},
		{"longest", `{"a":"` + longest + `"}`, longest},
		{"too long", `{"a":"` + longest + `x"}`, ""},
		{"too long a number", `{"a":1` + strings.Repeat("0", 255) + `}`, ""},
		{"long only as it is written", `{"a":"` + strings.Repeat(`\u0061`, 255) + `"}`, strings.Repeat("a", 255)},
		{"NUL", `{"a":"tx\u0000"}`, ""},
		{"not UTF-8", "{\"a\":\"\xff\"}", ""},
		{"empty", `{"a":""}`, ""},
		{"null", `{"a":null}`, ""},
		{"boolean", `{"a":true}`, ""},
		{"object", `{"a":{"a":"tx_1"}}`, ""},
		{"list", `{"a":["tx_1"]}`, ""},
		{"not there", `{"b":"tx_1"}`, ""},
		{"no members", `{}`, ""},
		{"no object", `["a","tx_1"]`, ""},
		{"nothing", ``, ""},
		{"cut", `{"a`, ""},
		{"cut behind the name", `{"a"`, ""},
		{"cut in the value", `{"a":"tx`, ""},
	}
	for _, tt := range tests {
		assertEqual(t, tt.name, definition.Reference(json.RawMessage(tt.data)), tt.want)
	}
}

func withReference(name string) signer.Declaration {
	declaration := bodyScheme()
	declaration.Reference = name
	return declaration
}

// Whatever the data is, a reference can be stored and searched, and is that
// which encoding/json reads.
func FuzzReference(f *testing.F) {
	f.Add(`{"a":"tx_1"}`)
	f.Add(`{"b":{"a":1},"a":"\u0041\ud83d\ude00"}`)
	f.Add(`{"a":-1.50e3}`)
	definition := compile(f, withReference("a"))
	f.Fuzz(func(t *testing.T, data string) {
		got := definition.Reference(json.RawMessage(data))
		if len(got) > 255 || !utf8.ValidString(got) || strings.ContainsRune(got, 0) {
			t.Fatalf("%q", got)
		}
		if got == "" || definition.CheckData(json.RawMessage(data)) != nil {
			return
		}
		var read map[string]json.RawMessage
		if err := json.Unmarshal([]byte(data), &read); err != nil {
			t.Fatal(err)
		}
		var text string
		if json.Unmarshal(read["a"], &text) != nil {
			text = string(read["a"])
		}
		if got != text {
			t.Fatalf("got %q, want %q", got, text)
		}
	})
}

func BenchmarkReference(b *testing.B) {
	for _, definition := range signer.BuiltIn() {
		b.Run(definition.Name(), func(b *testing.B) {
			data := definition.Example("conversion.completed")
			b.ReportAllocs()
			for b.Loop() {
				if definition.Reference(data) == "" {
					b.Fatal("there is none")
				}
			}
		})
	}
}

// Every example has a reference, so that an example can be looked up.
func TestExamplesHaveReferences(t *testing.T) {
	t.Parallel()
	for _, definition := range signer.BuiltIn() {
		for _, eventType := range []string{"conversion.completed", "conversion.screenout", "conversion.reversed", "conversion.reconciled", "exchange.finished"} {
			if definition.Reference(definition.Example(eventType)) == "" {
				t.Errorf("%s: the example of %s has none", definition.Name(), eventType)
			}
		}
	}
}
