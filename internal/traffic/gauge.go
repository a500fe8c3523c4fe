package traffic

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/waybillhq/waybill/internal/loop"
	"github.com/waybillhq/waybill/postback"
)

const (
	// youngest and oldest bound how long a count of all that waits is reported again.
	// In between it is pauses times as long as counting took: a million that wait
	// take some tenths of a second, and nobody knows how often is scraped.
	youngest = 10 * time.Second
	oldest   = 10 * time.Minute
	// countPatience bounds a count: who scrapes does not wait for long.
	countPatience = 5 * time.Second
)

// Backlog counts all that waits.
type Backlog interface {
	WaitingAll(ctx context.Context) (postback.Waiting, error)
}

// gauge tells who scrapes how much waits.
type gauge struct {
	ledger Backlog
	logger *slog.Logger

	mu     sync.Mutex
	known  *postback.Waiting // nil when it could not be counted
	until  time.Time         // then it is counted anew
	outage loop.Outage
}

// Gauge makes a metric of what waits in the whole ledger: every process reports
// the same. When that cannot be counted, nothing is reported, and the outage is logged.
func Gauge(meter metric.Meter, ledger Backlog, logger *slog.Logger) error {
	waiting, err := meter.Int64ObservableGauge("waybill.deliveries.waiting",
		metric.WithDescription("Deliveries in the whole ledger that have not ended, by state, and of parked ones by reason."))
	if err != nil {
		return fmt.Errorf("make metric: %w", err)
	}
	g := &gauge{ledger: ledger, logger: logger}
	_, err = meter.RegisterCallback(func(ctx context.Context, observer metric.Observer) error {
		if counted := g.count(ctx); counted != nil {
			observe(observer, waiting, *counted)
		}
		return nil
	}, waiting)
	if err != nil {
		return fmt.Errorf("make metric: %w", err)
	}
	return nil
}

func observe(observer metric.Observer, gauge metric.Int64Observable, waiting postback.Waiting) {
	observe := func(count int, state postback.State, reason postback.Reason) {
		observer.ObserveInt64(gauge, int64(count), metric.WithAttributes(
			attribute.String("state", string(state)), attribute.String("reason", string(reason))))
	}
	observe(waiting.Pending, postback.Pending, "")
	observe(waiting.Retrying, postback.Retrying, "")
	for _, reason := range postback.ParkedReasons() {
		observe(waiting.Parked[reason], postback.Parked, reason)
	}
}

// count is what waits, as it was counted last if that is not long ago; nil when
// it could not be.
func (g *gauge) count(ctx context.Context) *postback.Waiting {
	g.mu.Lock()
	defer g.mu.Unlock()
	began := time.Now()
	if began.Before(g.until) {
		return g.known
	}
	ctx, cancel := context.WithTimeout(ctx, countPatience)
	defer cancel()
	counted, err := g.ledger.WaitingAll(ctx)
	ended := time.Now()
	g.until = ended.Add(min(max(pauses*ended.Sub(began), youngest), oldest))
	g.known = &counted
	if err != nil {
		g.known = nil
	}
	g.outage.Note(ctx, g.logger, "count waiting deliveries", err)
	return g.known
}
