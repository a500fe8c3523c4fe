package api_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// fakeHealth tells what it was told, of the window that it was asked for.
type fakeHealth struct{ *fakes }

func (f fakeHealth) Health(_ context.Context, endpoint postback.Endpoint, window time.Duration) (postback.Health, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	health := f.health[endpoint.ID]
	health.Traffic.Since = start.Add(-window)
	return health, f.down
}

func (f fakeHealth) OpenCircuits(context.Context) (map[string]bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	open := map[string]bool{}
	for id, health := range f.health {
		open[id] = health.FailureStreak.Open()
	}
	return open, f.down
}

// sick is the health of an endpoint that keeps failing.
func sick() postback.Health {
	return postback.Health{
		FailureStreak: postback.FailureStreak{
			EndpointID: "ep_1", Since: start.Add(-time.Hour), Failures: 120, LastError: "timeout", OpenedAt: start.Add(-time.Minute),
			TriedAt: start.Add(-time.Second), Probes: 3, ProbeAt: start.Add(20 * time.Second),
		},
		Traffic: postback.Traffic{
			Attempts: 600, Succeeded: 400, Errors: map[string]int{"timeout": 150, "status_503": 50},
			Latency:       postback.Latency{P50: 41_234_567, P95: 15 * time.Second, P99: 15 * time.Second},
			LastAttemptAt: start.Add(-time.Second), LastSuccessAt: start.Add(-time.Hour),
		},
		Waiting: postback.Waiting{
			Pending: 1, Retrying: 2, Parked: map[postback.Reason]int{postback.ReasonCircuitOpen: 100_000, postback.ReasonOverLimit: 3}, Oldest: start.Add(-time.Hour),
		},
		WaitingLimit: 100_000,
		Block: postback.Block{
			EndpointID: "ep_1", Cause: "secret_sealed", Message: "add key 2 to the keyring", Since: start.Add(-time.Minute), At: start.Add(-time.Second),
		},
		HeldUntil: start.Add(40 * time.Second),
	}
}

func TestEndpointHealth(t *testing.T) {
	t.Parallel()
	const well = `{"endpoint_id":"ep_1","state":"enabled","circuit":"closed","failures":0,"probes":0,
		"traffic":{"window":"1h","since":"2026-01-31T11:00:00.123Z","attempts":0,"succeeded":0,"success_rate":null,"latency_ms":{"p50":null,"p95":null,"p99":null},"errors":{}},
		"waiting":{"pending":0,"retrying":0,"parked":{"paused":0,"disabled":0,"circuit_open":0,"over_limit":0,"ordered":0},"counted_up_to":100000}}`
	const failing = `{"endpoint_id":"ep_1","state":"enabled","circuit":"open","held_until":"2026-01-31T12:00:40.123Z",
		"blocked":{"reason":"secret_sealed","message":"add key 2 to the keyring","since":"2026-01-31T11:59:00.123Z","seen_at":"2026-01-31T11:59:59.123Z"},"failing_since":"2026-01-31T11:00:00.123Z","failures":120,"last_error":"timeout",
		"opened_at":"2026-01-31T11:59:00.123Z","probes":3,"next_probe_at":"2026-01-31T12:00:40.123Z",
		"last_attempt_at":"2026-01-31T11:59:59.123Z","last_success_at":"2026-01-31T11:00:00.123Z",
		"traffic":{"window":"15m","since":"2026-01-31T11:45:00.123Z","attempts":600,"succeeded":400,"success_rate":0.6667,
			"latency_ms":{"p50":41.23,"p95":15000,"p99":15000},"errors":{"timeout":150,"status_503":50}},
		"waiting":{"pending":1,"retrying":2,"parked":{"paused":0,"disabled":0,"circuit_open":100000,"over_limit":3,"ordered":0},"oldest_at":"2026-01-31T11:00:00.123Z","counted_up_to":100000}}`
	for name, tt := range map[string]struct {
		path   string
		health postback.Health
		want   string
	}{
		"well":    {"/v1/endpoints/ep_1/health", postback.Health{WaitingLimit: 100_000, Traffic: postback.Traffic{Errors: map[string]int{}}}, well},
		"failing": {"/v1/endpoints/ep_1/health?window=15m", sick(), failing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.fill()
			b.health["ep_1"] = tt.health
			got := b.call(t, "viewer", "GET", tt.path, "")
			if got.status != http.StatusOK || !sameJSON(t, got.body, tt.want) {
				t.Errorf("got  %d %s\nwant %s", got.status, got.body, tt.want)
			}
		})
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var first, second any
	for text, into := range map[string]*any{a: &first, b: &second} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	return reflect.DeepEqual(first, second)
}

// TestEndpointHealthIsReadByTheClient reads all fields, and asks for a window.
func TestEndpointHealthIsReadByTheClient(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	b.health["ep_1"] = sick()
	c := b.client(t, "viewer")
	got, err := c.EndpointHealth(t.Context(), "ep_1", "24h")
	if err != nil {
		t.Fatal(err)
	}
	raw := b.call(t, "admin", "GET", "/v1/endpoints/ep_1/health?window=24h", "")
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if !sameJSON(t, string(text), raw.body) || got.Traffic.Window != "24h" {
		t.Errorf("read %s\nof   %s", text, raw.body)
	}
}

// TestAPublisherSeesThatItIsBlocked shows why and since when, but not what is ours
// and who has to mend it.
func TestAPublisherSeesThatItIsBlocked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	b.health["ep_1"] = sick()
	got, err := b.client(t, "publisher").EndpointHealth(t.Context(), "ep_1", "")
	if err != nil || got.Blocked == nil || got.Blocked.Reason != "secret_sealed" || got.Blocked.Since.IsZero() || got.Blocked.Message != "" {
		t.Errorf("got %+v, %v", got.Blocked, err)
	}
}

// TestOpenCircuitsAreListed shows the circuit of an endpoint that fails wherever
// it is read.
func TestOpenCircuitsAreListed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	b.endpoints["ep_well"] = postback.Endpoint{ID: "ep_well", Publisher: "pub_1", State: postback.EndpointEnabled}
	b.health["ep_1"] = sick()
	c := b.client(t, "publisher")
	page, err := c.ListEndpoints(t.Context(), client.EndpointFilter{}, client.PageRequest{})
	if err != nil || len(page.Items) != 2 {
		t.Fatalf("%d are listed, %v", len(page.Items), err)
	}
	for _, listed := range page.Items {
		shown, err := c.GetEndpoint(t.Context(), listed.ID)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"ep_1": "open"}[listed.ID]
		if listed.Circuit != want || shown.Circuit != want {
			t.Errorf("the circuit of %s is listed as %q, shown as %q", listed.ID, listed.Circuit, shown.Circuit)
		}
	}
}

// TestEveryReasonIsShown counts what is parked for each reason that there is.
func TestEveryReasonIsShown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	parked := map[postback.Reason]int{}
	for i, reason := range postback.ParkedReasons() {
		parked[reason] = i + 1
	}
	b.health["ep_1"] = postback.Health{Waiting: postback.Waiting{Parked: parked}}
	health, err := b.client(t, "viewer").EndpointHealth(t.Context(), "ep_1", "")
	if err != nil || len(parked) == 0 || !maps.Equal(health.Waiting.Parked, parked) {
		t.Errorf("parked are %v, want %v, %v", health.Waiting.Parked, parked, err)
	}
}

func TestEndpointHealthRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	b.endpoints["ep_gone"] = postback.Endpoint{ID: "ep_gone", Publisher: "pub_1", State: postback.EndpointDeleted}
	for path, want := range map[string]int{
		"/v1/endpoints/ep_1/health?window=2h": http.StatusUnprocessableEntity,
		"/v1/endpoints/ep_1/health?widow=1h":  http.StatusUnprocessableEntity,
		"/v1/endpoints/ep_2/health":           http.StatusNotFound,
		"/v1/endpoints/ep_gone/health":        http.StatusNotFound,
	} {
		if got := b.call(t, "admin", "GET", path, ""); got.status != want {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		} else {
			got.problem(t)
		}
	}
	b.down = context.DeadlineExceeded
	if got := b.call(t, "admin", "GET", "/v1/endpoints/ep_1/health", ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("without the ledger: %d %s", got.status, got.body)
	}
}
