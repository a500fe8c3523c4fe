package dispatcher

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/waybillhq/waybill/postback"
)

// Outcomes of events that came in.
const (
	outcomeAccepted  = "accepted"
	outcomeDuplicate = "duplicate"
	outcomeRefused   = "refused"
	outcomeUnmatched = "unmatched"
)

// eventCounter counts events by their outcome. Alerts, and what the ledger failed to
// take, are not counted.
type eventCounter struct{ counter metric.Int64Counter }

func newEventCounter(meter metric.Meter) (eventCounter, error) {
	counter, err := meter.Int64Counter("waybill.events",
		metric.WithDescription("Events that came in, by outcome: accepted, duplicate, refused, or unmatched, which are accepted and wanted by no endpoint."))
	if err != nil {
		return eventCounter{}, fmt.Errorf("make counter of events: %w", err)
	}
	made := eventCounter{counter}
	for _, outcome := range []string{outcomeAccepted, outcomeDuplicate, outcomeRefused, outcomeUnmatched} {
		made.counter.Add(context.Background(), 0, metric.WithAttributes(attribute.String("outcome", outcome)))
	}
	return made, nil
}

func (c eventCounter) count(ctx context.Context, answers []postback.Acceptance) {
	for _, answer := range answers {
		_, lost := errors.AsType[unrecorded](answer.Err)
		switch {
		case lost:
		case answer.Event.Publisher == postback.Operator:
		case postback.CodeOf(answer.Err) == postback.CodeUnavailable: // it is sent again
		case answer.Err != nil:
			c.add(ctx, outcomeRefused)
		case answer.Duplicate:
			c.add(ctx, outcomeDuplicate)
		case len(answer.Deliveries) == 0:
			c.add(ctx, outcomeUnmatched)
		default:
			c.add(ctx, outcomeAccepted)
		}
	}
}

func (c eventCounter) add(ctx context.Context, outcome string) {
	c.counter.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}
