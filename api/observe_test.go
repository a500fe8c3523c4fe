package api_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/waybillhq/waybill/api"
	"github.com/waybillhq/waybill/postback"
)

const (
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceParent = "00-" + traceID + "-00f067aa0ba902b7-01"
	goodEvent   = `{"id":"tx-1","type":"conversion.completed","publisher":"pub_1","data":{"user_id":"u-7"}}`
)

func TestLogLine(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.call(t, "producer", "POST", "/v1/events", goodEvent, "Traceparent", traceParent, "X-Request-Id", "req-1")
	if got.header.Get("X-Request-Id") != "req-1" || got.header.Get("Cache-Control") != "no-store" || b.trace != traceID {
		t.Errorf("headers %v, trace %q", got.header, b.trace)
	}
	b.stop()
	var line map[string]any
	if err := json.Unmarshal([]byte(b.logs.String()), &line); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"level": "INFO", "msg": "http request", "method": "POST", "route": "/v1/events", "status": 202.0,
		"request_id": "req-1", "key_id": "key_producer", "trace_id": traceID,
	} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v", name, line[name], want)
		}
	}
	if text := b.logs.String(); strings.Contains(text, keyPrefix) || strings.Contains(text, "u-7") {
		t.Errorf("the log has a key or a body: %s", text)
	}
}

func TestHostileRequestID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, id := range []string{"", "a b", strings.Repeat("x", 101), "\u00e9"} {
		got := b.call(t, "", "GET", "/healthz", "", "X-Request-Id", id).header.Get("X-Request-Id")
		if got == id || len(got) < 20 {
			t.Errorf("%q became %q", id, got)
		}
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.panics = true
	got := b.call(t, "producer", "POST", "/v1/events", goodEvent)
	problem := got.problem(t)
	if got.status != 500 || problem.Code != postback.CodeInternal || strings.Contains(got.body, "broke") || strings.Contains(got.body, "goroutine") {
		t.Errorf("got %d %s", got.status, got.body)
	}
	b.mu.Lock()
	b.panics = false
	b.mu.Unlock()
	if again := b.call(t, "producer", "POST", "/v1/events", goodEvent); again.status != 202 {
		t.Errorf("afterwards: %d", again.status)
	}
	b.stop()
	if text := b.logs.String(); !strings.Contains(text, "the intake broke") || !strings.Contains(text, "fakes_test.go") {
		t.Errorf("the log does not say where: %s", text)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	f := newFakes()
	options := optionsOf(f, &lockedBuffer{})
	options.Tracer = provider.Tracer("test")
	handler, err := api.New(options)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest("POST", "/v1/events", strings.NewReader(goodEvent))
	request.Header.Set("Traceparent", traceParent)
	request.Header.Set("Authorization", "Bearer "+keyPrefix+"producer")
	handler.ServeHTTP(httptest.NewRecorder(), request)
	f.down = errors.New("refused")
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/readyz", nil))
	ended := spans.Ended()
	if len(ended) != 2 {
		t.Fatalf("%d spans", len(ended))
	}
	if ended[0].Name() != "POST /v1/events" || ended[0].Parent().TraceID().String() != traceID || f.trace != traceID {
		t.Errorf("span %s of %s", ended[0].Name(), ended[0].Parent().TraceID())
	}
	if ended[1].Name() != "GET /readyz" || ended[1].Status().Code.String() != "Error" {
		t.Errorf("span %s: %v", ended[1].Name(), ended[1].Status())
	}
}

func TestOptionsAreRequired(t *testing.T) {
	t.Parallel()
	_, err := api.New(api.Options{})
	if err == nil || !strings.Contains(err.Error(), "Intake") || !strings.Contains(err.Error(), "Logger") || !strings.Contains(err.Error(), "Ready") {
		t.Errorf("got %v", err)
	}
}
