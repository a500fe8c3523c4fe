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
		err = known.CheckDelivery(signer.Target{URL: test.target}, []byte(test.data))
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
