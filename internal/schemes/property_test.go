package schemes_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybillhq/waybill/signer"
)

func TestSignedRequestsVerify(t *testing.T) {
	t.Parallel()
	catalogue := load(t)
	for _, scheme := range catalogue.Names() {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				request, secret, _ := draw(t, catalogue, scheme)
				found, err := catalogue.Lookup(scheme)
				if err != nil {
					t.Fatal(err)
				}
				if err := found.Verify(received(scheme, request), []string{secret}, testTime()); err != nil {
					t.Fatalf("verify %s %v %s: %v", request.URL, request.Header, request.Body, err)
				}
				without := received(scheme, request)
				without.Template = "" // the parameters are named like the macros
				if err := found.Verify(without, []string{secret}, testTime()); err != nil {
					t.Fatalf("verify %s without a template: %v", request.URL, err)
				}
				if parsed, err := url.Parse(request.URL); err != nil || parsed.Scheme+"://"+parsed.Host+parsed.RequestURI() != request.URL {
					t.Fatalf("net/http sends something else for %q: %v", request.URL, err)
				}
				if request.Body != nil && !json.Valid(request.Body) {
					t.Fatalf("body is no JSON: %s", request.Body)
				}
			})
		})
	}
}

// Another value of anything that is signed is refused.
func TestAnyChangeIsNoticed(t *testing.T) {
	t.Parallel()
	catalogue := load(t)
	for _, scheme := range catalogue.Names() {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			found, err := catalogue.Lookup(scheme)
			if err != nil {
				t.Fatal(err)
			}
			rapid.Check(t, func(t *rapid.T) {
				request, secret, _ := draw(t, catalogue, scheme)
				changed := received(scheme, request)
				name := rapid.SampledFrom(signedNames(scheme)).Draw(t, "name")
				if request.Body == nil {
					changed.URL = changeParameter(t, request.URL, name)
				} else {
					changed.Body = changeMember(t, request.Body, name)
				}
				if err := found.Verify(changed, []string{secret}, testTime()); err == nil {
					t.Fatalf("accepted %s %s for %s %s", changed.URL, changed.Body, request.URL, request.Body)
				}
				if err := found.Verify(received(scheme, request), []string{otherThan(secret)}, testTime()); err == nil {
					t.Fatal("accepted with another secret")
				}
			})
		})
	}
}

// changeParameter changes a parameter's value by one byte.
func changeParameter(t *rapid.T, raw, name string) string {
	start, end := strings.Index(raw, name+"="), len(raw)
	start += len(name) + 1
	if length := strings.IndexByte(raw[start:], '&'); length >= 0 {
		end = start + length
	}
	at := rapid.IntRange(start, end).Draw(t, "at")
	return raw[:at] + rapid.SampledFrom([]string{"0", "z", "%41"}).Draw(t, "inserted") + raw[at:]
}

// changeMember changes a member's value.
func changeMember(t *rapid.T, body []byte, name string) []byte {
	object := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &object); err != nil {
		t.Fatal(err)
	}
	into := object
	if inner, enveloped := object["data"]; enveloped {
		into = map[string]json.RawMessage{}
		if err := json.Unmarshal(inner, &into); err != nil {
			t.Fatal(err)
		}
	}
	into[name] = json.RawMessage(`"changed"`)
	if _, enveloped := object["data"]; enveloped {
		inner, err := json.Marshal(into)
		if err != nil {
			t.Fatal(err)
		}
		object["data"] = inner
	}
	changed, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func TestExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	catalogue := load(t)
	for _, scheme := range catalogue.Names() {
		for _, eventType := range []string{"conversion.completed", "conversion.reversed", "conversion.screenout", "exchange.finished", "exchange.failed", ""} {
			found, err := catalogue.Lookup(scheme)
			if err != nil {
				t.Fatal(err)
			}
			secret, err := catalogue.GenerateSecret(scheme, source(7))
			if err != nil {
				t.Fatal(err)
			}
			message := signer.Message{ID: testID, Type: eventType, OccurredAt: testTime(), Data: catalogue.Example(scheme, eventType)}
			request, err := found.Sign(signer.Target{URL: target(scheme)}, message, []string{secret}, testTime())
			if err != nil {
				t.Fatalf("%s %s: %v", scheme, eventType, err)
			}
			if err := found.Verify(received(scheme, request), []string{secret}, testTime()); err != nil {
				t.Errorf("%s %s: %v", scheme, eventType, err)
			}
		}
	}
}
