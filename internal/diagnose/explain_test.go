package diagnose_test

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybillhq/waybill/internal/diagnose"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

func codesOf(found []postback.Finding) []string {
	codes := make([]string, len(found))
	for i, f := range found {
		codes[i] = f.Code
	}
	return codes
}

func TestExplainSaysWhatIsCertain(t *testing.T) {
	t.Parallel()
	random := strings.Repeat("0f", 20)
	tests := map[string]struct {
		scheme   string
		received signer.Received
		codes    []string
	}{
		"no parameter":        {"bitlabs", called(origin + "/?a=1"), []string{"signature_missing"}},
		"no query":            {"bitlabs", called(origin), []string{"signature_missing"}},
		"empty":               {"bitlabs", called(origin + "/?a=1&hash="), []string{"signature_missing"}},
		"length of SHA-1":     {"besitos", called(origin + "/?a=1&verifier=" + random), []string{"signature_length"}},
		"no length":           {"bitlabs", called(origin + "/?a=1&hash=" + random + "00"), []string{"signature_length"}},
		"malformed":           {"bitlabs", called(origin + "/?a=1&hash=*"), []string{"signature_malformed"}},
		"twice":               {"bitlabs", called(origin + "/?a=1&a=1&hash=" + random), []string{"duplicate_parameter"}},
		"relative":            {"bitlabs", called("/p?a=1&hash=" + random), []string{"url_not_absolute"}},
		"named otherwise":     {"bitlabs", called(origin + "/?a=1&sig=" + random), []string{"parameter_name"}},
		"not last":            {"bitlabs", called(origin + "/?hash=" + random + "&a=1"), []string{"signature_not_last"}},
		"no body":             {"simpleswap", called(origin), []string{"body_invalid"}},
		"no token":            {"simpleswap", exchange("", "verifyToken", "other"), []string{"signature_missing"}},
		"no status":           {"simpleswap", exchange(random, "status", "state"), []string{"part_missing"}},
		"no headers":          {"standard-webhooks", signer.Received{Header: http.Header{}}, []string{"signature_missing", "signature_missing", "signature_missing"}},
		"a very long address": {"bitlabs", called(origin + "/?a=" + strings.Repeat("x", 20_000) + "&hash=" + random), []string{"url_too_long"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := diagnose.Explain(tt.scheme, tt.received, []string{urlSecret}, time.Time{})
			if got, want := codesOf(found), append(tt.codes, diagnose.CodeNothingFound); !slices.Equal(got, want) {
				t.Errorf("got %+v, want %s", found, want)
			}
		})
	}
}

func TestExplainSaysWhoseLengthItIs(t *testing.T) {
	t.Parallel()
	found := diagnose.Explain("besitos", called(origin+"/?a=1&verifier="+strings.Repeat("0f", 20)), []string{urlSecret}, time.Time{})
	if want := "40 hex digits are SHA-1's length; this scheme's are 64 (SHA-256)"; found[0].Message != want {
		t.Errorf("got %q, want %q", found[0].Message, want)
	}
}

func TestExplainHasNothingToSay(t *testing.T) {
	t.Parallel()
	bad := called(signable + "&hash=00")
	for name, found := range map[string][]postback.Finding{
		"valid":          diagnose.Explain("bitlabs", mistaken(signable), []string{"other", urlSecret}, time.Time{}),
		"unknown scheme": diagnose.Explain("nope", bad, []string{urlSecret}, time.Time{}),
		"no secret":      diagnose.Explain("bitlabs", bad, nil, time.Time{}),
		"empty secret":   diagnose.Explain("bitlabs", bad, []string{""}, time.Time{}),
	} {
		if len(found) != 0 {
			t.Errorf("%s: got %+v", name, found)
		}
	}
}

func TestWhiteSpaceAroundTheGivenSecretIsFound(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{urlSecret + "\n", " " + urlSecret, urlSecret + "\r\n"} {
		expectCode(t, diagnose.Explain("bitlabs", mistaken(signable), []string{secret}, time.Time{}), "secret_white_space")
	}
	expectCode(t, diagnose.Explain("bitlabs", mistaken(signable), []string{`"` + urlSecret + `"`}, time.Time{}), "secret_quoted")
}

// signed is what a scheme sends for its example.
func signed(t rapid.TB, scheme, secret, eventType string) signer.Received {
	found, err := signer.Lookup(scheme)
	if err != nil {
		t.Fatal(err)
	}
	target := signer.Target{URL: "https://publisher.example.com/hook"}
	if scheme == "bitlabs" {
		target.URL += "?uid=[%UID%]&tx=[%TX%]&val=[%VAL%]&name=[%OFFER:NAME%]"
	}
	made, err := found.Sign(target, signer.Message{
		ID: messageID, Type: eventType, OccurredAt: time.Unix(1_700_000_000, 0), Data: signer.Example(scheme, eventType),
	}, []string{secret}, time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return signer.Received{Method: made.Method, URL: made.URL, Header: made.Header, Body: made.Body}
}

func TestARightSignatureYieldsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scheme := rapid.SampledFrom(signer.Names()).Draw(t, "scheme")
		secret, err := signer.GenerateSecret(scheme, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		received := signed(t, scheme, secret, "conversion.completed")
		if found := diagnose.Explain(scheme, received, []string{secret}, time.Unix(1_700_000_000, 0)); len(found) != 0 {
			t.Fatalf("got %+v", found)
		}
	})
}

// structural are findings that claim nothing about how a signature was made.
func structural(code string) bool {
	return slices.Contains([]string{"signature_length", "signature_malformed", "signature_upper_case", "signature_padded", "duplicate_parameter", diagnose.CodeNothingFound}, code)
}

func TestARandomSignatureYieldsNoClaim(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scheme := rapid.SampledFrom([]string{"besitos", "bitlabs", "simpleswap"}).Draw(t, "scheme")
		size := rapid.SampledFrom([]int{16, 20, 32, 48, 64, 12, 33}).Draw(t, "size")
		random := hex.EncodeToString(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "signature"))
		received := signed(t, scheme, urlSecret, "conversion.completed")
		for _, right := range []string{"&hash=", "&verifier="} {
			if before, _, found := strings.Cut(received.URL, right); found {
				received.URL = before + right + random
			}
		}
		if before, _, found := strings.Cut(string(received.Body), `"verifyToken":"`); found {
			received.Body = []byte(before + `"verifyToken":"` + random + `"}`)
		}
		for _, f := range diagnose.Explain(scheme, received, []string{urlSecret, "another"}, time.Time{}) {
			if !structural(f.Code) {
				t.Fatalf("a random signature is said to be %+v", f)
			}
		}
	})
}

func TestTheWorkIsBounded(t *testing.T) {
	t.Parallel()
	random := strings.Repeat("0f", 20)
	many := func(n int, size int) string {
		var b strings.Builder
		for range n {
			b.WriteString("&n" + hex.EncodeToString([]byte(rand.Text()[:4])) + "=" + strings.Repeat("a%20", size/4))
		}
		return b.String()
	}
	body := `{"messageId":"` + messageID + `","a":"` + strings.Repeat("é", 30_000) + `"}`
	tests := map[string]struct {
		scheme   string
		received signer.Received
		least    int
	}{
		"usual":           {"bitlabs", called(signable + "&hash=" + random), 500},
		"usual exchange":  {"simpleswap", exchange(random), 500},
		"long":            {"bitlabs", called(origin + "/?a=1" + many(30, 400) + "&hash=" + random), 1},
		"many parameters": {"bitlabs", called(origin + "/?a=1" + many(900, 4) + "&hash=" + random), 1},
		"twice in it":     {"besitos", called(origin + "/?verifier=" + random + "&a=1&b=2&verifier=" + random + "&c=3"), 500},
		"huge":            {"bitlabs", called(origin + "/?a=1" + many(9000, 4) + "&hash=" + random), 0},
		"long body":       {"standard-webhooks", signer.Received{Body: []byte(body), Header: hook("", "").Header}, 1},
		"huge body":       {"standard-webhooks", signer.Received{Body: []byte(body + body), Header: hook("", "").Header}, 0},
	}
	secrets := []string{urlSecret, "second-secret-22", "third-secret-333", hookSecret(), "fifth-secret-555"}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, trials, bytes := diagnose.Cost(tt.scheme, tt.received, secrets)
			if trials < tt.least || trials > diagnose.MostTrials+8 || bytes > diagnose.MostBytes+diagnose.MostOvershoot {
				t.Errorf("%d digests of %d bytes", trials, bytes)
			}
		})
	}
}

func FuzzExplain(f *testing.F) {
	f.Add("bitlabs", signable+"&hash="+hmac1(urlSecret, signable), "", "")
	f.Add("besitos", "//?&&=&verifier=", "", "")
	f.Add("simpleswap", "", string(exchange("00").Body), "")
	f.Add("standard-webhooks", "https://[::1]:1", hookBody, "v1,AAAA v1a,AAAA")
	f.Fuzz(func(t *testing.T, scheme, url, body, signature string) {
		received := signer.Received{Method: "POST", URL: url, Body: []byte(body), Header: hook("", "").Header}
		received.Header.Set("Webhook-Signature", signature)
		found, trials, bytes := diagnose.Cost(scheme, received, []string{urlSecret})
		if trials > diagnose.MostTrials+8 || bytes > diagnose.MostBytes+diagnose.MostOvershoot {
			t.Fatalf("%d digests of %d bytes", trials, bytes)
		}
		for _, one := range found {
			if one.Code == "" || one.Message == "" || strings.Contains(one.Message, urlSecret) {
				t.Fatalf("found %+v", one)
			}
		}
	})
}

// BenchmarkExplain is a search to its end: nothing is found.
func BenchmarkExplain(b *testing.B) {
	random := strings.Repeat("0f", 20)
	for name, received := range map[string]signer.Received{
		"usual": called(signable + "&hash=" + random),
		"long":  called(origin + "/?a=1&b=" + strings.Repeat("a%20", 3_500) + "&hash=" + random),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				diagnose.Explain("bitlabs", received, []string{urlSecret, "second-secret-22"}, time.Time{})
			}
		})
	}
}
