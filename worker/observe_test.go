package worker_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

const (
	origin      = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	originTrace = "0af7651916cd43dd8448eb211c80319c"
	originSpan  = "b7ad6b7169203331"
)

func spanNamed(t *testing.T, spans []sdktrace.ReadOnlySpan, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	for _, span := range spans {
		if span.Name() == name {
			return span
		}
	}
	t.Fatalf("there is no span %q", name)
	return nil
}

func TestTheWorkOnATaskIsATraceOfItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one := fresh(b.accept(t, b.exchange(t).ID, exchangeData))
	one.Headers = map[string]string{"traceparent": origin}
	ctx, caller := sdktrace.NewTracerProvider().Tracer("caller").Start(t.Context(), "caller")
	defer caller.End()
	if err := b.worker.Deliver(ctx, one); err != nil {
		t.Fatal(err)
	}
	process, attempt := spanNamed(t, b.spans.Ended(), "process delivery"), spanNamed(t, b.spans.Ended(), "attempt")
	if process.Parent().IsValid() || process.SpanContext().TraceID() == caller.SpanContext().TraceID() {
		t.Errorf("the work has the parent %v", process.Parent())
	}
	links := process.Links()
	if len(links) != 1 || links[0].SpanContext.TraceID().String() != originTrace || links[0].SpanContext.SpanID().String() != originSpan {
		t.Errorf("the work links to %v, want %s", links, origin)
	}
	if attempt.Parent().SpanID() != process.SpanContext().SpanID() || attempt.SpanKind() != trace.SpanKindClient {
		t.Errorf("the attempt's parent is %v, its kind %v", attempt.Parent(), attempt.SpanKind())
	}
	_, attempts := b.read(t, one.Ref.DeliveryID)
	if attempts[0].TraceID != process.SpanContext().TraceID().String() {
		t.Errorf("the history has the trace %q, want %s", attempts[0].TraceID, process.SpanContext().TraceID())
	}
}

func TestAFailedAttemptMarksItsSpan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(testkit.Status(http.StatusTeapot))
	b.once(t, b.exchange(t).ID)
	span := spanNamed(t, b.spans.Ended(), "attempt")
	if span.Status().Description != "status_not_200" {
		t.Errorf("got the status %+v", span.Status())
	}
	values := map[attribute.Key]string{}
	for _, one := range span.Attributes() {
		values[one.Key] = one.Value.String()
	}
	want := map[attribute.Key]string{
		"http.request.method": "POST", "http.response.status_code": "418", "waybill.trigger": "event", "waybill.outcome": "failed",
	}
	if !reflect.DeepEqual(values, want) {
		t.Errorf("got %v, want %v", values, want)
	}
}

func TestEachAttemptIsOneLogLine(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t)
	delivery, _ := b.once(t, endpoint.ID)
	b.receiver.Answer(testkit.Status(http.StatusTeapot))
	b.once(t, endpoint.ID)
	lines := b.Logs.With("attempt")
	if len(lines) != 2 {
		t.Fatalf("got %d lines", len(lines))
	}
	want := map[string]any{
		"delivery": delivery.ID, "event": delivery.EventID, "endpoint": endpoint.ID, "publisher": "pub_1", "attempt": 1.0,
		"trigger": "event", "outcome": "succeeded", "status": 200.0, "state": "succeeded",
	}
	for name, value := range want {
		if lines[0][name] != value {
			t.Errorf("%s: got %v, want %v", name, lines[0][name], value)
		}
	}
	if lines[1]["outcome"] != "failed" || lines[1]["error"] != "status_not_200" || lines[1]["state"] != "retrying" || lines[1]["trace_id"] == "" {
		t.Errorf("got %v", lines[1])
	}
}

func TestMetricsCountAttemptsWithFewLabels(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) { s.Retry = postback.RetryPolicy{MaxAttempts: 1} })
	b.once(t, endpoint.ID)
	b.once(t, endpoint.ID)
	b.receiver.Answer(testkit.Status(http.StatusTeapot))
	b.once(t, endpoint.ID)
	var collected metricdata.ResourceMetrics
	if err := b.metrics.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	counts := map[string]map[attribute.Distinct]int64{}
	for _, one := range collected.ScopeMetrics[0].Metrics {
		sum, ok := one.Data.(metricdata.Sum[int64])
		if !ok {
			continue
		}
		counts[one.Name] = map[attribute.Distinct]int64{}
		for _, point := range sum.DataPoints {
			counts[one.Name][point.Attributes.Equivalent()] = point.Value
		}
	}
	labels := func(pairs ...string) attribute.Distinct {
		var list []attribute.KeyValue
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, attribute.String(pairs[i], pairs[i+1]))
		}
		set := attribute.NewSet(list...)
		return set.Equivalent()
	}
	want := map[string]map[attribute.Distinct]int64{
		"waybill.attempts": {
			labels("scheme", "simpleswap", "outcome", "succeeded", "error", ""):            2,
			labels("scheme", "simpleswap", "outcome", "failed", "error", "status_not_200"): 1,
		},
		"waybill.deliveries.ended": {
			labels("state", "succeeded", "reason", ""):              2,
			labels("state", "dead", "reason", "attempts_exhausted"): 1,
		},
	}
	if !reflect.DeepEqual(counts, want) {
		t.Errorf("got %v, want %v", counts, want)
	}
}

// accepting remembers what it was given.
type accepting struct {
	payload string
	span    trace.SpanContext
	err     error
}

func (a *accepting) AcceptQueued(ctx context.Context, payload []byte) error {
	a.payload, a.span = string(payload), trace.SpanContextFromContext(ctx)
	return a.err
}

func TestAQueuedEventIsAcceptedInItsProducersTrace(t *testing.T) {
	t.Parallel()
	acceptor := &accepting{}
	b := setup(t, func(o *worker.Options) { o.Events = acceptor })
	event := b.worker.Handlers().Event
	if err := event(t.Context(), "event:conversion", []byte(`{"a":1}`), map[string]string{"traceparent": origin}); err != nil {
		t.Fatal(err)
	}
	if acceptor.payload != `{"a":1}` || acceptor.span.TraceID().String() != originTrace || acceptor.span.SpanID().String() != originSpan {
		t.Errorf("got %q in %v", acceptor.payload, acceptor.span)
	}
	acceptor.err = errAway
	if err := event(t.Context(), "event:conversion", nil, nil); !errors.Is(err, errAway) {
		t.Errorf("got %v", err)
	}
}

func TestNewAsksForEveryPart(t *testing.T) {
	t.Parallel()
	var whole worker.Options
	setup(t, func(o *worker.Options) { whole = *o })
	if _, err := worker.New(whole); err != nil {
		t.Fatal(err)
	}
	optional := []string{"Now", "Decide.Alerts", "Egress"}
	asked := 0
	for _, name := range parts("", reflect.TypeFor[worker.Options]()) {
		if slices.Contains(optional, name) {
			continue // nobody alerted is a choice, and without a clock it is the system's
		}
		lacking := whole
		field := reflect.ValueOf(&lacking).Elem()
		for step := range strings.SplitSeq(name, ".") {
			field = field.FieldByName(step)
		}
		field.SetZero()
		if _, err := worker.New(lacking); err == nil {
			t.Errorf("made without %s", name)
		}
		asked++
	}
	if asked == 0 {
		t.Error("no part was taken away")
	}
}

// parts names the parts of options, those of a stage after its name.
func parts(prefix string, options reflect.Type) (names []string) {
	for field := range options.Fields() {
		name := prefix + field.Name
		switch field.Type.Kind() {
		case reflect.Struct:
			names = append(names, parts(name+".", field.Type)...)
		case reflect.Int: // none kept, or no limit, is a choice
		default:
			names = append(names, name)
		}
	}
	return names
}

func TestTheLineOfAnAttempt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   map[string]any // nil: must not be there
	}{
		"a success": {testkit.Status(http.StatusOK), map[string]any{"status": 200.0, "state": "succeeded", "error": nil, "reason": nil}},
		"a failure": {testkit.Status(http.StatusTeapot), map[string]any{"status": 418.0, "error": "status_not_200", "reason": nil}},
		"a stop":    {testkit.Status(http.StatusGone), map[string]any{"status": 410.0, "state": "parked", "reason": "disabled"}},
		"no answer": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, map[string]any{"status": nil, "reason": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.receiver.Answer(test.answer)
			endpoint := b.exchange(t)
			b.once(t, endpoint.ID)
			lines := b.Logs.With("attempt")
			if len(lines) != 1 {
				t.Fatalf("%d lines", len(lines))
			}
			expectLine(t, lines[0], test.want)
			if host, _ := lines[0]["host"].(string); host == "" || !strings.Contains(endpoint.URL, "://"+host) {
				t.Errorf("the host is %v, want that of %s", lines[0]["host"], endpoint.URL)
			}
			if took, isNumber := lines[0]["duration_ms"].(float64); !isNumber || took < 0 || took > 60_000 {
				t.Errorf("duration_ms is %v", lines[0]["duration_ms"])
			}
		})
	}
}

func expectLine(t *testing.T, line, want map[string]any) {
	t.Helper()
	for key, value := range want {
		if got, found := line[key]; got != value || value == nil && found {
			t.Errorf("%s is %v, want %v: %v", key, got, value, line)
		}
	}
}
