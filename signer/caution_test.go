package signer_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/signer"
)

// A warning about values is given for what it names, wherever it stands, and for
// nothing else.
func TestCautions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		holds, is, field, data string
		want                   string
	}{
		{holds: "*", data: `{"a":"x*"}`, want: "data.a"},
		{holds: "*", data: `{"a":"x"}`},
		{holds: "escape", data: `{"a":"50%","b":"%4a"}`, want: "data.b"},
		{holds: "non_ascii", data: `{"a":{"b":["\u00e9"]}}`, want: "data.a"},
		{holds: "non_ascii", data: `{"a":"plain"}`},
		{holds: "line_separator", data: `{"a":"x\u2028y"}`, want: "data.a"},
		{holds: "nested", data: `{"a":[{"b":1}]}`, want: "data.a"},
		{holds: "nested", data: `{"a":"{}"}`},
		{holds: "list", data: `{"a":"[]","b":{"c":[]}}`, want: "data.b"},
		{holds: "tiny", data: `{"a":0.0001,"b":"0.00001","c":-0.00001}`, want: "data.c"},
		{is: "0", field: "b", data: `{"a":0,"b":"0"}`, want: "data.b"},
		{is: "0", field: "b", data: `{"a":0}`},
	}
	for _, test := range tests {
		declaration := withWarning(signer.Lint{When: "value", Field: test.field, Code: "c", Message: "m"})
		if test.holds != "" {
			declaration.Warnings[0].Holds = []string{test.holds}
		} else {
			declaration.Warnings[0].Is = []string{test.is}
		}
		definition, err := signer.Compile(declaration)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, caution := range definition.Cautions(signer.Target{URL: "https://example.com/"}, []byte(test.data)) {
			got += caution.Field
		}
		if got != test.want {
			t.Errorf("%s %s of %s: %q, want %q", test.holds, test.is, test.data, got, test.want)
		}
	}
}

func withWarning(lint signer.Lint) signer.Declaration {
	return signer.Declaration{
		Name: "acme", Methods: []string{"POST"}, Data: signer.Data{In: "body"},
		Parts: []signer.Part{{Part: "body"}}, Algorithm: "hmac-sha256", Place: signer.Place{In: "header", Name: "X-acme-SIG"},
		Warnings: []signer.Lint{lint}, Examples: []signer.EventExample{{Data: []byte(`{"a":1}`)}},
	}
}

func TestWarningsOfADeclarationAreChecked(t *testing.T) {
	t.Parallel()
	for field, lint := range map[string]signer.Lint{
		"warnings[0].holds":    {When: "value", Code: "c", Message: "m"},
		"warnings[0].holds[0]": {When: "value", Holds: []string{"non_asci"}, Code: "c", Message: "m"},
		"warnings[0].is":       {When: "port", Is: []string{"0"}, Code: "c", Message: "m"},
		"warnings[0].when":     {When: "vale", Code: "c", Message: "m"},
	} {
		_, err := signer.Compile(withWarning(lint))
		if err == nil || !strings.HasPrefix(err.Error(), field+":") {
			t.Errorf("got %v, want an error about %s", err, field)
		}
	}
}

// Names of headers go out as the declaration spells them.
func TestHeadersAreSentAsSpelled(t *testing.T) {
	t.Parallel()
	definition, err := signer.Compile(withWarning(signer.Lint{When: "port", Code: "c", Message: "m"}))
	if err != nil {
		t.Fatal(err)
	}
	request, err := definition.Sign(signer.Target{URL: "https://example.com/"}, signer.Message{ID: testID, Data: []byte(`{}`)}, []string{"0123456789abcdef"}, testTime())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(slices.Collect(maps.Keys(request.Header)), "X-acme-SIG") {
		t.Errorf("sent %v", request.Header)
	}
}

// A URL of its own that no event could be sent to is refused when it is given.
func TestAURLThatNoEventFitsIsRefused(t *testing.T) {
	t.Parallel()
	declaration := signer.Declaration{
		Name: "acme", Methods: []string{"GET"}, Data: signer.Data{In: "query", OwnQuery: true}, Fields: []signer.Field{{Name: "id", Required: true}},
		Parts: []signer.Part{{Part: "field", Field: "id"}, {Part: "secret"}}, Algorithm: "md5", Place: signer.Place{In: "query", Name: "sig"},
		Examples: []signer.EventExample{{Data: []byte(`{"id":"1"}`)}},
	}
	definition, err := signer.Compile(declaration)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := definition.Check(signer.Target{URL: "https://example.com/?id=7"}); err == nil || !strings.Contains(err.Error(), "id") {
		t.Errorf("got %v, want a refusal", err)
	}
	if _, err := definition.Check(signer.Target{URL: "https://example.com/?other=7"}); err != nil {
		t.Error(err)
	}
}
