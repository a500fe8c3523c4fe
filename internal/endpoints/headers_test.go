package endpoints_test

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/signer"
)

// Whoever sets a header that the scheme sends itself is warned: of each, and of no
// other.
func TestAHeaderThatIsNotSentIsWarnedOf(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	for _, name := range []string{"besitos", "simpleswap", "standard-webhooks", "github-style", "shopify-style", "stripe-style"} {
		wanted := spec()
		wanted.Scheme, wanted.Publisher = name, "pub_"+name
		wanted.Headers = map[string]string{"X-Publisher": "1"}
		sent := headersOf(t, parts, name, wanted.URL)
		for _, header := range sent {
			wanted.Headers[strings.ToLower(header)] = "own"
		}
		_, _, warnings, err := parts.Endpoints.Create(t.Context(), wanted)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var warned []string
		for _, warning := range warnings {
			if warning.Code == endpoints.WarnHeaderOfScheme {
				warned = append(warned, strings.TrimPrefix(warning.Field, "headers."))
			}
		}
		if got, want := strings.Join(warned, " "), strings.ToLower(strings.Join(sent, " ")); got != want {
			t.Errorf("%s: warned of %q, want %q", name, got, want)
		}
	}
}

// headersOf are the headers that a scheme sends, in order.
func headersOf(t *testing.T, parts *testkit.Parts, name, url string) []string {
	t.Helper()
	scheme, err := parts.Schemes.Define(name)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := scheme.GenerateSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	message := signer.Message{
		ID: strings.Repeat("0", 32), Type: scheme.EventType(), OccurredAt: time.Now(), Data: scheme.Example(scheme.EventType()),
	}
	request, err := scheme.Sign(signer.Target{URL: url}, message, []string{secret}, time.Now())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var names []string
	for header := range request.Header {
		names = append(names, header)
	}
	slices.Sort(names)
	return names
}
