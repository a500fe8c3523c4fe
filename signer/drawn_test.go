package signer_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybillhq/waybill/signer"
)

func pick(t *rapid.T, label string, words ...string) string {
	return rapid.SampledFrom(words).Draw(t, label)
}

func drawPart(t *rapid.T) signer.Part {
	p := signer.Part{Part: pick(t, "part", "literal", "field", "secret", "timestamp", "message_id", "event_type", "method", "url", "path_query", "query", "values", "body", "json")}
	switch p.Part {
	case "literal":
		p.Text = pick(t, "text", "", "v1:", "&")
	case "field":
		p.Field, p.Form = pick(t, "field", "a", "b", "n"), pick(t, "form", "", "decoded", "raw", "integer")
	case "timestamp":
		p.Format, p.Of = pick(t, "format", "", "unix", "unix_milli", "rfc3339", "20060102150405"), pick(t, "of", "", "event")
	case "query":
		p.Order, p.Encoding = pick(t, "order", "", "sorted"), pick(t, "encoding", "", "rfc3986", "rfc1738", "none")
		p.Except = rapid.SampledFrom([][]string{nil, {"a"}, {"sig", "b"}}).Draw(t, "except")
	case "values":
		p.Separator = pick(t, "separator", "", ":")
	case "json":
		p.Order, p.Style = pick(t, "order", "", "sorted"), pick(t, "style", "", "php")
		p.Except = rapid.SampledFrom([][]string{nil, {"sig"}}).Draw(t, "except")
	}
	p.Base64 = p.Part != "secret" && rapid.IntRange(0, 4).Draw(t, "base64") == 0
	return p
}

func drawDeclaration(t *rapid.T) signer.Declaration {
	d := signer.Declaration{
		Name:      "drawn",
		Parts:     rapid.SliceOfN(rapid.Custom(drawPart), 1, 4).Draw(t, "parts"),
		Joiner:    pick(t, "joiner", "", ".", "_"),
		Algorithm: pick(t, "algorithm", "md5", "sha1", "sha256", "sha512", "hmac-md5", "hmac-sha1", "hmac-sha256", "hmac-sha512"),
		Output:    pick(t, "output", "", "hex-upper", "base64", "base64url"),
		Place:     signer.Place{In: pick(t, "place", "query", "macro", "body", "header"), Name: "sig"},
		Examples:  []signer.EventExample{{Data: json.RawMessage(`{"a":"x","b":true,"n":7.50}`)}},
	}
	added := []signer.Added{
		{Name: "id", Value: "message_id"},
		{Name: "kind", Value: "event_type"},
		{Name: "t", Value: "timestamp"},
		{Name: "when", Value: "timestamp", Format: "rfc3339", Of: "event"},
		{Name: "at", Value: "timestamp", Format: "20060102150405"},
	}
	switch d.Data.In = pick(t, "in", "query", "url", "body"); d.Data.In {
	case "query":
		d.Methods, d.Data.Order = []string{"GET"}, pick(t, "order", "", "sorted")
		d.Data.Encoding, d.Data.Add = pick(t, "encoding", "", "rfc1738"), added
	case "url":
		d.Methods, d.Headers = []string{"GET"}, added[1:]
		d.Data.Macros = &signer.Macros{Open: "{", Close: "}", Known: []signer.Macro{
			{Name: "a"}, {Name: "B", Field: "b", Aliases: []string{"BB"}}, {Name: "n"}, {Name: "sig"}, {Name: "ID", Value: "message_id"},
		}}
	default:
		d.Methods, d.Headers = []string{"POST", "PUT"}, added[:3]
		d.Data.Style, d.Data.Add = pick(t, "style", "", "javascript", "php"), added[3:]
		if d.Data.Style != "" {
			d.Data.Order = pick(t, "order", "", "sorted")
		}
	}
	if d.Place.In == "header" {
		d.Place.Template = pick(t, "template", "", "v={sig}", "{sig};")
	}
	return d
}

// Any declaration that compiles signs what it can carry, whatever is in it, and
// verifies what it signed, and nothing that another secret signed.
func TestDrawnDeclarations(t *testing.T) {
	t.Parallel()
	compiled := 0
	rapid.Check(t, func(t *rapid.T) {
		definition, err := signer.Compile(drawDeclaration(t))
		if err != nil {
			assertRefusedCode(t, err, signer.CodeDeclaration)
			return
		}
		compiled++
		data := object(t, []field{drawField(t, "a"), drawField(t, "b"), drawField(t, "n")})
		target := "https://example.com/p?own={ID}&x={a}&y={BB}&z={n}&s={sig}"
		message := signer.Message{ID: testID, Type: "conversion.completed", OccurredAt: testTime(), Data: []byte(data)}
		if definition.Methods()[0] != "GET" || definition.CheckData([]byte(data)) != nil {
			target = "https://example.com/p"
		}
		request, err := definition.Sign(signer.Target{URL: target}, message, []string{testSecret}, testTime())
		var refused *signer.Error
		if errors.As(err, &refused) && refused.Field == "url" { // a query scheme: no template
			target = "https://example.com/p"
			request, err = definition.Sign(signer.Target{URL: target}, message, []string{testSecret}, testTime())
		}
		if err != nil {
			if !errors.As(err, &refused) {
				t.Fatalf("sign %s: %v", data, err)
			}
			return
		}
		assertOnWire(t, request.URL)
		got := received(request)
		if strings.Contains(target, "{") {
			got.Template = target
		}
		if err := definition.Verify(got, []string{testSecret}, testTime()); err != nil {
			t.Fatalf("signed %q for %s %s %v, but: %v", request.StringToSign, request.URL, request.Body, request.Header, err)
		}
		assertRefusedCode(t, definition.Verify(got, []string{testSecret + "x"}, testTime()), signer.CodeSignatureMismatch)
		if strings.Contains(request.StringToSign, testSecret) {
			t.Fatalf("the secret is shown: %s", request.StringToSign)
		}
	})
	if compiled == 0 {
		t.Error("none compiled")
	}
}
