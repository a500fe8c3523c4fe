package e2e_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
)

// One event, followed from the producer's trace to the attempt: accepted in the
// producer's trace, enqueued in it, processed in a trace of its own that links
// to it, attempted there. The publisher sees nothing of it, and no span holds a
// secret or a query.
func TestTraceFromProducerToAttempt(t *testing.T) {
	t.Parallel()
	const producerTrace, producerSpan = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	spans := newCollector(t)
	r := newReceiver(t, "bitlabs")
	var headers sync.Map
	verify := r.Config.Handler
	r.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		headers.Store("seen", request.Header.Clone())
		verify.ServeHTTP(w, request)
	})
	s := startWith(t, t.TempDir(), []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + spans.URL, "OTEL_BSP_SCHEDULE_DELAY=50"})
	register(t, s, r)
	secret := r.secrets[0]

	traced, err := client.New(s.url, s.key, client.WithHTTPClient(&http.Client{Transport: tracing{
		"traceparent", "00-" + producerTrace + "-" + producerSpan + "-01",
	}}))
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := traced.SendEvent(t.Context(), event("t1"))
	if err != nil {
		t.Fatal(err)
	}
	r.waitFor(t, 1, 30*time.Second)
	eventually(t, 30*time.Second, "all spans", func() bool {
		return len(spans.named("accept events")) > 0 && len(spans.named("enqueue delivery")) > 0 &&
			len(spans.named("process delivery")) > 0 && len(spans.named("attempt")) > 0
	})

	accept, enqueue := spans.named("accept events")[0], spans.named("enqueue delivery")[0]
	process, attempt := spans.named("process delivery")[0], spans.named("attempt")[0]
	if hexID(accept.GetTraceId()) != producerTrace {
		t.Errorf("the event was accepted in trace %s, want the producer's %s", hexID(accept.GetTraceId()), producerTrace)
	}
	if hexID(enqueue.GetTraceId()) != producerTrace || hexID(enqueue.GetParentSpanId()) != hexID(accept.GetSpanId()) {
		t.Error("the delivery was not enqueued within the acceptance")
	}
	if len(process.GetParentSpanId()) != 0 || hexID(process.GetTraceId()) == producerTrace {
		t.Error("the processing is not a trace of its own")
	}
	if links := process.GetLinks(); len(links) != 1 || hexID(links[0].GetSpanId()) != hexID(enqueue.GetSpanId()) {
		t.Error("the processing does not link to the enqueueing")
	}
	if hexID(attempt.GetParentSpanId()) != hexID(process.GetSpanId()) {
		t.Error("the attempt is not within the processing")
	}

	traceID := hexID(attempt.GetTraceId())
	eventually(t, 10*time.Second, "the attempt with its trace", func() bool {
		shown, err := s.GetDelivery(t.Context(), accepted.Deliveries[0].ID)
		return err == nil && len(shown.Attempts) == 1 && shown.Attempts[0].TraceID == traceID
	})
	if !strings.Contains(s.log.String(), "trace_id="+traceID) {
		t.Error("the attempt's log line lacks its trace id")
	}
	seen, _ := headers.Load("seen")
	received, ok := seen.(http.Header)
	if !ok {
		t.Fatal("the publisher's headers were not kept")
	}
	for name := range received {
		if name == "Traceparent" || name == "Tracestate" || name == "Baggage" {
			t.Errorf("the publisher got the header %s", name)
		}
	}
	for _, forbidden := range []string{secret, s.key, "hash=", "user 1"} {
		if strings.Contains(spans.everything(), forbidden) {
			t.Errorf("the spans hold %q", forbidden)
		}
	}
}

// tracing adds a header to each request.
type tracing struct{ name, value string }

func (h tracing) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set(h.name, h.value)
	return http.DefaultTransport.RoundTrip(request)
}
