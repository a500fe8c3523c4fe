package worker

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/waybillhq/waybill/postback"
)

// metrics count attempts and ended deliveries. Labels have few values: no
// endpoint, no publisher.
type metrics struct {
	attempts metric.Int64Counter
	duration metric.Float64Histogram
	ended    metric.Int64Counter
}

func newMetrics(meter metric.Meter) (metrics, error) {
	var m metrics
	var err error
	if m.attempts, err = meter.Int64Counter("waybill.attempts", metric.WithDescription("Attempts made, by scheme, outcome and error.")); err != nil {
		return m, fmt.Errorf("make metric: %w", err)
	}
	if m.duration, err = meter.Float64Histogram("waybill.attempt.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from signing to the answer's last byte."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30, 60)); err != nil {
		return m, fmt.Errorf("make metric: %w", err)
	}
	if m.ended, err = meter.Int64Counter("waybill.deliveries.ended", metric.WithDescription("Deliveries that ended, by state and reason.")); err != nil {
		return m, fmt.Errorf("make metric: %w", err)
	}
	return m, nil
}

func (m metrics) attempted(ctx context.Context, scheme string, attempt postback.Attempt) {
	labels := metric.WithAttributes(
		attribute.String("scheme", scheme),
		attribute.String("outcome", string(attempt.Outcome)),
		attribute.String("error", errorCode(attempt)),
	)
	m.attempts.Add(ctx, 1, labels)
	m.duration.Record(ctx, attempt.Duration.Seconds(), labels)
}

func (m metrics) moved(ctx context.Context, move postback.Transition) {
	if move.To.Ended() {
		m.ended.Add(ctx, 1, metric.WithAttributes(
			attribute.String("state", string(move.To)), attribute.String("reason", string(move.Reason))))
	}
}
