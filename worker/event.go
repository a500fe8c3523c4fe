package worker

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/propagation"
)

// Acceptor accepts events that producers put into the queue.
type Acceptor interface {
	AcceptQueued(ctx context.Context, payload []byte) error
}

// Event accepts an event that a producer put into the queue, in the producer's
// trace.
func (w *Worker) Event(ctx context.Context, _ string, payload []byte, headers map[string]string) error {
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(headers))
	if err := w.events.AcceptQueued(ctx, payload); err != nil {
		return fmt.Errorf("accept queued event: %w", err)
	}
	return nil
}
