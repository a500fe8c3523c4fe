package signer_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/signer"
)

// bodyScheme, queryScheme and macroScheme are declarations that compile, for
// tests to change.
func bodyScheme() signer.Declaration {
	return signer.Declaration{
		Name: "acme", Methods: []string{"POST"}, Data: signer.Data{In: "body"},
		Parts: []signer.Part{{Part: "body"}}, Algorithm: "hmac-sha256",
		Place:    signer.Place{In: "header", Name: "X-Acme"},
		Examples: []signer.EventExample{{Data: json.RawMessage(`{"a":"x","n":1.50}`)}},
	}
}

func queryScheme() signer.Declaration {
	d := bodyScheme()
	d.Methods, d.Data = []string{"GET"}, signer.Data{In: "query"}
	d.Parts, d.Place = []signer.Part{{Part: "url"}}, signer.Place{In: "query", Name: "sig"}
	return d
}

func macroScheme() signer.Declaration {
	d := queryScheme()
	d.Data = signer.Data{In: "url", Macros: &signer.Macros{Open: "{", Close: "}", Known: []signer.Macro{{Name: "a"}, {Name: "n"}, {Name: "sig"}}}}
	return d
}

// backoff is one that compiles, but for a change.
func backoff(change func(*signer.Backoff)) *signer.Backoff {
	made := &signer.Backoff{Initial: "30s", Multiplier: 2, MaxInterval: "1h", MaxAttempts: 5}
	if change != nil {
		change(made)
	}
	return made
}

func compile(t failer, declaration signer.Declaration) *signer.Definition {
	t.Helper()
	definition, err := signer.Compile(declaration)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return definition
}

func TestBuiltInDeclarationsCompile(t *testing.T) {
	t.Parallel()
	for _, definition := range signer.BuiltIn() {
		if definition.Description() == "" || len(definition.Methods()) == 0 {
			t.Errorf("%s is not described", definition.Name())
		}
	}
	for name, overlap := range map[string]bool{"besitos": false, "bitlabs": false, "simpleswap": false, "standard-webhooks": true, "nope": false} {
		assertEqual(t, name+" overlap", signer.AllowsOverlap(name), overlap)
	}
}

// Errors say where in the declaration something is wrong.
func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	type change = func(*signer.Declaration)
	parts := func(parts ...signer.Part) change { return func(d *signer.Declaration) { d.Parts = parts } }
	place := func(place signer.Place) change { return func(d *signer.Declaration) { d.Place = place } }
	add := func(added ...signer.Added) change { return func(d *signer.Declaration) { d.Data.Add = added } }
	known := func(known ...signer.Macro) change { return func(d *signer.Declaration) { d.Data.Macros.Known = known } }
	tests := []struct {
		name   string
		base   func() signer.Declaration
		change change
		path   string
	}{
		{"no name", bodyScheme, func(d *signer.Declaration) { d.Name = "" }, "name"},
		{"capital name", bodyScheme, func(d *signer.Declaration) { d.Name = "Acme" }, "name"},
		{"superseding without a reference", bodyScheme, func(d *signer.Declaration) { d.Supersede = true }, "supersede"},
		{"reference that is in no example", bodyScheme, func(d *signer.Declaration) { d.Reference = "tx" }, "reference"},
		{"reference that the data does not bring", bodyScheme, func(d *signer.Declaration) {
			d.Data.Add, d.Reference = []signer.Added{{Name: "id", Value: "message_id"}}, "id"
		}, "reference"},
		{"no method", bodyScheme, func(d *signer.Declaration) { d.Methods = nil }, "methods"},
		{"unknown method", bodyScheme, func(d *signer.Declaration) { d.Methods = []string{"POST", "post"} }, "methods[1]"},
		{"GET with a body", bodyScheme, func(d *signer.Declaration) { d.Methods = []string{"GET"} }, "methods[0]"},
		{"no data", bodyScheme, func(d *signer.Declaration) { d.Data.In = "" }, "data.in"},
		{"unknown data", bodyScheme, func(d *signer.Declaration) { d.Data.In = "form" }, "data.in"},
		{"macros in a body", bodyScheme, func(d *signer.Declaration) { d.Data.Macros = &signer.Macros{} }, "data.macros"},
		{"sorted and verbatim", bodyScheme, func(d *signer.Declaration) { d.Data.Order = "sorted" }, "data.order"},
		{"style in a query", queryScheme, func(d *signer.Declaration) { d.Data.Style = "php" }, "data.style"},
		{"listed without a list", queryScheme, func(d *signer.Declaration) { d.Data.Order = "listed" }, "data.list"},
		{"list that is not listed", queryScheme, func(d *signer.Declaration) { d.Data.List = []string{"a"} }, "data.list"},
		{"unknown encoding", queryScheme, func(d *signer.Declaration) { d.Data.Encoding = "html" }, "data.encoding"},
		{"no macros", macroScheme, func(d *signer.Declaration) { d.Data.Macros = nil }, "data.macros"},
		{"letters as brackets", macroScheme, func(d *signer.Declaration) { d.Data.Macros.Open = "x" }, "data.macros.open"},
		{"percent as bracket", macroScheme, func(d *signer.Declaration) { d.Data.Macros.Open = "%" }, "data.macros.open"},
		{"no closing bracket", macroScheme, func(d *signer.Declaration) { d.Data.Macros.Close = "" }, "data.macros.close"},
		{"no known macro", macroScheme, known(), "data.macros.known"},
		{"macro with a space", macroScheme, known(signer.Macro{Name: "a b"}), "data.macros.known[0].name"},
		{"macro twice", macroScheme, known(signer.Macro{Name: "a"}, signer.Macro{Name: "b", Aliases: []string{"a"}}), "data.macros.known[1].aliases"},
		{"macro for two things", macroScheme, known(signer.Macro{Name: "a", Field: "x", Value: "timestamp"}), "data.macros.known[0].value"},
		{"format of a field", macroScheme, known(signer.Macro{Name: "a", Format: "unix"}), "data.macros.known[0].format"},
		{"add to a template", macroScheme, add(signer.Added{Name: "a", Value: "message_id"}), "data.add"},
		{"add without a name", bodyScheme, add(signer.Added{Value: "message_id"}), "data.add[0].name"},
		{"add without a value", bodyScheme, add(signer.Added{Name: "x"}), "data.add[0].value"},
		{"add twice", bodyScheme, add(signer.Added{Name: "x", Value: "message_id"}, signer.Added{Name: "x", Value: "event_type"}), "data.add[1].name"},
		{"add nowhere", bodyScheme, add(signer.Added{Name: "x", Value: "message_id", At: "middle"}), "data.add[0].at"},
		{"text of a message id", bodyScheme, add(signer.Added{Name: "x", Value: "message_id", Text: "y"}), "data.add[0].text"},
		{"name that PHP rewrites", queryScheme, add(signer.Added{Name: "x.y", Value: "message_id"}), "data.add[0].name"},
		{"field without a name", bodyScheme, func(d *signer.Declaration) { d.Fields = []signer.Field{{}} }, "fields[0].name"},
		{"field twice", bodyScheme, func(d *signer.Declaration) { d.Fields = []signer.Field{{Name: "a"}, {Name: "a"}} }, "fields[1].name"},
		{"unknown type", bodyScheme, func(d *signer.Declaration) { d.Fields = []signer.Field{{Name: "a", Type: "text"}} }, "fields[0].type"},
		{"no parts", bodyScheme, parts(), "parts"},
		{"part without a kind", bodyScheme, parts(signer.Part{}), "parts[0].part"},
		{"unknown part", bodyScheme, parts(signer.Part{Part: "body"}, signer.Part{Part: "header"}), "parts[1].part"},
		{"part of a field alone", bodyScheme, parts(signer.Part{Part: "body", Field: "a"}), "parts[0].field"},
		{"body in a query", queryScheme, parts(signer.Part{Part: "body"}), "parts[0].part"},
		{"field without a name", bodyScheme, parts(signer.Part{Part: "field"}), "parts[0].field"},
		{"unknown form", bodyScheme, parts(signer.Part{Part: "field", Field: "a", Form: "upper"}), "parts[0].form"},
		{"secret in base64", bodyScheme, parts(signer.Part{Part: "secret", Base64: true}), "parts[0].base64"},
		{"secret twice", bodyScheme, parts(signer.Part{Part: "secret"}, signer.Part{Part: "secret"}), "parts"},
		{"control character", bodyScheme, parts(signer.Part{Part: "literal", Text: "a\x00"}), "parts[0].text"},
		{"layout without a year", bodyScheme, parts(signer.Part{Part: "timestamp", Format: "15:04:05"}), "parts[0].format"},
		{"unknown zone", bodyScheme, parts(signer.Part{Part: "timestamp", Zone: "Mars/Olympus"}), "parts[0].zone"},
		{"zone of the machine", bodyScheme, parts(signer.Part{Part: "timestamp", Zone: "Local"}), "parts[0].zone"},
		{"time that is not sent", bodyScheme, parts(signer.Part{Part: "timestamp"}, signer.Part{Part: "body"}), "parts[0]"},
		{"id that is not sent", bodyScheme, parts(signer.Part{Part: "message_id"}), "parts[0]"},
		{"type that is not sent", bodyScheme, parts(signer.Part{Part: "event_type"}), "parts[0]"},
		{"field that no macro sends", macroScheme, parts(signer.Part{Part: "field", Field: "x"}), "parts[0].field"},
		{"field that is not listed", queryScheme, func(d *signer.Declaration) {
			d.Data.Order, d.Data.List = "listed", []string{"a"}
			d.Parts = []signer.Part{{Part: "field", Field: "n"}}
		}, "parts[0].field"},
		{"no algorithm", bodyScheme, func(d *signer.Declaration) { d.Algorithm = "" }, "algorithm"},
		{"unknown algorithm", bodyScheme, func(d *signer.Declaration) { d.Algorithm = "hmac-crc32" }, "algorithm"},
		{"digest without a secret", bodyScheme, func(d *signer.Declaration) { d.Algorithm = "sha256" }, "algorithm"},
		{"key of a digest", bodyScheme, func(d *signer.Declaration) {
			d.Algorithm, d.Parts, d.Key.Encoding = "sha256", []signer.Part{{Part: "body"}, {Part: "secret"}}, "hex"
		}, "key"},
		{"unknown key", bodyScheme, func(d *signer.Declaration) { d.Key.Encoding = "base32" }, "key.encoding"},
		{"unknown output", bodyScheme, func(d *signer.Declaration) { d.Output = "base32" }, "output"},
		{"no place", bodyScheme, place(signer.Place{}), "place.in"},
		{"unknown place", bodyScheme, place(signer.Place{In: "cookie", Name: "x"}), "place.in"},
		{"place without a name", bodyScheme, place(signer.Place{In: "header"}), "place.name"},
		{"header with a space", bodyScheme, place(signer.Place{In: "header", Name: "X Acme"}), "place.name"},
		{"header of the connection", bodyScheme, place(signer.Place{In: "header", Name: "content-length"}), "place.name"},
		{"template without a signature", bodyScheme, place(signer.Place{In: "header", Name: "X", Template: "v1"}), "place.template"},
		{"template with a time that is not signed", bodyScheme, place(signer.Place{In: "header", Name: "X", Template: "{ts},{sig}"}), "place.template"},
		{"template with something else", bodyScheme, place(signer.Place{In: "header", Name: "X", Template: "{id},{sig}"}), "place.template"},
		{"overlap without a separator", bodyScheme, place(signer.Place{In: "header", Name: "X", Overlap: "{sig}"}), "place.overlap"},
		{"overlap in a query", queryScheme, place(signer.Place{In: "query", Name: "sig", Overlap: ",{sig}"}), "place.overlap"},
		{"template in a query", queryScheme, place(signer.Place{In: "query", Name: "sig", Template: "v={sig}"}), "place.template"},
		{"parameter that PHP rewrites", queryScheme, place(signer.Place{In: "query", Name: "s.i"}), "place.name"},
		{"body in a query", queryScheme, place(signer.Place{In: "body", Name: "sig"}), "place.in"},
		{"body that signs itself", bodyScheme, place(signer.Place{In: "body", Name: "sig"}), "parts[0]"},
		{"member without a name", bodyScheme, place(signer.Place{In: "body", Name: "a..b"}), "place.name"},
		{"json that signs itself", bodyScheme, func(d *signer.Declaration) {
			d.Parts, d.Place = []signer.Part{{Part: "json"}}, signer.Place{In: "body", Name: "sig"}
		}, "parts[0].except"},
		{"macro that is not known", macroScheme, place(signer.Place{In: "macro", Name: "hash"}), "place.name"},
		{"URL that holds its signature", macroScheme, place(signer.Place{In: "macro", Name: "sig"}), "place.in"},
		{"header twice", bodyScheme, func(d *signer.Declaration) { d.Headers = []signer.Added{{Name: "x-acme", Value: "message_id"}} }, "headers[0].name"},
		{"tolerance without a time", bodyScheme, func(d *signer.Declaration) { d.Tolerance = "5m" }, "tolerance"},
		{"tolerance without a unit", bodyScheme, func(d *signer.Declaration) { d.Tolerance = "5" }, "tolerance"},
		{"short secrets", bodyScheme, func(d *signer.Declaration) { d.Secret.Length = 4 }, "secret.length"},
		{"short imported secrets", bodyScheme, func(d *signer.Declaration) { d.Secret.Minimum = 1 }, "secret.minimum"},
		{"secrets that do not decode", bodyScheme, func(d *signer.Declaration) { d.Key.Encoding = "hex" }, "secret"},
		{"secrets shorter than allowed", bodyScheme, func(d *signer.Declaration) { d.Secret.Length = 12 }, "secret"},
		{"retry without a unit", bodyScheme, func(d *signer.Declaration) { d.Retry = []string{"1s", "2"} }, "retry[1]"},
		{"retry and backoff", bodyScheme, func(d *signer.Declaration) { d.Retry, d.Backoff = []string{"1s"}, backoff(nil) }, "backoff"},
		{"one attempt and backoff", bodyScheme, func(d *signer.Declaration) { d.Retry, d.Backoff = []string{}, backoff(nil) }, "backoff"},
		{"backoff from nowhere", bodyScheme, func(d *signer.Declaration) { d.Backoff = backoff(func(b *signer.Backoff) { b.Initial = "" }) }, "backoff.initial"},
		{"backoff that shrinks", bodyScheme, func(d *signer.Declaration) { d.Backoff = backoff(func(b *signer.Backoff) { b.MaxInterval = "1s" }) }, "backoff.max_interval"},
		{"backoff times less than 1", bodyScheme, func(d *signer.Declaration) {
			d.Backoff = backoff(func(b *signer.Backoff) { b.Multiplier = math.NaN() })
		}, "backoff.multiplier"},
		{"backoff without attempts", bodyScheme, func(d *signer.Declaration) { d.Backoff = backoff(func(b *signer.Backoff) { b.MaxAttempts = 0 }) }, "backoff.max_attempts"},
		{"backoff that varies too much", bodyScheme, func(d *signer.Declaration) { d.Backoff = backoff(func(b *signer.Backoff) { b.Jitter = 1.5 }) }, "backoff.jitter"},
		{"unknown warning", bodyScheme, func(d *signer.Declaration) { d.Warnings = []signer.Lint{{When: "rain", Code: "x", Message: "x"}} }, "warnings[0].when"},
		{"warning of no macro", macroScheme, func(d *signer.Declaration) {
			d.Warnings = []signer.Lint{{When: "no_macro", Macro: "x", Code: "x", Message: "x"}}
		}, "warnings[0].macro"},
		{"no examples", bodyScheme, func(d *signer.Declaration) { d.Examples = nil }, "examples"},
		{"example that is refused", queryScheme, func(d *signer.Declaration) { d.Examples[0].Data = json.RawMessage(`{"a":[]}`) }, "examples[0]"},
		{"vector of nothing", bodyScheme, func(d *signer.Declaration) { d.Vectors = []signer.Vector{{Secret: "x"}} }, "vectors[0]"},
		{"vector without a secret", bodyScheme, func(d *signer.Declaration) { d.Vectors = []signer.Vector{{Text: "x"}} }, "vectors[0].secret"},
		{"vector that does not hold", bodyScheme, func(d *signer.Declaration) { d.Vectors = []signer.Vector{{Secret: "x", Text: "x", Signature: "x"}} }, "vectors[0].signature"},
		{"event that does not hold", bodyScheme, func(d *signer.Declaration) {
			d.Vectors = []signer.Vector{{Secret: "x", Signature: "x", Event: &signer.VectorEvent{URL: "https://example.com/", Data: json.RawMessage(`{}`)}}}
		}, "vectors[0].signature"},
		{"event that is refused", bodyScheme, func(d *signer.Declaration) {
			d.Vectors = []signer.Vector{{Secret: "x", Signature: "x", Event: &signer.VectorEvent{URL: "example.com", Data: json.RawMessage(`{}`)}}}
		}, "vectors[0].event"},
		{"request that does not verify", bodyScheme, func(d *signer.Declaration) {
			d.Vectors = []signer.Vector{{Secret: "x", Received: &signer.VectorRequest{URL: "https://example.com/", Headers: map[string]string{"x-acme": "00"}}}}
		}, "vectors[0].received"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			declaration := test.base()
			compile(t, declaration)
			test.change(&declaration)
			_, err := signer.Compile(declaration)
			assertRefused(t, err, signer.CodeDeclaration, test.path)
		})
	}
}

// Whatever a declaration says, Compile answers with an error about a path, or
// with a scheme that signs its own examples.
func FuzzCompile(f *testing.F) {
	for _, declaration := range []signer.Declaration{bodyScheme(), queryScheme(), macroScheme()} {
		text, err := json.Marshal(declaration)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`{"name":"a","methods":["POST"],"data":{"in":"body","style":"php","add":[{"name":"t","value":"timestamp","at":"first"}]},` +
		`"parts":[{"part":"json","except":["s"],"base64":true},{"part":"timestamp"},{"part":"secret"}],"joiner":".","algorithm":"md5",` +
		`"place":{"in":"body","name":"s.t","template":"v={sig}"},"tolerance":"5m","examples":[{"data":{"a":1.5}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var declaration signer.Declaration
		if json.Unmarshal([]byte(text), &declaration) != nil {
			return
		}
		definition, err := signer.Compile(declaration)
		if err != nil {
			var refused *signer.Error
			if !errors.As(err, &refused) || refused.Code != signer.CodeDeclaration || refused.Field == "" {
				t.Fatalf("unfit error %v", err)
			}
			return
		}
		for _, eventType := range []string{"", "a.b"} {
			if err := definition.CheckData(definition.Example(eventType)); err != nil && !strings.Contains(err.Error(), "data") {
				t.Fatalf("example: %v", err)
			}
		}
	})
}
