package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/api"
	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// bundle is a running API on fakes.
type bundle struct {
	*fakes
	url  string
	logs *lockedBuffer
	// stop waits for the requests under way, whose log lines come last.
	stop func()
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func optionsOf(f *fakes, logs io.Writer) api.Options {
	endpoints := fakeEndpoints{f}
	return api.Options{
		Intake: fakeIntake{f}, Rematcher: fakeRematcher{f}, EndpointManager: endpoints, EndpointSwitch: endpoints, EndpointReader: endpoints, EndpointHealth: fakeHealth{f},
		History: fakeHistory{f}, Exports: fakeHistory{f}, Replayer: fakeReplays{f}, ReplayReader: fakeReplays{f}, Examples: fakeExamples{f}, Diagnoser: fakeExamples{f}, Keys: fakeKeys{f}, Schemes: fakeSchemes{f},
		Ready:   func(context.Context) error { return f.down },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }),
		Egress:  []string{"192.0.2.1"},
		Logger:  slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:     func() time.Time { return start },
		Version: "1.2.3",
	}
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{fakes: newFakes(), logs: &lockedBuffer{}}
	handler, err := api.New(optionsOf(b.fakes, b.logs))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	b.url, b.stop = server.URL, server.Close
	return b
}

func (b *bundle) client(t *testing.T, who string) *client.Client {
	t.Helper()
	c, err := client.New(b.url, keyPrefix+who)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// reply is a raw answer.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) problem(t *testing.T) client.Problem {
	t.Helper()
	var problem client.Problem
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("content type %q of %d %s", got, r.status, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), &problem); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	if problem.Status != r.status || problem.Title != http.StatusText(r.status) || problem.Detail == "" || problem.Type == "" {
		t.Errorf("incomplete problem: %s", r.body)
	}
	return problem
}

// call makes a raw call as the key of who; "" is without a key.
func (b *bundle) call(t *testing.T, who, method, path, body string, headers ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if who != "" {
		request.Header.Set("Authorization", "Bearer "+keyPrefix+who)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{status: response.StatusCode, header: response.Header, body: string(text)}
}

// fill puts an endpoint, an event, deliveries and a replay of pub_1 in place.
func (b *bundle) fill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endpoints["ep_1"] = postback.Endpoint{
		ID: "ep_1", Publisher: "pub_1", Scheme: "besitos", State: postback.EndpointEnabled,
		CreatedAt: start, UpdatedAt: start,
		Secrets: []postback.SealedSecret{{Version: 3, Sealed: []byte("sealed"), CreatedAt: start}, {Version: 2}},
		EndpointSettings: postback.EndpointSettings{
			URL: "https://example.com/cb", Method: "GET",
			Timeout: postback.Duration(15 * time.Second), Headers: map[string]string{"X-Token": "cr3dential", "X-Plain": "shown"},
			Retry: postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(time.Second), postback.Duration(time.Minute)}},
		},
	}
	b.events["e/1?x=#%"] = postback.Event{
		ID: "e/1?x=#%", Type: "conversion.completed", Publisher: "pub_1", AcceptedAt: start,
		Data: json.RawMessage(`{"b":1.50,"a":"<&>","n":12345678901234567890}`),
	}
	b.deliveries = []postback.Delivery{
		{ID: "dlv_2", Reference: "tx_2", EventID: "e1", EventType: "conversion.completed", Publisher: "pub_1", EndpointID: "ep_1", State: postback.Retrying, Generation: 1, Attempts: 2, LastStatusCode: 500, LastError: "status", CreatedAt: start, NextAttemptAt: start.Add(time.Minute)},
		{ID: "dlv_1", EventID: "=cmd()", EventType: "conversion.completed", Publisher: "pub_1", EndpointID: "ep_1", State: postback.Dead, Reason: postback.ReasonExhausted, Generation: 2, Attempts: 1, CreatedAt: start, CompletedAt: start.Add(time.Hour)},
	}
	b.attempts = []postback.Attempt{sampleAttempt()}
	b.jobs["rpl_9"] = postback.ReplayJob{ID: "rpl_9", Filter: postback.DeliveryFilter{Publisher: "pub_1"}, State: postback.ReplayRunning, CreatedAt: start}
}
