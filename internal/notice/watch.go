package notice

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/waybillhq/waybill/postback"
)

// circuitOpen stands beside the states of endpoints: it is enabled, and left
// alone.
const circuitOpen = "circuit_open"

// measure makes the instruments. Labels have few values: no endpoint, no
// publisher.
func (n *Notifier) measure() (err error) {
	if n.alerts, err = n.Meter.Int64Counter("waybill.alerts",
		metric.WithDescription("Alerts sent to operators, by type of event; each by one process.")); err != nil {
		return fmt.Errorf("make metric: %w", err)
	}
	_, err = n.Meter.Int64ObservableGauge("waybill.endpoints",
		metric.WithDescription("Endpoints by state, as this process sees them; circuit_open: enabled, and left alone because they keep failing."),
		metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
			for state, count := range n.count() {
				observer.Observe(count, metric.WithAttributes(attribute.String("state", state)))
			}
			return nil
		}))
	if err != nil {
		return fmt.Errorf("make metric: %w", err)
	}
	return nil
}

// count counts endpoints by state. States that none is in are 0, so that an
// alert on one of them is not without data.
func (n *Notifier) count() map[string]int64 {
	counts := map[string]int64{
		string(postback.EndpointEnabled): 0, circuitOpen: 0, string(postback.EndpointPaused): 0, string(postback.EndpointDisabled): 0,
	}
	for _, endpoint := range n.Endpoints.All() {
		switch {
		case endpoint.State == postback.EndpointDeleted:
		case endpoint.State == postback.EndpointEnabled && n.Circuits.Open(endpoint.ID):
			counts[circuitOpen]++
		default:
			counts[string(endpoint.State)]++
		}
	}
	return counts
}

func (n *Notifier) log(ctx context.Context, notice news) {
	if notice.Outage != nil {
		n.logOutage(ctx, notice.Notice)
		return
	}
	log := n.Logger.With(slog.String("endpoint", notice.EndpointID), slog.String("publisher", notice.about.Publisher))
	var failures []any // none before an answer that disables at once
	if notice.Count > 0 {
		failures = []any{slog.String("error", notice.LastError), slog.Int("failures", notice.Count), slog.Time("since", notice.Since)}
	}
	switch notice.Type {
	case postback.NoticeFailing:
		log.WarnContext(ctx, "endpoint failing, deliveries wait while it is probed", failures...)
	case postback.NoticeRecovered:
		log.InfoContext(ctx, "endpoint recovered",
			slog.Duration("after", notice.At.Sub(notice.Since).Round(time.Second)))
	case postback.NoticeDisabled:
		log.WarnContext(ctx, "endpoint disabled, deliveries wait until it is enabled",
			append(failures, slog.String("reason", notice.Reason))...)
	case postback.NoticeDead:
		log.WarnContext(ctx, "deliveries became dead letters",
			slog.Int("count", notice.Count), slog.Any("reasons", notice.Dead.Reasons), slog.Time("first", notice.Since), slog.Time("last", notice.At))
	}
}

func (n *Notifier) logOutage(ctx context.Context, notice postback.Notice) {
	log := n.Logger.With(slog.String("process", notice.Outage.Process), slog.String("reason", notice.Outage.Reason))
	held := []any{slog.Int("held_deliveries", notice.Outage.Deliveries), slog.Int("held_endpoints", notice.Outage.Endpoints)}
	switch notice.Type {
	case postback.NoticeDown:
		log.ErrorContext(ctx, "egress outage, deliveries wait and use up no attempt",
			append(held, slog.Time("since", notice.Since), slog.String("detail", notice.Outage.Message))...)
	case postback.NoticeUp:
		log.InfoContext(ctx, "egress recovered", append(held, slog.Duration("after", notice.At.Sub(notice.Since).Round(time.Second)))...)
	}
}
