package traffic_test

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/internal/traffic"
	"github.com/waybillhq/waybill/postback"
)

// backlog counts how often it is asked.
type backlog struct {
	mu    sync.Mutex
	asked int
	takes time.Duration
	hangs bool
}

func (b *backlog) WaitingAll(ctx context.Context) (postback.Waiting, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	takes := b.takes
	if b.hangs {
		takes = time.Hour
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return postback.Waiting{}, ctx.Err()
	}
	return postback.Waiting{Pending: b.asked, Retrying: 2, Parked: map[postback.Reason]int{postback.ReasonPaused: 3}}, nil
}

// scrape is what a metric of one value for each state and reason says.
func scrape(t *testing.T, reader metric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	values := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, one := range scope.Metrics {
			gauge, ok := one.Data.(metricdata.Gauge[int64])
			if !ok || one.Name != "waybill.deliveries.waiting" {
				t.Fatalf("%s is %T", one.Name, one.Data)
			}
			for _, point := range gauge.DataPoints {
				state, _ := point.Attributes.Value("state")
				reason, _ := point.Attributes.Value("reason")
				values[strings.TrimSpace(state.AsString()+" "+reason.AsString())] = point.Value
			}
		}
	}
	return values
}

func TestGauge(t *testing.T) {
	t.Parallel()
	logger, logs := testkit.NewLogger()
	synctest.Test(t, func(t *testing.T) {
		over, reader := &backlog{}, metric.NewManualReader()
		if err := traffic.Gauge(metric.NewMeterProvider(metric.WithReader(reader)).Meter("test"), over, logger); err != nil {
			t.Fatal(err)
		}
		want := map[string]int64{
			"pending": 1, "retrying": 2, "parked paused": 3,
			"parked disabled": 0, "parked circuit_open": 0, "parked over_limit": 0, "parked ordered": 0,
		}
		for range 9 {
			if got := scrape(t, reader); !maps.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			pass(time.Second)
		}
		pass(time.Second)
		over.takes = time.Second
		if got := scrape(t, reader); got["pending"] != 2 {
			t.Errorf("after ten seconds it says %v", got)
		}
		pass(99 * time.Second)
		if got := scrape(t, reader); got["pending"] != 2 {
			t.Errorf("a count that took a second is taken again after 99: %v", got)
		}
		pass(time.Second)
		over.hangs = true
		for range 2 {
			before := time.Now()
			if got := scrape(t, reader); len(got) != 0 || time.Since(before) > 6*time.Second {
				t.Errorf("a ledger that hangs reports %v, after %s", got, time.Since(before))
			}
			pass(10 * time.Minute)
		}
		over.hangs = false
		if got := scrape(t, reader); got["pending"] != 5 {
			t.Errorf("afterwards it says %v", got)
		}
	})
	failing, recovered := logs.With("background job failing, will retry"), logs.With("background job recovered")
	if len(failing) != 1 || len(recovered) != 1 || recovered[0]["job"] != "count waiting deliveries" {
		t.Errorf("the log says\n%s", logs)
	}
}
