package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/cli"
)

// An attempt is recorded when it is over. Whoever looks before sees that one may be
// in flight, and of one that is due later nothing of the kind.
func TestDeliveryShowSaysWhatMayBeInFlight(t *testing.T) {
	t.Parallel()
	const inFlight = "(due; may be in flight)"
	for next, want := range map[time.Duration]bool{-time.Second: true, time.Hour: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"id":"dlv_1","state":"pending","next_attempt_at":%q}`, time.Now().Add(next).UTC().Format(time.RFC3339))
		}))
		t.Cleanup(server.Close)
		var out, errors strings.Builder
		code := cli.Run(t.Context(), []string{"delivery", "show", "dlv_1", "--server", server.URL, "--api-key", "k"}, strings.NewReader(""), &out, &errors)
		if code != 0 || strings.Contains(out.String(), inFlight) != want {
			t.Errorf("due in %v: exit code %d, %q:\n%s", next, code, &errors, &out)
		}
	}
}
