package bench_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/bench"
	"github.com/waybillhq/waybill/internal/testkit"
)

// small is a run of 200 events against an engine of its own.
func small(t *testing.T) bench.Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	options := bench.Defaults()
	options.Program = []string{self, "serve"}
	options.Events, options.Endpoints, options.Concurrency, options.Verify = 200, 3, 8, true
	return options
}

func TestRunDeliversAndCountsEveryEvent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		scheme string
		batch  int
	}{{"besitos", 1}, {"bitlabs", 30}, {"simpleswap", 200}}
	for _, tt := range tests {
		t.Run(tt.scheme, func(t *testing.T) {
			t.Parallel()
			options := small(t)
			options.Scheme, options.Batch = tt.scheme, tt.batch
			report, err := bench.Run(t.Context(), options)
			if err != nil {
				t.Fatal(err)
			}
			checkWhole(t, report)
		})
	}
}

// checkWhole checks a report of 200 events that all arrived.
func checkWhole(t *testing.T, report bench.Report) {
	t.Helper()
	events, deliveries := report.Events, report.Deliveries
	if events.Accepted != 200 || deliveries.Received != 200 || deliveries.Missing != 0 || deliveries.Forged != 0 || deliveries.Strangers != 0 {
		t.Errorf("events %+v, deliveries %+v", events, deliveries)
	}
	if events.PerSecond <= 0 || deliveries.PerSecond <= 0 || events.Connections < 1 || deliveries.Connections < 1 {
		t.Errorf("events %+v, deliveries %+v", events, deliveries)
	}
	for _, latency := range []bench.Latency{events.Latency, deliveries.FromAnswer, deliveries.FromRequest} {
		if latency.P50 > latency.P90 || latency.P90 > latency.P99 || latency.P99 > latency.Max || latency.Max <= 0 {
			t.Errorf("quantiles out of order: %+v", latency)
		}
	}
	if deliveries.FromRequest.Max < deliveries.FromAnswer.Max {
		t.Errorf("from the request %+v, but from the later answer %+v", deliveries.FromRequest, deliveries.FromAnswer)
	}
	if engine := report.Engine; engine == nil || engine.CPUPerDelivery <= 0 || engine.MemoryRest <= 0 || engine.MemoryPeak < engine.MemoryRest || (engine.LedgerBytes <= 0) == (report.PostgreSQL == nil) {
		t.Errorf("engine: %+v", engine)
	}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil || !strings.Contains(text.String(), "200 in ") {
		t.Errorf("%v:\n%s", err, text.String())
	}
	if _, err := json.Marshal(report); err != nil {
		t.Error(err)
	}
}

func TestRunOverRedisLeavesItEmpty(t *testing.T) {
	t.Parallel()
	redis := testkit.StartRedis(t)
	options := small(t)
	options.Redis = redis.URL()
	report, err := bench.Run(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	checkWhole(t, report)
	if report.Redis == nil || report.Redis.Version == "" || report.Redis.MemoryRest <= 0 {
		t.Errorf("Redis: %+v", report.Redis)
	}
	direct := redis.Client()
	if keys, err := direct.Keys(t.Context(), "*").Result(); err != nil || len(keys) > 0 {
		t.Errorf("left in Redis: %v, %v", keys, err)
	}
	if err := direct.Set(t.Context(), "mine", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := bench.Run(t.Context(), options); err == nil || !strings.Contains(err.Error(), "holds 1 keys") {
		t.Errorf("a Redis in use: %v", err)
	}
}

func TestRunShowsWhatWaitingCosts(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprintf("receiver down %t", down), func(t *testing.T) {
			t.Parallel()
			options := small(t)
			options.Waiting, options.ReceiverDown, options.Batch = true, down, 50
			report, err := bench.Run(t.Context(), options)
			if err != nil {
				t.Fatal(err)
			}
			if waiting := report.Waiting; waiting == nil || waiting.Deliveries != 200 || waiting.LedgerGrowth <= 0 {
				t.Errorf("waiting %+v", waiting)
			}
			// Those to an endpoint that is down are tried until it is left alone.
			if tried := report.Deliveries.Received; down != (tried > 0) {
				t.Errorf("%d were tried", tried)
			}
		})
	}
}

func TestRunSaysWhyTheEngineDoesNotStart(t *testing.T) {
	t.Parallel()
	options := small(t)
	options.Settings = []string{"--stored-body", "many"}
	if _, err := bench.Run(t.Context(), options); err == nil || !strings.Contains(err.Error(), "--stored-body") {
		t.Errorf("got %v", err)
	}
}

// deaf is an API that takes events and delivers none.
type deaf struct {
	*httptest.Server

	mu        sync.Mutex
	endpoints map[string]bool
	made      int
	onEvent   func()
}

func newDeaf(t *testing.T) *deaf {
	t.Helper()
	d := &deaf{endpoints: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/endpoints", d.create)
	mux.HandleFunc("DELETE /v1/endpoints/{id}", d.remove)
	mux.HandleFunc("POST /v1/events", d.accept)
	d.Server = httptest.NewServer(mux)
	t.Cleanup(d.Close)
	return d
}

func (d *deaf) create(w http.ResponseWriter, _ *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.made++
	id := fmt.Sprintf("ep_%d", d.made)
	d.endpoints[id] = true
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"id":%q,"secret":"s"}`, id)
}

func (d *deaf) remove(w http.ResponseWriter, request *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.endpoints, request.PathValue("id"))
	w.WriteHeader(http.StatusNoContent)
}

func (d *deaf) accept(w http.ResponseWriter, _ *http.Request) {
	if d.onEvent != nil {
		d.onEvent()
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprint(w, `{"id":"e","deliveries":[{"id":"d","endpoint_id":"ep_1","state":"pending"}]}`)
}

func (d *deaf) left() (made, left int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.made, len(d.endpoints)
}

func TestRunCountsWhatIsMissing(t *testing.T) {
	t.Parallel()
	api := newDeaf(t)
	options := bench.Defaults()
	options.Server, options.Key, options.PID = api.URL, "key", os.Getpid()
	options.Events, options.Endpoints, options.Patience = 20, 3, 50*time.Millisecond
	report, err := bench.Run(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if report.Events.Accepted != 20 || report.Deliveries.Received != 0 || report.Deliveries.Missing != 20 || report.Deliveries.Seconds != 0 {
		t.Errorf("got %+v, %+v", report.Events, report.Deliveries)
	}
	if report.Engine == nil || report.Engine.MemoryRest <= 0 {
		t.Errorf("the process that was named: %+v", report.Engine)
	}
	if made, left := api.left(); made != 3 || left != 0 {
		t.Errorf("%d endpoints were made, %d are left", made, left)
	}
}

func TestRunClearsUpWhenInterrupted(t *testing.T) {
	t.Parallel()
	api := newDeaf(t)
	ctx, cancel := context.WithCancel(t.Context())
	api.onEvent = cancel
	options := bench.Defaults()
	options.Server, options.Key, options.Duration = api.URL, "key", time.Minute
	if _, err := bench.Run(ctx, options); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("got %v", err)
	}
	if made, left := api.left(); made == 0 || left != 0 {
		t.Errorf("%d endpoints were made, %d are left", made, left)
	}
}

func TestRunHoldsItsRate(t *testing.T) {
	t.Parallel()
	api := newDeaf(t)
	options := bench.Defaults()
	options.Server, options.Key = api.URL, "key"
	options.Events, options.Duration, options.Rate, options.Patience = bench.MaxEvents, time.Second, 50, time.Millisecond
	report, err := bench.Run(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	// One second at 50 a second, and one event more for the first moment.
	if accepted := report.Events.Accepted; accepted < 1 || accepted > 51 {
		t.Errorf("%d events at 50 a second for 1 s", accepted)
	}
}
