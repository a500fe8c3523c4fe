package app

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// partPatience bounds how long one part may take to answer.
const partPatience = 2 * time.Second

// part is something outside of this process that it works with.
type part struct {
	name   string // as the metric labels it
	needed bool   // for this process to be ready
	check  func(context.Context) error
}

// parts are all of them. An API that lost Redis or the egress address still
// accepts events; a worker without one of them has nothing to do.
type parts []part

func (s *server) parts() parts {
	redis := func(ctx context.Context) error {
		_, err := s.queue.Epoch(ctx)
		return err //nolint:wrapcheck // it says what it was doing
	}
	return partsOf(s.roles, s.ledger.Ping, redis, s.egress.Available)
}

func partsOf(roles Roles, ledger, redis, egress func(context.Context) error) parts {
	return parts{{"ledger", true, ledger}, {"redis", !roles.API, redis}, {"egress", !roles.API, egress}}
}

// ready says what keeps work from this process, if anything does.
func (p parts) ready(ctx context.Context) error {
	for _, one := range p {
		if !one.needed {
			continue
		}
		if err := one.check(ctx); err != nil {
			return fmt.Errorf("check %s: %w", one.name, err)
		}
	}
	return nil
}

// measure makes the metric that says which parts work.
func (p parts) measure(meter metric.Meter) error {
	_, err := meter.Int64ObservableGauge("waybill.up",
		metric.WithDescription("Whether this process reaches what it works with: 1 or 0, by part. egress: every source address is on this host."),
		metric.WithInt64Callback(func(ctx context.Context, observer metric.Int64Observer) error {
			for _, one := range p {
				observer.Observe(one.up(ctx), metric.WithAttributes(attribute.String("part", one.name)))
			}
			return nil
		}))
	if err != nil {
		return fmt.Errorf("make metric: %w", err)
	}
	return nil
}

// up is 1 or 0.
func (p part) up(ctx context.Context) int64 {
	ctx, cancel := context.WithTimeout(ctx, partPatience)
	defer cancel()
	if p.check(ctx) != nil {
		return 0
	}
	return 1
}

func (s *server) buildParts(context.Context) error { return s.parts().measure(s.telemetry.Meter()) }
