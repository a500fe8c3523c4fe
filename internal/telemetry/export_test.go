package telemetry

import (
	"log/slog"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// NewOutlet makes what exports spans over an exporter.
func NewOutlet(exporter sdktrace.SpanExporter, log *slog.Logger) sdktrace.SpanExporter {
	return &outlet{SpanExporter: exporter, log: log}
}
