package telemetry

import (
	"context"
	"log/slog"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// outlet exports spans. It logs when exporting starts to fail and when it
// works again, once each, and ends an export that is under way when told to.
type outlet struct {
	sdktrace.SpanExporter
	log *slog.Logger

	mu      sync.Mutex
	failing bool
	lost    int // spans since it failed
	aborted bool
	cancel  context.CancelFunc // of the export under way
}

// ExportSpans exports spans; those that cannot be exported are lost. The error
// is logged, not returned: what it would be returned to prints it each time.
func (o *outlet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !o.begin(cancel) {
		return nil
	}
	o.note(ctx, o.SpanExporter.ExportSpans(ctx, spans), len(spans))
	return nil
}

// begin reports whether exports are wanted still.
func (o *outlet) begin(cancel context.CancelFunc) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cancel = cancel
	return !o.aborted
}

func (o *outlet) note(ctx context.Context, err error, spans int) {
	o.mu.Lock()
	was, now := o.failing, err != nil
	o.failing = now
	o.lost += spans
	lost := o.lost
	if !now {
		o.lost = 0
	}
	o.mu.Unlock()
	switch {
	case now && !was:
		o.log.WarnContext(ctx, "span export failing; spans are lost until it recovers", slog.Any("error", err))
	case was && !now:
		o.log.InfoContext(ctx, "span export recovered", slog.Int("lost", lost-spans))
	}
}

// abort ends the export under way and lets no other begin.
func (o *outlet) abort() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.aborted = true
	if o.cancel != nil {
		o.cancel()
	}
}

// abortIfFailing is abort of an outlet whose last export failed.
func (o *outlet) abortIfFailing() {
	o.mu.Lock()
	failing := o.failing
	o.mu.Unlock()
	if failing {
		o.abort()
	}
}
