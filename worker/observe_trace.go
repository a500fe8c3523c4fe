package worker

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// tracing makes the spans of the work on a task.
type tracing struct{ tracer trace.Tracer }

// start begins a trace of its own for the work on a task, linked to the one in
// which the task was made: a retry days later belongs to no request.
func (t tracing) start(ctx context.Context, one task.Attempt) (context.Context, trace.Span) {
	origin := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier(one.Headers)))
	return t.tracer.Start(ctx, "process delivery", //nolint:spancheck // Deliver ends it
		trace.WithNewRoot(),
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithLinks(trace.Link{SpanContext: origin}),
		trace.WithAttributes(
			attribute.String("waybill.delivery", one.Ref.DeliveryID),
			attribute.String("waybill.endpoint", one.EndpointID),
			attribute.Int("waybill.attempt", one.Ref.Attempt),
		))
}

// attempt begins the span of an attempt.
func (t tracing) attempt(ctx context.Context) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, "attempt", trace.WithSpanKind(trace.SpanKindClient)) //nolint:spancheck // exchange ends it
}

// describe says in its span what came of an attempt.
func describe(span trace.Span, attempt postback.Attempt) {
	span.SetAttributes(
		attribute.String("http.request.method", attempt.Request.Method),
		attribute.Int("http.response.status_code", attempt.StatusCode),
		attribute.String("waybill.trigger", string(attempt.Trigger)),
		attribute.String("waybill.outcome", string(attempt.Outcome)),
	)
	if attempt.Error != nil {
		span.SetStatus(codes.Error, attempt.Error.Code)
	}
}
