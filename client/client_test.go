package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

const testKey = "wb_k3y-that-must-not-appear"

func setup(t *testing.T, handler http.HandlerFunc, opts ...client.Option) *client.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL+"/", testKey, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestNewRefusesWhatIsNoAddress(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "waybill.example.com", "ftp://example.com", "http://", "http://:80", "http://u:hidden@example.com", "http://example.com?x=1", "http://example.com#f", "http://exa mple.com"} {
		if _, err := client.New(base, ""); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("New(%q) = %v", base, err)
		}
	}
	if _, err := client.New("http://example.com", "bad\nkey"); err == nil || strings.Contains(err.Error(), "bad") {
		t.Errorf("a key with a line break: %v", err)
	}
}

func TestProblem(t *testing.T) {
	t.Parallel()
	c := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"title":"Service Unavailable","status":503,"detail":"is down","code":"unavailable","field":"data.user_id","errors":[{"field":"a","message":"b"}]}`)
	})
	_, err := c.SendEvent(t.Context(), client.Event{})
	var problem *client.Problem
	if !errors.As(err, &problem) {
		t.Fatalf("got %v", err)
	}
	if problem.Code != postback.CodeUnavailable || problem.Status != 503 || problem.RetryAfter != 7*time.Second ||
		problem.Field != "data.user_id" || len(problem.Errors) != 1 {
		t.Errorf("got %+v", problem)
	}
	if want := "is down (unavailable, HTTP 503)"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestAnswersOfStrangers(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"page":     func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<h1>bad gateway", http.StatusBadGateway) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := setup(t, handler)
			err := c.Health(t.Context())
			var problem *client.Problem
			if !errors.As(err, &problem) || problem.Code != client.CodeUnexpected {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// Somebody else's page with status 200 is no answer.
func TestPageOfAStranger(t *testing.T) {
	t.Parallel()
	c := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<html>")
	})
	if _, err := c.ListSchemes(t.Context()); err == nil || !strings.Contains(err.Error(), `it is "text/html" and not JSON: is 127.0.0.1:`) {
		t.Errorf("got %v", err)
	}
}

func TestErrorsKeepTheKey(t *testing.T) {
	t.Parallel()
	c, err := client.New("http://127.0.0.1:1", testKey, client.WithTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CreateEndpoint(t.Context(), client.EndpointSpec{Secret: "s3cret"})
	if err == nil || strings.Contains(fmt.Sprintf("%+v", err), testKey) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}

func TestTimeoutSaysWhy(t *testing.T) {
	t.Parallel()
	c := setup(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, client.WithTimeout(20*time.Millisecond))
	err := c.Ready(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 20ms") {
		t.Errorf("got %v", err)
	}
}

func TestEventKeepsItsBytes(t *testing.T) {
	t.Parallel()
	var got string
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+testKey {
			t.Errorf("no key")
		}
		body, _ := io.ReadAll(r.Body)
		got = string(body)
		fmt.Fprint(w, `{"id":"evt_1","duplicate":false,"deliveries":[]}`)
	})
	at := time.Date(2026, 1, 31, 13, 0, 0, 1_500_000, time.FixedZone("", 3600))
	_, err := c.SendEvent(t.Context(), client.Event{
		Type: "conversion.completed", Publisher: "pub_1",
		Data: json.RawMessage(`{"b":1.50,"a":"<&>","n":12345678901234567890}`), OccurredAt: client.Time{Time: at},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"conversion.completed","publisher":"pub_1","data":{"b":1.50,"a":"<&>","n":12345678901234567890},"occurred_at":"2026-01-31T12:00:00.001Z"}`
	if strings.TrimSpace(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDeliveriesWalksPages(t *testing.T) {
	t.Parallel()
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query()["state"][1] != "parked" || r.URL.Query().Get("since") != "2026-01-31T12:00:00Z" {
			t.Errorf("filter lost: %s", r.URL.RawQuery)
		}
		switch r.URL.Query().Get("cursor") {
		case "":
			fmt.Fprint(w, `{"items":[{"id":"dlv_1","attempts":3},{"id":"dlv_2"}],"next_cursor":"c2"}`)
		case "c2":
			fmt.Fprint(w, `{"items":[{"id":"dlv_3"}],"next_cursor":"c3"}`)
		default:
			http.Error(w, "gone", http.StatusInternalServerError)
		}
	})
	filter := client.DeliveryFilter{
		States: []postback.State{postback.Dead, postback.Parked},
		Since:  postback.GivenTime(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)),
	}
	var ids []string
	var last error
	for delivery, err := range c.Deliveries(t.Context(), filter) {
		if err != nil {
			last = err
			continue
		}
		ids = append(ids, delivery.ID)
	}
	if strings.Join(ids, " ") != "dlv_1 dlv_2 dlv_3" || last == nil {
		t.Errorf("got %v, %v", ids, last)
	}
}

func TestDeliveryDetail(t *testing.T) {
	t.Parallel()
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/v1/deliveries/dlv_%2F..%2F1" {
			t.Errorf("path %s", r.URL.EscapedPath())
		}
		fmt.Fprint(w, `{"id":"dlv_1","state":"dead","attempts":[{"number":1,"response":{"body_base64":"AAE=","truncated":true}},{"number":2}]}`)
	})
	detail, err := c.GetDelivery(t.Context(), "dlv_/../1")
	if err != nil {
		t.Fatal(err)
	}
	if detail.State != postback.Dead || detail.Delivery.Attempts != 2 || string(detail.Attempts[0].Response.BodyBase64) != "\x00\x01" {
		t.Errorf("got %+v", detail)
	}
}

func TestExportShowsABrokenStream(t *testing.T) {
	t.Parallel()
	c := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "id,state\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	stream, err := c.ExportDeliveries(t.Context(), client.DeliveryFilter{}, "csv")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	if string(text) != "id,state\n" || err == nil {
		t.Errorf("got %q, %v", text, err)
	}
}

// A producer that sends batch after batch keeps its connection, also when an
// answer comes in chunks.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	connections := map[string]bool{}
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		connections[r.RemoteAddr] = true
		mu.Unlock()
		fmt.Fprint(w, `{"results": []}`)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, strings.Repeat("\n", 20_000)) // what a decoder does not wait for
	})
	for range 5 {
		if _, err := c.SendBatch(t.Context(), []client.Event{{Type: "conversion.completed", Publisher: "pub_1"}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(connections) != 1 {
		t.Errorf("5 batches took %d connections", len(connections))
	}
}

// A client that is older than its server loses no reason.
func TestParkedNamesEveryReason(t *testing.T) {
	t.Parallel()
	const answered = `{"paused":0,"disabled":0,"circuit_open":3,"over_limit":0,"ordered":1,"later":2}`
	var parked client.Parked
	if err := json.Unmarshal([]byte(answered), &parked); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(parked); err != nil || string(again) != answered {
		t.Errorf("got %s, %v", again, err)
	}
	if none, err := json.Marshal(client.Parked(nil)); err != nil || string(none) != `{"paused":0,"disabled":0,"circuit_open":0,"over_limit":0,"ordered":0}` {
		t.Errorf("got %s, %v", none, err)
	}
}
