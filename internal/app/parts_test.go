package app_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/waybillhq/waybill/internal/app"
)

// A worker whose egress address is gone is not ready, and says so in a metric; an
// API accepts events all the same.
func TestAPartThatIsGone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		gone          string
		api, worker   bool // ready
		ledger, redis int64
		egress        int64
	}{
		{"", true, true, 1, 1, 1},
		{"ledger", false, false, 0, 1, 1},
		{"redis", true, false, 1, 0, 1},
		{"egress", true, false, 1, 1, 0},
	} {
		check := func(name string) func(context.Context) error {
			return func(context.Context) error {
				if name == c.gone {
					return errors.New("it is gone")
				}
				return nil
			}
		}
		for api, want := range map[bool]bool{true: c.api, false: c.worker} {
			parts := app.PartsWith(api, check("ledger"), check("redis"), check("egress"))
			err := parts.Ready(t.Context())
			if (err == nil) != want || err != nil && !strings.Contains(err.Error(), c.gone) {
				t.Errorf("without %q, API %t: ready is %v", c.gone, api, err)
			}
			if got, wanted := up(t, parts), [3]int64{c.ledger, c.redis, c.egress}; got != wanted {
				t.Errorf("without %q: ledger, redis and egress are %v, want %v", c.gone, got, wanted)
			}
		}
	}
}

func up(t *testing.T, parts app.Parts) [3]int64 {
	t.Helper()
	reader := metric.NewManualReader()
	if err := parts.Measure(metric.NewMeterProvider(metric.WithReader(reader)).Meter("test")); err != nil {
		t.Fatal(err)
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := [3]int64{-1, -1, -1}
	gauge, ok := all.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[int64])
	if !ok {
		t.Fatalf("waybill.up is %T", all.ScopeMetrics[0].Metrics[0].Data)
	}
	for _, point := range gauge.DataPoints {
		part, _ := point.Attributes.Value("part")
		for i, name := range []string{"ledger", "redis", "egress"} {
			if part.AsString() == name {
				got[i] = point.Value
			}
		}
	}
	return got
}
