package dispatcher_test

import (
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

func TestATraceLeadsFromTheProducerToTheAttempt(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.endpoint(t)
	e.work(t)
	callers := sdktrace.NewTracerProvider().Tracer("producer")
	ctx, caller := callers.Start(t.Context(), "caller")
	defer caller.End()
	if _, err := e.producer(t).Produce(ctx, dispatcher.Produced{ID: "tx-1", Type: "conversion.completed", Publisher: "pub_1", Data: raw(`{"a":1}`)}); err != nil {
		t.Fatal(err)
	}
	e.expectAll(t, postback.Succeeded, 1)
	accept := e.span(t, "accept events")
	enqueue, process, attempt := e.span(t, "enqueue delivery"), e.span(t, "process delivery"), e.span(t, "attempt")
	expectParent(t, accept, caller.SpanContext())
	expectParent(t, enqueue, accept.SpanContext())
	expectParent(t, attempt, process.SpanContext())
	if process.Parent().IsValid() || process.SpanContext().TraceID() == caller.SpanContext().TraceID() {
		t.Errorf("the work on the task has the parent %v", process.Parent())
	}
	if links := process.Links(); len(links) != 1 || links[0].SpanContext.SpanID() != enqueue.SpanContext().SpanID() ||
		links[0].SpanContext.TraceID() != enqueue.SpanContext().TraceID() {
		t.Errorf("the work on the task links to %v, want %v", links, enqueue.SpanContext())
	}
	if enqueue.SpanKind() != trace.SpanKindProducer || process.SpanKind() != trace.SpanKindConsumer {
		t.Errorf("got the kinds %v and %v", enqueue.SpanKind(), process.SpanKind())
	}
	for _, request := range e.receiver.Requests() {
		if request.Header.Get("Traceparent") != "" {
			t.Error("the publisher got the trace")
		}
	}
}

func TestATaskMadeFromTheLedgerStillBelongsToItsTrace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	ctx, caller := sdktrace.NewTracerProvider().Tracer("api").Start(t.Context(), "request")
	defer caller.End()
	if _, err := b.Accept(ctx, []postback.Event{event(t, "tx-1")}); err != nil {
		t.Fatal(err)
	}
	b.swept(t)
	var accept, enqueue sdktrace.ReadOnlySpan
	for _, span := range b.spans.Ended() {
		switch span.Name() {
		case "accept events":
			accept = span
		case "enqueue delivery":
			enqueue = span
		}
	}
	expectParent(t, accept, caller.SpanContext())
	expectParent(t, enqueue, accept.SpanContext())
	if header := b.queue.all()[0].Headers["traceparent"]; !strings.Contains(header, enqueue.SpanContext().SpanID().String()) {
		t.Errorf("the task has the header %q", header)
	}
}

func expectParent(t *testing.T, span sdktrace.ReadOnlySpan, want trace.SpanContext) {
	t.Helper()
	if span.Parent().SpanID() != want.SpanID() || span.SpanContext().TraceID() != want.TraceID() {
		t.Errorf("%s: its parent is %v of trace %v, want %v of %v",
			span.Name(), span.Parent().SpanID(), span.SpanContext().TraceID(), want.SpanID(), want.TraceID())
	}
}

// span is the only span of that name.
func (e *engine) span(t *testing.T, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	var found []sdktrace.ReadOnlySpan
	testkit.Eventually(t, "the span "+name+" has ended", func() bool {
		found = nil
		for _, span := range e.spans.Ended() {
			if span.Name() == name {
				found = append(found, span)
			}
		}
		return len(found) > 0
	})
	if len(found) != 1 {
		t.Fatalf("%d spans are named %q", len(found), name)
	}
	return found[0]
}
