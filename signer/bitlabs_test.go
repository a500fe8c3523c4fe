package signer_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/signer"
)

func TestBitlabsVector(t *testing.T) {
	t.Parallel()
	const (
		secret    = "JLOIAUNMHFli7ZJOQVEzm98rzqnm9"
		signed    = "https://publisher.com/complete?uid=8cc877ee-af19-488d-b28d-216fb866b996&val=500"
		signature = "dbcd6bb8ca677344592842a52b4fca9bec36cd4b"
	)
	for _, target := range []string{signed, "https://publisher.com/complete?uid=[%UID%]&val=%5B%25VALUE:CURRENCY%25%5D"} {
		message := signer.Message{ID: testID, Data: []byte(`{"uid":"8cc877ee-af19-488d-b28d-216fb866b996","val":500}`)}
		request, err := lookup(t, "bitlabs").Sign(signer.Target{URL: target}, message, []string{secret}, testTime())
		if err != nil {
			t.Fatal(err)
		}
		assertEqual(t, "string to sign", request.StringToSign, signed)
		assertEqual(t, "signature", request.Signature, signature)
		assertEqual(t, "URL", request.URL, signed+"&hash="+signature)
		if err := signer.Verify("bitlabs", received(request), secret); err != nil {
			t.Error(err)
		}
	}
}

func TestBitlabsFillsTemplate(t *testing.T) {
	t.Parallel()
	const data = `{"uid":"a b/ü","val":1.50,"raw":-12345678901234567890,"tx":"t&hash=1","ref":null,"type":true,"reason":"[%UID%]","other":"unused"}`
	tests := []struct{ name, target, want string }{
		{"old and new names", "https://example.com/?a=[%UID%]&b=[%USER:UID%]", "https://example.com/?a=a%20b%2F%C3%BC&b=a%20b%2F%C3%BC"},
		{"encoded", "https://example.com/?a=%5B%25UID%25%5D&b=%5b%25USER%3AUID%25%5d&c=[%25TX%25]", "https://example.com/?a=a%20b%2F%C3%BC&b=a%20b%2F%C3%BC&c=t%26hash%3D1"},
		{"numbers", "https://example.com/?v=[%VAL%]&r=[%RAW%]", "https://example.com/?v=1.50&r=-12345678901234567890"},
		{"in a value and the path", "https://example.com/u-[%UID%]/x?v=a[%VAL%]b[%TYPE%]c", "https://example.com/u-a%20b%2F%C3%BC/x?v=a1.50b1c"},
		{"values are not templates", "https://example.com/?a=[%REASON%]", "https://example.com/?a=%5B%25UID%25%5D"},
		{"static parts as written", "https://Example.com:443/%7e?b=%2f&a=1+2&flag&c=*!'()", "https://example.com/%7e?b=%2f&a=1+2&flag&c=*!'()"},
		{"an encoded bracket", "https://example.com/?a%5Bb%5D=%5B%25&c=%25%5D", "https://example.com/?a%5Bb%5D=%5B%25&c=%25%5D"},
		{"bracket before a macro", "https://example.com/?a=%5B%25[%VAL%]%25%5D", "https://example.com/?a=%5B%251.50%25%5D"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			request := sign(t, "bitlabs", test.target, data)
			assertEqual(t, "string to sign", request.StringToSign, test.want)
			assertEqual(t, "URL", request.URL, test.want+"&hash="+request.Signature)
			assertOnWire(t, request.URL)
			if len(request.Notes) > 0 {
				t.Errorf("notes: %q", request.Notes)
			}
			if err := signer.Verify("bitlabs", received(request), testSecret); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBitlabsWithoutQuery(t *testing.T) {
	t.Parallel()
	request := sign(t, "bitlabs", "https://example.com/[%TX%]", `{"tx":"t1"}`)
	assertEqual(t, "string to sign", request.StringToSign, "https://example.com/t1")
	assertEqual(t, "URL", request.URL, "https://example.com/t1?hash="+request.Signature)
	if err := signer.Verify("bitlabs", received(request), testSecret); err != nil {
		t.Error(err)
	}
}

func TestBitlabsNotesMissingValues(t *testing.T) {
	t.Parallel()
	request := sign(t, "bitlabs", "https://example.com/?a=[%REF%]&b=[%OFFER:NAME%]&c=[%UID%]", `{"ref":null,"uid":""}`)
	assertEqual(t, "string to sign", request.StringToSign, "https://example.com/?a=&b=&c=")
	want := []string{"macro [%REF%] has no value in the event", "macro [%OFFER:NAME%] has no value in the event"}
	if !slices.Equal(request.Notes, want) {
		t.Errorf("notes: got %q, want %q", request.Notes, want)
	}
}

// Every macro that the network documents, and the member it stands for.
func TestBitlabsMacros(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"uid": "UID USER:UID", "val": "VAL VALUE:CURRENCY", "raw": "RAW VALUE:USD", "tx": "TX", "ref": "REF",
		"type": "TYPE ACTIVITY:TYPE", "reason": "REASON SURVEY:REASON", "app": "APP", "app_token": "APP:TOKEN",
		"ip": "IP USER:IP_ADDRESS", "fscore": "FSCORE", "offer_id": "OFFER_ID OFFER:ID", "offer_name": "OFFER_NAME OFFER:NAME",
		"offer_title": "OFFER:TITLE", "offer_delay": "OFFER:DELAY", "offer_state": "OFFER_STATE OFFER:TASK:STATE",
		"task_id": "TASK_ID OFFER:TASK:ID", "task_name": "TASK_NAME OFFER:TASK:NAME", "ban_reason": "BAN_REASON", "ban_state": "BAN_STATE",
	}
	for field, macros := range tests {
		for macro := range strings.FieldsSeq(macros) {
			request := sign(t, "bitlabs", "https://example.com/?v=[%"+macro+"%]", `{"`+field+`":"here"}`)
			assertEqual(t, macro, request.StringToSign, "https://example.com/?v=here")
			assertRefused(t, lookup(t, "bitlabs").CheckData([]byte(`{"`+field+`":"\u0000"}`)), signer.CodeValueInvalid, "data."+field)
		}
	}
}

func TestBitlabsRefusesTarget(t *testing.T) {
	t.Parallel()
	parameters := ""
	for i := range 200 {
		parameters += "&p" + strconv.Itoa(i)
	}
	tests := map[string][]string{
		signer.CodeMacroUnknown:       {"https://example.com/?a=[%UIDD%]", "https://example.com/?a=[%uid%]", "https://example.com/?a=%5B%25NOPE%25%5D", "https://[%NOPE%]/"},
		signer.CodeMacroNotClosed:     {"https://example.com/?a=[%UID", "https://example.com/?a=[%UID%", "https://example.com/?a=[%%]", "https://example.com/?a=[%U D%]", "https://example.com/?a=[%UID%&b=1"},
		signer.CodeMacroMisplaced:     {"https://[%UID%].example.com/", "https://[%UID%]", "https://example.com/?[%UID%]=1", "https://example.com/?a[%UID%]", "https://example.com:[%VAL%]/"},
		signer.CodeReservedParameter:  {"https://example.com/?hash=1", "https://example.com/?a=1&hash", "https://example.com/?h%61sh=1", "https://example.com/?%20hash=1", "https://example.com/?+hash=1", "https://example.com/?hash%5B%5D=1"},
		signer.CodeDuplicateParameter: {"https://example.com/?a=1&a=2", "https://example.com/?a=1&b&%61=2", "https://example.com/?a.b=1&a_b=2", "https://example.com/?a%5B%5D=1&a%5B%5D=2"},
		signer.CodeURLEmptyParameter:  {"https://example.com/?", "https://example.com/?a=1&", "https://example.com/?a&&b", "https://example.com/?=1", "https://example.com/?&a"},
		signer.CodeTooManyParameters:  {"https://example.com/?z=1" + parameters},
		signer.CodeURLCharacter:       {"https://example.com/?a[]=1", "https://example.com/?a=[UID]", "https://example.com/?a=[%UID%]\x00"},
		signer.CodeURLFragment:        {"https://example.com/?a=[%UID%]#[%UID%]"},
		signer.CodeURLTooLong:         {"https://example.com/?a=" + strings.Repeat("b", 2048)},
		signer.CodeURLHost:            {"https://%5B/a"},
	}
	for code, targets := range tests {
		for _, target := range targets {
			t.Run(code+" "+target[:min(len(target), 50)], func(t *testing.T) {
				t.Parallel()
				_, err := lookup(t, "bitlabs").Check(signer.Target{URL: target})
				assertRefused(t, err, code, "url")
				_, err = trySign(t, "bitlabs", target, `{}`)
				assertRefused(t, err, code, "url")
			})
		}
	}
	_, err := lookup(t, "bitlabs").Check(signer.Target{URL: "https://example.com/?a=[%UIDD%]"})
	if err == nil || !strings.Contains(err.Error(), "[%UIDD%]") || !strings.Contains(err.Error(), "did you mean [%UID%]") {
		t.Errorf("got %v, want the macro's name and a suggestion", err)
	}
}

func TestBitlabsWarns(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"https://example.com/?tx=[%TX%]":              "",
		"https://example.com:8443/?tx=%5B%25TX%25%5D": "",
		"https://example.com/[%TX%]":                  "no_query macro_in_path",
		"https://example.com/?uid=[%UID%]":            "no_transaction",
		"https://example.com/":                        "no_query no_transaction",
	}
	for target, want := range tests {
		warnings, err := lookup(t, "bitlabs").Check(signer.Target{URL: target})
		if err != nil {
			t.Fatal(err)
		}
		codes := make([]string, len(warnings))
		for i, warning := range warnings {
			codes[i] = warning.Code
		}
		assertEqual(t, target, strings.Join(codes, " "), want)
	}
}

func TestBitlabsData(t *testing.T) {
	t.Parallel()
	scheme := lookup(t, "bitlabs")
	accepted := []string{`{}`, `{"any name [] at all":"\u0000 unused"}`, `{"unused":"` + strings.Repeat("a", 100_000) + `"}`}
	for _, data := range accepted {
		if err := scheme.CheckData([]byte(data)); err != nil {
			t.Error(err)
		}
	}
	assertRefused(t, scheme.CheckData([]byte(`{"uid":{}}`)), signer.CodeValueNested, "data.uid")
	assertRefused(t, scheme.CheckData([]byte(`{"unused":[]}`)), signer.CodeValueNested, "data.unused")
	assertRefused(t, scheme.CheckData([]byte(`{"a":1,"a":2}`)), signer.CodeDuplicateName, "data.a")
	assertRefused(t, scheme.CheckData([]byte(`{"uid":"`+strings.Repeat("a", 6000)+`"}`)), signer.CodeDataTooLarge, "data")

	_, err := trySign(t, "bitlabs", "https://example.com/a/[%UID%]/b", `{"uid":".."}`)
	assertRefused(t, err, signer.CodeURLDotSegment, "data")
	_, err = trySign(t, "bitlabs", "https://example.com/?a=[%UID%][%UID%]", `{"uid":"`+strings.Repeat("a", 5000)+`"}`)
	assertRefused(t, err, signer.CodeDataTooLarge, "data")
}
