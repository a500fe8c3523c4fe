// Package telemetry sets up traces and metrics from the standard OTEL_*
// environment variables.
//
// It guarantees that nothing leaves this host unless such a variable asks for
// it, that spans carry no URL query, no body and no secret (they are made by
// hand where the work is done), and that a collector that is slow, silent or
// away costs spans and nothing else: no memory beyond the queue of spans, no
// wait of who makes them, no failed exit.
package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name of Waybill's instrumentation.
const scope = "github.com/waybillhq/waybill"

// Telemetry holds the providers of a process.
type Telemetry struct {
	traces  *sdktrace.TracerProvider
	outlet  *outlet // nil when nothing is exported
	metrics *sdkmetric.MeterProvider
	handler http.Handler
}

// New sets telemetry up. Spans are exported over OTLP/HTTP when
// OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set;
// otherwise they only give attempts and log lines their trace ids.
func New(ctx context.Context, version string, log *slog.Logger) (*Telemetry, error) {
	described, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "waybill"), attribute.String("service.version", version)),
		resource.WithFromEnv(), // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win
		resource.WithTelemetrySDK(),
	)
	if err != nil {
		return nil, fmt.Errorf("describe this process: %w", err)
	}
	outlet, err := newOutlet(ctx, log)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := promexporter.New(promexporter.WithRegisterer(registry))
	if err != nil {
		return nil, fmt.Errorf("make metrics exporter: %w", err)
	}
	return &Telemetry{
		traces:  newTraces(outlet, described),
		outlet:  outlet,
		metrics: sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithResource(described)),
		handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	}, nil
}

// newOutlet makes what exports spans, nil when none are to be exported.
func newOutlet(ctx context.Context, log *slog.Logger) (*outlet, error) {
	if !exports() {
		return nil, nil //nolint:nilnil // no outlet is no failure
	}
	if protocol := protocol(); protocol != "" && protocol != "http/protobuf" {
		return nil, fmt.Errorf("traces are exported as http/protobuf only; OTEL_EXPORTER_OTLP_PROTOCOL asks for %q", protocol)
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("make trace exporter: %w", err)
	}
	return &outlet{SpanExporter: exporter, log: log}, nil
}

func newTraces(outlet *outlet, described *resource.Resource) *sdktrace.TracerProvider {
	if outlet == nil {
		return sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()), sdktrace.WithResource(described))
	}
	return sdktrace.NewTracerProvider(sdktrace.WithBatcher(outlet), sdktrace.WithResource(described))
}

func exports() bool {
	if os.Getenv("OTEL_SDK_DISABLED") == "true" || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

func protocol() string {
	if specific := os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"); specific != "" {
		return specific
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
}

// Tracer makes Waybill's spans.
func (t *Telemetry) Tracer() trace.Tracer { return t.traces.Tracer(scope) }

// Meter makes Waybill's metrics.
func (t *Telemetry) Meter() metric.Meter { return t.metrics.Meter(scope) }

// Handler answers a scrape of the metrics in the Prometheus format.
func (t *Telemetry) Handler() http.Handler { return t.handler }

// Close exports what is left, for as long as ctx allows and unless exporting
// fails anyway. What is lost is logged; it is no error.
func (t *Telemetry) Close(ctx context.Context) error {
	inTime := func() bool { return true }
	if t.outlet != nil {
		t.outlet.abortIfFailing()
		inTime = context.AfterFunc(ctx, t.outlet.abort)
	}
	defer func() {
		if !inTime() {
			t.outlet.log.WarnContext(ctx, "last spans lost: the collector does not answer")
		}
	}()
	patient := context.WithoutCancel(ctx) // AfterFunc ends it.
	if err := t.traces.Shutdown(patient); err != nil {
		return fmt.Errorf("end traces: %w", err)
	}
	if err := t.metrics.Shutdown(patient); err != nil {
		return fmt.Errorf("end metrics: %w", err)
	}
	return nil
}
