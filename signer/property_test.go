package signer_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybillhq/waybill/signer"
)

// field is a member of a generated object: its JSON and what a receiver reads.
type field struct {
	name, json, text string
}

func drawText(t *rapid.T) string {
	hostile := rapid.SampledFrom([]rune("&=+%#?/[]{}. \n\r\t'\"<>~*!()\\;:@,$^`|\u00e9\u6f22\U0001f600\ufffd\u2028\u0001\u007fhash=verifier"))
	return rapid.StringOf(rapid.OneOf(hostile, rapid.Rune().Filter(func(r rune) bool { return r != 0 }))).Draw(t, "text")
}

// drawString spells a text in JSON in one of the ways that are valid.
func drawString(t *rapid.T, text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	spelled := string(quoted)
	if rapid.Bool().Draw(t, "slash escaped") {
		spelled = strings.ReplaceAll(spelled, "/", `\/`)
	}
	if rapid.Bool().Draw(t, "e escaped") {
		spelled = strings.ReplaceAll(spelled, "\u00e9", `\u00E9`)
		spelled = strings.ReplaceAll(spelled, "\U0001f600", `\uD83d\ude00`)
	}
	return spelled
}

func drawField(t *rapid.T, name string) field {
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number")
		return field{name, number, number}
	case 1:
		return field{name, "true", "1"}
	case 2:
		return field{name, "false", "0"}
	case 3:
		return field{name, "null", ""}
	default:
		text := drawText(t)
		return field{name, drawString(t, text), text}
	}
}

func drawFields(t *rapid.T, names *rapid.Generator[string]) []field {
	drawn := rapid.SliceOfNDistinct(names, 1, 12, rapid.ID[string]).Draw(t, "names")
	fields := make([]field, len(drawn))
	for i, name := range drawn {
		fields[i] = drawField(t, name)
	}
	return fields
}

func parameterNames() *rapid.Generator[string] {
	return rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_-]{0,9}`).Filter(func(name string) bool { return name != "verifier" })
}

func macroMembers() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"uid", "val", "raw", "tx", "ref", "type", "reason", "ip", "offer_id", "other"})
}

const everyMacro = "?uid=[%UID%]&val=[%VAL%]&raw=%5B%25RAW%25%5D&tx=[%TX%]&ref=[%REF%]&type=[%TYPE%]&reason=x[%REASON%]y&ip=[%IP%]&offer_id=[%OFFER:ID%]"

func object(t *rapid.T, fields []field) string {
	space := rapid.SampledFrom([]string{"", " ", "\n\t", "\r\n  "})
	var text strings.Builder
	for i, f := range fields {
		if i > 0 {
			text.WriteString(",")
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(space.Draw(t, "space") + string(name) + space.Draw(t, "space") + ":" + space.Draw(t, "space") + f.json + space.Draw(t, "space"))
	}
	return space.Draw(t, "space") + "{" + text.String() + "}" + space.Draw(t, "space")
}

// drawRequest draws an event, signs it and says what a receiver must read.
func drawRequest(t *rapid.T, scheme, origin string) (signer.Request, map[string]string) {
	fields, target := []field{}, origin+"/a%2fb/c;d"
	switch scheme {
	case "besitos":
		fields = drawFields(t, parameterNames())
	case "bitlabs":
		fields, target = drawFields(t, macroMembers()), target+everyMacro
	case "simpleswap", "standard-webhooks":
		for _, name := range []string{"publicId", "status", "note"} {
			text := drawText(t) + "x"
			fields = append(fields, field{name, drawString(t, text), text})
		}
	}
	values := map[string]string{}
	for _, f := range fields {
		values[f.name] = f.text
	}
	request := sign(t, scheme, target, object(t, fields))
	return request, values
}

func TestSignedRequestsVerify(t *testing.T) {
	t.Parallel()
	for _, scheme := range signer.Names() {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				request, values := drawRequest(t, scheme, "https://example.com")
				if err := signer.Verify(scheme, received(request), secretOf(scheme, testSecret)); err != nil {
					t.Fatalf("verify %q: %v", request.URL, err)
				}
				assertOnWire(t, request.URL)
				assertValues(t, scheme, request, values)
				if strings.Contains(request.StringToSign, testSecret) {
					t.Fatalf("the secret is shown: %s", request.StringToSign)
				}
			})
		})
	}
}

// assertValues reads the request as a receiver in Go does.
func assertValues(t failer, scheme string, request signer.Request, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	switch scheme {
	case "simpleswap":
		if err := json.Unmarshal(request.Body, &got); err != nil {
			t.Fatalf("read body %s: %v", request.Body, err)
		}
	case "standard-webhooks":
		envelope := struct{ Data map[string]string }{}
		if err := json.Unmarshal(request.Body, &envelope); err != nil {
			t.Fatalf("read body %s: %v", request.Body, err)
		}
		got = envelope.Data
	default:
		parsed, err := url.Parse(request.URL)
		if err != nil {
			t.Fatalf("parse %q: %v", request.URL, err)
		}
		query, err := url.ParseQuery(parsed.RawQuery)
		if err != nil {
			t.Fatalf("parse query of %q: %v", request.URL, err)
		}
		for name := range query {
			got[name] = query.Get(name)
		}
	}
	for name, value := range want {
		if name == "other" {
			continue // no macro names it
		}
		if scheme == "bitlabs" && name == "reason" {
			value = "x" + value + "y"
		}
		if got[name] != value {
			t.Fatalf("%s: got %q, want %q", name, got[name], value)
		}
	}
}

func TestAnyChangeIsNoticed(t *testing.T) {
	t.Parallel()
	for _, scheme := range signer.Names() {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				request, _ := drawRequest(t, scheme, "https://example.com")
				changed := received(request)
				switch scheme {
				case "standard-webhooks":
					changed.Body = []byte(drawChange(t, string(request.Body)))
				case "simpleswap":
					changed.Body = []byte(drawChange(t, string(request.Body)))
					if readSigned(changed.Body) == readSigned(request.Body) {
						return // a change of what this scheme does not sign
					}
				default:
					changed.URL = drawChange(t, request.URL)
				}
				if err := signer.Verify(scheme, changed, secretOf(scheme, testSecret)); err == nil {
					t.Fatalf("accepted %q and %s", changed.URL, changed.Body)
				}
				secret := secretOf(scheme, drawChange(t, testSecret))
				if err := signer.Verify(scheme, received(request), secret); err == nil && secret != "" {
					t.Fatalf("accepted with secret %q", secret)
				}
			})
		})
	}
}

// drawChange replaces, inserts, removes or doubles one byte.
func drawChange(t *rapid.T, text string) string {
	at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
	b := rapid.OneOf(rapid.ByteRange('!', '~'), rapid.SampledFrom([]byte("&?=%_\""))).Draw(t, "byte")
	changed := text
	switch rapid.SampledFrom([]string{"replace", "insert", "remove"}).Draw(t, "change") {
	case "replace":
		changed = text[:at] + string(rune(b)) + text[at+1:]
	case "insert":
		changed = text[:at] + string(rune(b)) + text[at:]
	case "remove":
		changed = text[:at] + text[at+1:]
	}
	if changed == text {
		return text + "x"
	}
	return changed
}

type signedMembers struct {
	MessageID   string `json:"messageId"`
	PublicID    string `json:"publicId"`
	Status      string `json:"status"`
	VerifyToken string `json:"verifyToken"`
}

func readSigned(body []byte) signedMembers {
	var read signedMembers
	if err := json.Unmarshal(body, &read); err != nil {
		return signedMembers{}
	}
	return read
}

// The bytes that a real server reads are the bytes that were signed.
func TestOnTheWire(t *testing.T) {
	t.Parallel()
	seen := make(chan signer.Received, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := make([]byte, max(r.ContentLength, 0))
		if _, err := readFull(r.Body, body); err != nil {
			t.Error(err)
		}
		seen <- signer.ReceivedFrom(r, "", body)
	}))
	t.Cleanup(server.Close)
	for _, scheme := range signer.Names() {
		rapid.Check(t, func(rt *rapid.T) {
			request, _ := drawRequest(rt, scheme, server.URL)
			send(rt, server.Client(), request)
			got := <-seen
			assertEqual(rt, "URL", got.URL, request.URL)
			assertEqual(rt, "body", string(got.Body), string(request.Body))
			if err := signer.Verify(scheme, got, secretOf(scheme, testSecret)); err != nil {
				rt.Fatal(err)
			}
		})
	}
}
