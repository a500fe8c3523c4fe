package e2e_test

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// show is what the command says of the endpoint.
func show(t *testing.T, s *server, dataDir, endpointID string) string {
	t.Helper()
	code, said := refuses(t, "endpoint", "show", endpointID, "--server", s.url, "--data-dir", dataDir)
	if code != 0 {
		t.Fatalf("waybill endpoint show exits %d: %s", code, said)
	}
	return said
}

func wantLines(t *testing.T, said string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if !regexp.MustCompile("(?m)" + pattern).MatchString(said) {
			t.Errorf("nothing matches %s in\n%s", pattern, said)
		}
	}
}

// scraped is the value of a metric's line; empty when there is none.
func (s *server) scraped(t *testing.T, line string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.health+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?m)^" + line + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		return ""
	}
	return string(found[1])
}

// Guarantee: how an endpoint does can be seen: that it fails, since when, when it
// is tried next, what waits for it and why; and afterwards that it is well, and
// every attempt is counted.
func TestHealthOfAnEndpointThatFailsAndIsMended(t *testing.T) {
	t.Parallel()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	const events = 60
	dir := t.TempDir()
	s := start(t, dir, "--health-listen", "127.0.0.1:0")
	failing := newReceiver(t, "besitos")
	var broken atomic.Bool
	broken.Store(true)
	failing.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		failing.ServeHTTP(w, r)
	})
	register(t, s, failing, slices.Repeat([]postback.Duration{second}, 50)...)
	endpoint := onlyEndpoint(t, s)
	var health client.EndpointHealth
	becomes := func(what string, condition func() bool) {
		t.Helper()
		eventually(t, soon, what, func() bool {
			var err error
			if health, err = s.EndpointHealth(t.Context(), endpoint, "15m"); err != nil {
				t.Fatal(err)
			}
			return condition()
		})
	}

	var p producer
	p.server.Store(s)
	p.produce(t.Context(), t, events)
	becomes("an open circuit, what waits for it, and what came of the attempts", func() bool {
		return health.Circuit == "open" && health.Waiting.Parked[postback.ReasonCircuitOpen] > 0 && health.Traffic.Attempts >= 10
	})
	if health.Traffic.Succeeded != 0 || *health.Traffic.SuccessRate != 0 || health.Traffic.Errors["status_503"] != health.Traffic.Attempts ||
		health.FailingSince.IsZero() || health.OpenedAt.Before(health.FailingSince.Time) || !health.NextProbeAt.After(health.OpenedAt.Time) ||
		health.LastError == "" || health.Waiting.OldestAt.IsZero() || !health.LastSuccessAt.IsZero() {
		t.Errorf("the health is %+v", health)
	}
	wantLines(t, show(t, s, dir, endpoint), `^circuit +open since 20.*; next probe at 20`, `^failing +since 20.*, the last one `,
		`^last hour +\d+ attempts, 0 % succeeded, p50 `, `^errors +status_503 \d+$`, `^waiting +.*\d+ parked as circuit_open.*; the oldest since 20`)
	_, listed := refuses(t, "endpoint", "list", "--server", s.url, "--data-dir", dir)
	wantLines(t, listed, endpoint+` +enabled, circuit open +pub_1 `)
	if parked := s.scraped(t, `waybill_deliveries_waiting\{.*reason="circuit_open".*state="parked".*\}`); parked == "" {
		t.Error("the metric of what waits is missing")
	}

	broken.Store(false)
	s.resume(t, failing.URL)
	failing.waitFor(t, events, soon)
	attempts := 0
	if states := settled(t, s, soon); states["succeeded"] != events {
		t.Errorf("the deliveries ended as %v", states)
	}
	for delivery, err := range s.Deliveries(t.Context(), client.DeliveryFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		attempts += delivery.Attempts
	}
	becomes("a closed circuit, nothing that waits, and every attempt to be counted", func() bool {
		return health.Circuit == "closed" && health.FailingSince.IsZero() && health.Waiting.OldestAt.IsZero() && health.Traffic.Attempts == attempts
	})
	if health.Traffic.Succeeded != events || *health.Traffic.SuccessRate <= 0 || health.LastSuccessAt.IsZero() || *health.Traffic.Latency.P50 <= 0 {
		t.Errorf("the health is %+v", health)
	}
	said := show(t, s, dir, endpoint)
	wantLines(t, said, `^circuit +closed$`, `^last attempt +20.*, last success 20`, `^waiting +nothing$`)
	if strings.Contains(said, "failing") {
		t.Errorf("it still fails:\n%s", said)
	}
}
