package app

import (
	"context"

	"go.opentelemetry.io/otel/metric"
)

// Parts are what a process works with.
type Parts struct{ parts }

// PartsWith are those of an API or of a worker, with other checks.
func PartsWith(api bool, checks ...func(context.Context) error) Parts {
	made := partsOf(Roles{API: api, Worker: !api}, checks[0], checks[1], checks[2])
	return Parts{made}
}

// Ready says what keeps work from the process.
func (p Parts) Ready(ctx context.Context) error { return p.ready(ctx) }

// Measure makes the metric.
func (p Parts) Measure(meter metric.Meter) error { return p.measure(meter) }

// CollectPercent is GOGC for so many bytes of live heap.
func CollectPercent(live uint64) int { return collectPercent(live) }
