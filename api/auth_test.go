package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/api"
)

func TestFailedLoginsAreToldToWait(t *testing.T) {
	t.Parallel()
	got := setup(t).call(t, "guess", http.MethodGet, "/v1/endpoints", "")
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "5" {
		t.Errorf("got %d, Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
	if problem := got.problem(t); problem.Code != "too_many_requests" {
		t.Errorf("got the code %s", problem.Code)
	}
}

// slow lets nobody's requests through for a while.
type slow struct{}

func (slow) Take(string) time.Duration { return 1200 * time.Millisecond }
func (slow) PerSecond() int            { return 7 }

// A key that makes too many requests learns how long to wait and which setting
// says so. What an admin changes goes on all the same.
func TestAKeyThatMakesTooManyRequestsWaits(t *testing.T) {
	t.Parallel()
	b := &bundle{fakes: newFakes(), logs: &lockedBuffer{}}
	options := optionsOf(b.fakes, b.logs)
	options.Pace = slow{}
	handler, err := api.New(options)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	b.url, b.stop = server.URL, server.Close
	for _, one := range []struct{ who, method, path, body string }{
		{"producer", "POST", "/v1/events", `{}`},
		{"publisher", "GET", "/v1/endpoints", ""},
		{"publisher", "POST", "/v1/endpoints/ep_1/pause", ""},
		{"viewer", "GET", "/v1/deliveries", ""},
		{"admin", "GET", "/v1/deliveries", ""},
		{"admin", "POST", "/v1/events", `{}`},
		{"admin", "POST", "/v1/events/batch", `{}`},
	} {
		got := b.call(t, one.who, one.method, one.path, one.body)
		if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "2" {
			t.Errorf("%s %s %s: got %d, Retry-After %q", one.who, one.method, one.path, got.status, got.header.Get("Retry-After"))
			continue
		}
		if problem := got.problem(t); problem.Code != "too_many_requests" || !strings.Contains(problem.Detail, "7 requests a second (--max-requests-per-key)") {
			t.Errorf("%s %s %s: got %+v", one.who, one.method, one.path, problem)
		}
	}
	for _, one := range []struct{ who, method, path string }{
		{"admin", "DELETE", "/v1/keys/key_1"},
		{"admin", "POST", "/v1/endpoints/ep_1/pause"},
		{"admin", "POST", "/v1/replays/rpl_1/cancel"},
		{"admin", "DELETE", "/v1/endpoints/ep_1"},
		{"", "GET", "/readyz"},
		{"", "GET", "/healthz"},
	} {
		if got := b.call(t, one.who, one.method, one.path, ""); got.status == http.StatusTooManyRequests {
			t.Errorf("%s %s %s has to wait", one.who, one.method, one.path)
		}
	}
}
