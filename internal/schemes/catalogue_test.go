package schemes_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/signer"
)

const acme = `
name: acme
methods: [POST]
data: {in: body}
parts:
  - part: body
algorithm: hmac-sha256
place: {in: header, name: X-Acme}
examples:
  - data: {id: 1.50, when: 2026-01-31T12:00:00Z, list: [a, true, ~], text: "<&>"}
`

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCatalogueHoldsEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "acme.yaml", acme)
	write(t, dir, "notes.txt", "not a declaration")
	write(t, dir, ".hidden.yaml", "not a declaration")
	write(t, dir, "tabs.json", "{\n\t\"name\": \"tabs\", \"methods\": [\"GET\"],\n\t\"data\": {\"in\": \"query\"}, \"parts\": [{\"part\": \"url\"}],\n\t\"algorithm\": \"hmac-sha1\", \"place\": {\"in\": \"query\", \"name\": \"s\"},\n\t\"examples\": [{\"data\": {\"a\": 1}}]\n}\n")
	catalogue := load(t, dir)
	names := catalogue.Names()
	want := []string{
		"acme", "adgem", "adgem-get", "adjoe", "ayet-studios", "besitos", "bitcotasks", "bitlabs", "bitswall",
		"btcpay", "coinbase-commerce", "cpx-research", "cryptomus", "cryptopay", "dub", "dv-net", "fyber", "github-style",
		"inbrain", "lootably", "notik", "nowpayments", "offerdaddy", "offeroc", "offertoro", "oxapay", "paddle-billing",
		"paystack", "pollfish", "razorpay", "shopify-style", "simpleswap", "sparkwall", "standard-webhooks", "stripe-style", "super-rewards",
		"tabs", "tapjoy", "theorem-reach", "timewall", "walloffer", "wannads",
	}
	if !slices.Equal(names, want) {
		t.Errorf("got %q", names)
	}
	for _, name := range names {
		definition, err := catalogue.Define(name)
		if err != nil {
			t.Fatal(err)
		}
		methods, err := catalogue.Methods(name)
		if err != nil || len(methods) == 0 {
			t.Errorf("%s: methods %q, %v", name, methods, err)
		}
		secret, err := catalogue.GenerateSecret(name, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := catalogue.CheckSecret(name, secret); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if overlap := name == "standard-webhooks" || name == "stripe-style"; catalogue.AllowsOverlap(name) != overlap {
			t.Errorf("%s: overlap is not %t", name, overlap)
		}
		if shipped := name != "acme" && name != "tabs"; shipped && definition.Description() == "" {
			t.Errorf("%s has no description", name)
		}
	}
	if got, want := string(catalogue.Example("acme", "x")), `{"id":1.50,"when":"2026-01-31T12:00:00Z","list":["a",true,null],"text":"\u003c\u0026\u003e"}`; got != want {
		t.Errorf("example: got %s, want %s", got, want)
	}
}

func TestUnknownNames(t *testing.T) {
	t.Parallel()
	catalogue := load(t)
	_, err := catalogue.Lookup("tapjoi")
	var refused *signer.Error
	if !errors.As(err, &refused) || refused.Code != signer.CodeUnknownScheme || refused.Field != "scheme" || !strings.Contains(err.Error(), `did you mean "tapjoy"?`) {
		t.Errorf("got %v", err)
	}
	_, methodsErr := catalogue.Methods("x")
	_, secretErr := catalogue.GenerateSecret("x", rand.Reader)
	for _, err := range []error{methodsErr, secretErr, catalogue.CheckSecret("x", "y")} {
		if !errors.As(err, &refused) {
			t.Errorf("got %v", err)
		}
	}
	if catalogue.Example("x", "y") != nil || catalogue.AllowsOverlap("x") {
		t.Error("an unknown scheme has an example")
	}
}

// A directory reports all that is wrong in it.
func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.yaml", strings.Replace(acme, "acme", "besitos", 1))
	write(t, dir, "b.yml", strings.Replace(acme, "hmac-sha256", "hmac-sha265", 1))
	write(t, dir, "c.json", "{\n\"name\": }")
	_, err := schemes.Load(dir)
	if err == nil {
		t.Fatal("loaded")
	}
	for _, want := range []string{
		"there is a scheme besitos already, from this program",
		`b.yml:7: algorithm: "hmac-sha265" is not allowed: did you mean hmac-sha256?`,
		"c.json:2: invalid character",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	if _, err := schemes.Load(filepath.Join(dir, "nowhere")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	write(t, dir, "a.yaml", strings.Repeat("#", 1<<20+1))
	if _, err := schemes.Load(dir); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

// A header that no attempt may send would make a dead letter of every delivery.
func TestParseRefusesHeadersThatAreNotSent(t *testing.T) {
	t.Parallel()
	names := []string{
		"Connection", "Content-Length", "Expect", "Host", "HTTP2-Settings", "Keep-Alive", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
	}
	for _, name := range names {
		if egress.CheckHeaders(http.Header{name: {"x"}}) == nil {
			t.Errorf("%s may be sent", name)
		}
		for _, setting := range []string{"headers: [{name: " + name + ", value: message_id}]\n" + acme, strings.Replace(acme, "X-Acme", name, 1)} {
			if _, err := schemes.Parse("f.yaml", []byte(setting)); err == nil || !strings.Contains(err.Error(), "is not the scheme's to set") {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
}

// Errors point at the line.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, from, to, want string }{
		{"empty", acme, "", "f.yaml:1: is empty"},
		{"no mapping", acme, "- a", "f.yaml:1: must be a mapping"},
		{"no YAML", "name: acme", "name: [acme", "f.yaml: yaml: "},
		{"two documents", "name: acme", "name: acme\n---\na: b", "holds more than one document"},
		{"unknown setting", "algorithm:", "algorithms:", `f.yaml:7: unknown setting "algorithms"; known: name, `},
		{"unknown setting of a part", "part: body", "part: body\n    encode: x", `f.yaml:7: parts[0]: unknown setting "encode"`},
		{"twice", "name: acme", "name: acme\nname: acme", `f.yaml:3: "name" is set twice`},
		{"number for a string", "name: acme", "name: 1", "f.yaml:2: name: must be a string: put it in quotes"},
		{"nothing for a string", "name: acme", "name:", "f.yaml:2: name: must be a string"},
		{"word for a list", "[POST]", "POST", "f.yaml:3: methods: must be a list"},
		{"word for a mapping", "{in: body}", "body", "f.yaml:4: data: must be a mapping"},
		{"word for a switch", "part: body", "part: body\n    base64: 1", "f.yaml:7: parts[0].base64: must be true or false"},
		{"event type of no family", "examples:", "event_type: order.paid\nexamples:", `f.yaml:9: event_type: invalid type "order.paid": use`},
		{"word for a fraction", "examples:", "backoff: {jitter: much}\nexamples:", "f.yaml:9: backoff.jitter: must be a number"},
		{"more attempts than an endpoint can have", "examples:", "backoff: {initial: 30s, multiplier: 2, max_interval: 1h, max_attempts: 500}\nexamples:", "f.yaml:9: backoff.max_attempts: must be between 1 and 100, not 500"},
		{"a longer interval", "examples:", "backoff: {initial: 30s, multiplier: 2, max_interval: 1000h, max_attempts: 5}\nexamples:", "f.yaml:9: backoff.max_interval: must be longer than zero and at most 30d, not 1000h"},
		{"a longer delay", "examples:", "retry:\n  - 30s\n  - 1000h\nexamples:", "f.yaml:11: retry[1]: must be longer than zero and at most 30d, not 1000h"},
		{"more delays", "examples:", "retry: [" + strings.Repeat("1s, ", 100) + "]\nexamples:", "f.yaml:9: retry: must have at most 99 delays, not 100"},
		{"header of the connection", "examples:", "headers: [{name: expect, value: literal, text: 100-continue}]\nexamples:", "f.yaml:9: headers[0].name: expect is not the scheme's to set"},
		{"header of a proxy", "examples:", "headers: [{name: proxy-x, value: message_id}]\nexamples:", "f.yaml:9: headers[0].name: proxy-x is not the scheme's to set"},
		{"headers that are too long", "examples:", "headers: [{name: x, value: literal, text: " + strings.Repeat("x", 9000) + "}]\nexamples:", "f.yaml:9: headers: are longer than 8192 bytes"},
		{"word for a number", "examples:", "secret: {length: long}\nexamples:", "f.yaml:9: secret.length: must be a whole number"},
		{"anchor", "name: acme", "name: &a acme", "f.yaml:2: name: anchors and aliases are not read"},
		{"alias in data", "id: 1.50", "id: &a 1.50", "f.yaml:10: examples[0].data.id: anchors"},
		{"number of YAML alone", "id: 1.50", "id: 0x10", "f.yaml:10: examples[0].data.id: write the number as JSON does"},
		{"tag", "id: 1.50", "id: !!binary aGk=", "f.yaml:10: examples[0].data.id: !!binary has no meaning here"},
		{"complex key", "id: 1.50", "[a]: 1.50", "f.yaml:10: examples[0].data: a name must be a plain word"},
		{"compile error", "part: body", "part: bodi", `f.yaml:6: parts[0].part: "bodi" is not allowed: did you mean body?`},
		{"compile error about what is missing", "part: body", "part: field", "f.yaml:6: parts[0].field: is required"},
		{"compile error about the whole", "name: acme\n", "", "f.yaml:2: name: is required"},
		{"vector", "examples:", "vectors: [{secret: s, text: x, signature: y}]\nexamples:", "f.yaml:9: vectors[0].signature: does not hold: the declaration makes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(acme, test.from) {
				t.Fatalf("nothing to replace: %q", test.from)
			}
			_, err := schemes.Parse("f.yaml", []byte(strings.Replace(acme, test.from, test.to, 1)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(acme)
	f.Add("a: &a [*a]")
	f.Add(`{"name": "\\\"\/", "\ud83d": {}}`)
	f.Add("data: {macros: {known: [{name: x}]}}")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = schemes.Parse("f.json", []byte(text))
		definition, err := schemes.Parse("f.yaml", []byte(text))
		if (definition == nil) == (err == nil) {
			t.Fatalf("got %v, %v", definition, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "f.yaml:") {
			t.Fatalf("no file: %v", err)
		}
	})
}
