package signer_test

import (
	"strings"
	"testing"

	"github.com/waybillhq/waybill/signer"
)

// What CheckDelivery lets through can be sent, and what it refuses cannot.
func TestCheckDeliveryKnowsTheTarget(t *testing.T) {
	t.Parallel()
	const inPath = "https://example.com/x/[%TX%]/[%UID%]?u=[%UID%]&v=[%UID%]"
	long := strings.Repeat("é", 800) // 4,800 bytes in a URL
	tests := []struct{ scheme, target, data, code, field string }{
		{"bitlabs", inPath, `{"tx":"t","uid":"u"}`, "", ""},
		{"bitlabs", inPath, `{"tx":"..","uid":"u"}`, signer.CodeURLDotSegment, "data"},
		{"bitlabs", inPath, `{"tx":".","uid":"u"}`, signer.CodeURLDotSegment, "data"},
		{"bitlabs", inPath, `{"tx":"t","uid":"` + long + `"}`, signer.CodeDataTooLarge, "data"},
		{"bitlabs", inPath, `{"tx":{}}`, signer.CodeValueNested, "data.tx"},
		{"bitlabs", "https://example.com/?tx=[%TX%]", `{"tx":"..","uid":"` + long + `"}`, "", ""},
		{"besitos", "https://example.com/", `{"a":".."}`, "", ""},
		{"simpleswap", "https://example.com/", `{"publicId":"..","status":"."}`, "", ""},
		{"standard-webhooks", "https://example.com/", `{"a":".."}`, "", ""},
	}
	for _, test := range tests {
		known, err := signer.Define(test.scheme)
		if err != nil {
			t.Fatal(err)
		}
		err = known.CheckDelivery(signer.Target{URL: test.target}, []byte(test.data), []string{signer.AnyMacro})
		if test.code == "" {
			if err != nil {
				t.Errorf("%s %.100s: %v", test.scheme, test.data, err)
			}
			continue
		}
		assertRefused(t, err, test.code, test.field)
		_, err = trySign(t, test.scheme, test.target, test.data)
		assertRefused(t, err, test.code, test.field)
	}
}

// A macro that is sent empty credits nobody, though the receiver answers 200.
func TestAMacroWithoutAValueIsRefused(t *testing.T) {
	t.Parallel()
	const url = "https://example.com/?uid=[%UID%]&val=[%VALUE:CURRENCY%]&tx=[%TX%]&again=[%USER:UID%]&reason=[%REASON%]"
	tests := []struct {
		data       string
		mayBeEmpty []string
		field      string
	}{
		{`{"uid":"u","val":1.50,"tx":"t"}`, nil, ""}, // reason is optional
		{`{"uid":"0","val":0,"tx":false}`, nil, ""},
		{`{"val":1.50,"tx":"t"}`, nil, "data.uid"},
		{`{"uid":null,"val":1.50,"tx":"t"}`, nil, "data.uid"},
		{`{"uid":"","val":1.50,"tx":"t"}`, nil, "data.uid"},
		{`{"uid":"u","tx":"t"}`, nil, "data.val"},
		{`{"uid":"u","tx":"t"}`, []string{"UID", "TX"}, "data.val"},
		{`{"uid":"u","tx":"t"}`, []string{"VAL"}, ""},
		{`{"uid":"u","tx":"t"}`, []string{"VALUE:CURRENCY"}, ""},
		{`{"uid":"u"}`, []string{"VAL"}, "data.tx"},
		{`{"uid":"u"}`, []string{"unknown", "TX", "VAL"}, ""},
		{`{}`, []string{signer.AnyMacro}, ""},
	}
	known, err := signer.Define("bitlabs")
	if err != nil {
		t.Fatal(err)
	}
	target := signer.Target{URL: url}
	for _, test := range tests {
		for what, err := range map[string]error{
			"delivery": known.CheckDelivery(target, []byte(test.data), test.mayBeEmpty),
			"macros":   known.CheckMacros(target, []byte(test.data), test.mayBeEmpty),
		} {
			if test.field != "" {
				assertRefused(t, err, signer.CodeValueMissing, test.field)
			} else if err != nil {
				t.Errorf("%s %s, %v may be empty: %v", what, test.data, test.mayBeEmpty, err)
			}
		}
	}
}

func TestWhatMayBeEmptyAreMacrosOfTheScheme(t *testing.T) {
	t.Parallel()
	tests := []struct {
		scheme, message, field string
		names                  []string
	}{
		{"bitlabs", "", "", []string{"UID", "USER:UID", "*"}},
		{"bitlabs", "did you mean [%UID%]?", "allow_empty[1]", []string{"TX", "UIDD"}},
		{"bitlabs", "unknown macro", "allow_empty[0]", []string{"data.uid"}},
		{"besitos", "", "", []string{"*"}},
		{"besitos", "have none", "allow_empty[0]", []string{"UID"}},
		{"standard-webhooks", "", "", nil},
		{"standard-webhooks", "have none", "allow_empty[0]", []string{"UID"}},
	}
	for _, test := range tests {
		known, err := signer.Define(test.scheme)
		if err != nil {
			t.Fatal(err)
		}
		err = known.CheckMayBeEmpty(test.names)
		if test.message == "" {
			if err != nil {
				t.Errorf("%s %v: %v", test.scheme, test.names, err)
			}
			continue
		}
		assertRefused(t, err, signer.CodeMacroUnknown, test.field)
		if !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s %v: %v", test.scheme, test.names, err)
		}
	}
}

func TestLongNumbersAreRefused(t *testing.T) {
	t.Parallel()
	most, text := strings.Repeat("7", 4300), strings.Repeat("7", 5000)
	accepted := []string{most, "-" + most, most + "." + most, most + "e1", `[` + most + `]`, `"` + text + `"`, `{"` + text + `":"\"` + text + `"}`}
	refused := []string{most + "7", "0." + most + "7", `[1,` + most + `7]`, `{"a":{"b":` + most + `7}}`}
	for i, values := range [][]string{accepted, refused} {
		for _, value := range values {
			err := lookup(t, "standard-webhooks").CheckData([]byte(`{"a":` + value + `}`))
			if i == 0 && err != nil {
				t.Errorf("%.20s...: %v", value, err)
			}
			if i == 1 {
				assertRefused(t, err, signer.CodeDataInvalid, "data")
			}
		}
	}
}

// A receiver that splits at "&hash=" must not find it in the path.
func TestTheSignatureIsNotNamedInThePath(t *testing.T) {
	t.Parallel()
	for scheme, target := range map[string]string{
		"besitos": "https://example.com/a&verifier=1/b",
		"bitlabs": "https://example.com/a&hash=1/b?tx=[%TX%]",
	} {
		_, err := lookup(t, scheme).Check(signer.Target{URL: target})
		assertRefused(t, err, signer.CodeReservedParameter, "url")
		if _, err := lookup(t, scheme).Check(signer.Target{URL: strings.ReplaceAll(target, "&", ";")}); err != nil {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}
