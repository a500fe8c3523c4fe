package dispatcher

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/postback"
)

const traceParentHeader = "traceparent"

// traceParent spells the context of the span in ctx as W3C does; empty when it
// is not traced.
func traceParent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[traceParentHeader]
}

// inTraceOf continues the trace in which an event was accepted.
func inTraceOf(ctx context.Context, event postback.Event) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceParentHeader: event.TraceParent})
}

// traceHeaders let the worker link to the span in ctx.
func traceHeaders(ctx context.Context) map[string]string {
	headers := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, headers)
	return headers
}

func describe(due postback.Due) trace.SpanStartEventOption {
	return trace.WithAttributes(
		attribute.String("waybill.delivery", due.Delivery.ID),
		attribute.String("waybill.endpoint", due.Delivery.EndpointID),
		attribute.Int("waybill.attempt", due.Delivery.NextAttempt()),
	)
}
