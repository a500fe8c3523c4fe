package worker_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

const firstSecret = "the-f1rst-secret"

// echo refuses every request, and shows the signature that it computes of what
// text makes of the URL.
func echo(secret string, text func(url string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		signed, _, _ := strings.Cut("http://"+r.Host+r.RequestURI, "&hash=")
		mac := hmac.New(sha1.New, []byte(secret))
		mac.Write([]byte(text(signed)))
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("expected " + hex.EncodeToString(mac.Sum(nil))))
	}
}

func TestARefusedExampleIsDiagnosed(t *testing.T) {
	t.Parallel()
	same := func(url string) string { return url }
	tests := map[string]struct {
		answer http.HandlerFunc
		code   string
	}{
		"without the port": {echo(firstSecret, func(url string) string {
			before, after, _ := strings.Cut(url, "/hook")
			return before[:strings.LastIndexByte(before, ':')] + "/hook" + after
		}), "port"},
		"with the next secret": {echo("the-s3cond-secret", same), "other_secret"},
		"without saying why":   {testkit.Status(http.StatusUnauthorized), "signature_refused"},
		"with another status":  {testkit.Status(http.StatusNoContent), "accepted_not_200"},
		"not at all":           {testkit.Status(http.StatusOK), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			endpoint := b.exchange(t, func(s *postback.EndpointSpec) {
				s.Scheme, s.URL, s.Secret = "bitlabs", b.receiver.URL+"/hook?uid=[%UID%]&tx=[%TX%]", postback.NewSecret(firstSecret)
			})
			if _, _, err := b.Endpoints.RotateSecret(t.Context(), endpoint.ID, postback.Rotation{
				Secret: postback.NewSecret("the-s3cond-secret"), At: b.clock.now().Add(time.Hour),
			}); err != nil {
				t.Fatal(err)
			}
			b.receiver.Answer(tt.answer)
			_, attempt, err := b.worker.Example(t.Context(), endpoint.ID, "")
			if err != nil {
				t.Fatal(err)
			}
			found := b.worker.Diagnose(t.Context(), endpoint.ID, attempt)
			if tt.code == "" && len(found) != 0 || tt.code != "" && (len(found) == 0 || found[0].Code != tt.code) {
				t.Errorf("got %+v, want %q first", found, tt.code)
			}
			for _, f := range found {
				if strings.Contains(f.Message, firstSecret) || strings.Contains(f.Message, "the-s3cond-secret") {
					t.Errorf("a secret is in %q", f.Message)
				}
			}
		})
	}
}

func TestADiagnosisNeedsNoSecret(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *worker.Options) { o.Sign.Secrets = closed{} })
	endpoint := b.exchange(t)
	attempt := postback.Attempt{Outcome: postback.OutcomeFailed, StatusCode: http.StatusNotFound}
	if found := b.worker.Diagnose(t.Context(), endpoint.ID, attempt); len(found) != 1 || found[0].Code != "path_not_found" {
		t.Errorf("got %+v", found)
	}
	if found := b.worker.Diagnose(t.Context(), "ep_nope", attempt); len(found) != 0 {
		t.Errorf("of an unknown endpoint: %+v", found)
	}
}

// closed opens no secret.
type closed struct{}

func (closed) Open([]byte, string, int) (postback.Secret, error) { return postback.Secret{}, errAway }
