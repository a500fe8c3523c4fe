package diagnose_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/diagnose"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// signedBy is what a scheme of the catalogue sends for its example. Macros of
// its own are in the URL.
func signedBy(t testing.TB, scheme *signer.Definition, secret string) signer.Received {
	t.Helper()
	target := signer.Target{URL: "https://publisher.example.com/hook"}
	if macros := scheme.Declaration().Data.Macros; macros != nil {
		separator := "?"
		for _, known := range macros.Known {
			target.URL += separator + known.Name + "=" + macros.Open + known.Name + macros.Close
			separator = "&"
		}
	}
	at := time.Unix(1_700_000_000, 0)
	made, err := scheme.Sign(target, signer.Message{
		ID: messageID, Type: "conversion.completed", OccurredAt: at, Data: scheme.Example("conversion.completed"),
	}, []string{secret}, at)
	if err != nil {
		t.Fatal(err)
	}
	return signer.Received{Method: made.Method, URL: made.URL, Header: made.Header, Body: made.Body, Template: target.URL}
}

func newSecret(t testing.TB, scheme *signer.Definition) string {
	t.Helper()
	secret, err := scheme.GenerateSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestEveryKnownSchemeIsExplainedWithinBounds(t *testing.T) {
	t.Parallel()
	catalogue, err := schemes.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(catalogue.Names()) < len(signer.Names()) {
		t.Fatalf("the catalogue holds %s alone", catalogue.Names())
	}
	for _, name := range catalogue.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scheme, err := catalogue.Define(name)
			if err != nil {
				t.Fatal(err)
			}
			secret := newSecret(t, scheme)
			received := signedBy(t, scheme, secret)
			if found, _, _ := diagnose.CostBy(scheme, received, []string{secret}); len(found) != 0 {
				t.Errorf("a right signature: %+v", found)
			}
			found, trials, bytes := diagnose.CostBy(scheme, received, []string{newSecret(t, scheme), newSecret(t, scheme)})
			if len(found) != 1 || found[0].Code != diagnose.CodeNothingFound {
				t.Errorf("another secret: %+v", found)
			}
			if trials == 0 || trials > diagnose.MostTrials+8 || bytes > diagnose.MostBytes+diagnose.MostOvershoot {
				t.Errorf("%d digests of %d bytes", trials, bytes)
			}
		})
	}
}

// BenchmarkExplainDeclared compiles the variants, and finds nothing.
func BenchmarkExplainDeclared(b *testing.B) {
	catalogue, err := schemes.Load()
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"adjoe", "ayet-studios", "nowpayments"} {
		scheme, err := catalogue.Define(name)
		if err != nil {
			b.Fatal(err)
		}
		received, other := signedBy(b, scheme, newSecret(b, scheme)), newSecret(b, scheme)
		var found []postback.Finding
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				found = diagnose.ExplainBy(name, scheme, received, []string{other}, time.Time{})
			}
		})
		if len(found) != 1 {
			b.Errorf("%s: found %+v", name, found)
		}
	}
}
