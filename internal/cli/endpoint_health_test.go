package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/cli"
)

// Whoever looks at an endpoint whose deliveries wait sees why, and until when.
func TestEndpointShowSaysWhyNothingIsSent(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	answer := func(path, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, body)
		})
	}
	answer("/v1/endpoints/ep_1", `{"id":"ep_1","publisher":"pub_1","state":"enabled"}`)
	answer("/v1/endpoints/ep_1/health", `{"endpoint_id":"ep_1","state":"enabled","circuit":"closed","held_until":"2026-01-31T12:20:00.000Z",
		"blocked":{"reason":"secret_sealed","message":"add key 2 to the keyring","since":"2026-01-31T12:00:00.000Z","seen_at":"2026-01-31T12:01:00.000Z"}}`)
	answer("/v1/endpoints/ep_2", `{"id":"ep_2","publisher":"pub_1","state":"enabled"}`)
	answer("/v1/endpoints/ep_2/health", `{"endpoint_id":"ep_2","state":"enabled","circuit":"closed"}`)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for id, want := range map[string][]string{
		"ep_1": {"blocked  ", "secret_sealed, since 2026-01-31T12:00:00Z: add key 2 to the keyring\n", "held  ", "until 2026-01-31T12:20:00Z, as it asked by Retry-After"},
		"ep_2": {"circuit  "},
	} {
		var out, errors strings.Builder
		code := cli.Run(t.Context(), []string{"endpoint", "show", id, "--server", server.URL, "--api-key", "k"}, strings.NewReader(""), &out, &errors)
		if code != 0 {
			t.Errorf("exit code %d: %s", code, &errors)
		}
		for _, text := range want {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%s is shown without %q:\n%s", id, text, &out)
			}
		}
		if id == "ep_2" && (strings.Contains(out.String(), "blocked") || strings.Contains(out.String(), "held")) {
			t.Errorf("nothing keeps %s:\n%s", id, &out)
		}
	}
}
