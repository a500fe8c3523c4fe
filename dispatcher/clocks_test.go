package dispatcher_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	nometric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/circuit"
	ledgerclock "github.com/waybillhq/waybill/internal/clock"
	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/registry"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/internal/traffic"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/worker"
)

const (
	// apart is how far the clocks of the hosts are from the ledger's, to either side.
	apart = 20 * time.Minute
	// soon is less than that, and more than a test takes.
	soon = 10 * time.Minute
)

// fleet are hosts over one PostgreSQL, which have a receiver.
type fleet struct {
	*testkit.Parts

	ledger   *postgres.Ledger
	receiver *testkit.Receiver
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	options := postgres.Options{URL: testkit.StartPostgres(t).Database(), Connections: 4, Logger: slog.New(slog.DiscardHandler)}
	if _, err := postgres.Migrate(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	ledger, err := postgres.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	return &fleet{Parts: testkit.NewParts(t), ledger: ledger, receiver: testkit.NewReceiver(t)}
}

// endless has a slot for every attempt.
type endless struct{}

func (endless) Take(context.Context, string, postback.RateLimit) (time.Duration, bool, error) {
	return 0, true, nil
}

// host is a process with a clock of its own.
type host struct {
	*dispatcher.Dispatcher

	worker    *worker.Worker
	endpoints *endpoints.Manager
	registry  *registry.Registry
	queue     *queue
}

// host starts a process on a host whose clock is ahead of the ledger's.
func (f *fleet) host(t *testing.T, ahead time.Duration) *host {
	t.Helper()
	now := f.follow(t, ahead)
	h := &host{registry: registry.New(f.ledger), queue: &queue{
		tasks: map[postback.Ref]task.Attempt{}, orphans: map[postback.Ref]bool{}, running: map[postback.Ref]bool{},
	}}
	h.endpoints = endpoints.New(endpoints.Options{
		Ledger: f.ledger, Registry: h.registry, Sealer: f.Keyring, Reach: f.Egress, Schemes: f.Schemes, Past: f.ledger, Now: now,
	})
	breaker, err := circuit.NewBreaker(circuit.Options{
		Ledger: f.ledger, Prober: f.ledger, Policy: circuit.Default(), Random: rand.Float64, Logger: f.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Dispatcher, err = dispatcher.New(dispatcher.Options{
		Accept:  dispatcher.AcceptOptions{Ledger: f.ledger, Rules: schemes.Rules{Schemes: f.Schemes}},
		Lanes:   dispatcher.LaneOptions{MaxQueued: 1000},
		Enqueue: dispatcher.EnqueueOptions{Queue: h.queue},
		Requeue: dispatcher.RequeueOptions{Ledger: f.ledger, Grace: soon},
		Release: dispatcher.ReleaseOptions{
			Ledger: f.ledger, Groups: f.ledger, Circuits: breaker, Limits: limitless{}, Holds: unheld{},
			InFlight: dispatcher.InFlightLimits{PerEndpoint: 16},
		},
		Replay:    dispatcher.ReplayOptions{Ledger: f.ledger, Jobs: f.ledger},
		Rebuild:   dispatcher.RebuildOptions{Epochs: h.queue},
		Endpoints: h.registry,
		Tracer:    noop.NewTracerProvider().Tracer(""), Logger: f.Logger, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.worker, err = worker.New(worker.Options{
		Load: f.ledger,
		Gate: worker.GateOptions{
			Endpoints: h.registry, Circuits: breaker, Holds: unheld{}, Limits: endless{},
			InFlight: worker.InFlightLimits{PerEndpoint: 16},
		},
		Sign:    worker.SignOptions{Schemes: f.Schemes, Secrets: f.Keyring},
		Send:    f.Egress,
		Decide:  worker.DecideOptions{Disabler: h.endpoints, Holder: unheld{}, Random: rand.Float64},
		Record:  worker.RecordOptions{Ledger: f.ledger},
		Observe: worker.ObserveOptions{Traffic: traffic.NewRecorder(f.ledger, now, f.Logger), Circuits: breaker, Sweeper: h.Dispatcher, Uses: f.ledger},
		Events:  h.Dispatcher, Examples: f.ledger,
		Tracer: noop.NewTracerProvider().Tracer(""), Meter: nometric.NewMeterProvider().Meter(""), Logger: f.Logger, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// follow is the clock of such a process.
func (f *fleet) follow(t *testing.T, ahead time.Duration) func() time.Time {
	t.Helper()
	read := ledgerclock.Host()
	off := func() ledgerclock.Reading {
		now := read()
		now.Wall = now.Wall.Add(ahead)
		return now
	}
	follower, err := ledgerclock.New(ledgerclock.Options{Ledger: f.ledger, Host: off, Logger: f.Logger})
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.Measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return follower.Now
}

// sweeps says how many tasks a turn of the host's sweeper makes.
func (h *host) sweeps(t *testing.T) int {
	t.Helper()
	before := len(h.queue.all())
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatalf("sweep: %v", err)
	}
	return len(h.queue.all()) - before
}

// attempt has the host make the attempt that a delivery waits for.
func (f *fleet) attempt(t *testing.T, by *host, deliveryID string) postback.Delivery {
	t.Helper()
	due, err := f.ledger.Due(t.Context(), f.read(t, deliveryID).Ref())
	if err != nil {
		t.Fatal(err)
	}
	if err := by.registry.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := by.worker.Deliver(t.Context(), task.Attempt{Ref: due.Delivery.Ref(), EndpointID: due.Delivery.EndpointID, Due: &due}); err != nil {
		t.Fatalf("deliver: %v", err)
	}
	return f.read(t, deliveryID)
}

func (f *fleet) read(t *testing.T, deliveryID string) postback.Delivery {
	t.Helper()
	delivery, _, err := f.ledger.Delivery(t.Context(), deliveryID)
	if err != nil {
		t.Fatal(err)
	}
	return delivery
}

// Guarantee: hosts whose clocks are far apart send nothing twice, no retry early
// or late, and no message is too old before its time.
func TestHostsWhoseClocksAreApart(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	slow, fast := f.host(t, -apart), f.host(t, apart)
	_, _, _, err := slow.endpoints.Create(t.Context(), postback.EndpointSpec{
		Publisher: "pub_1", Scheme: "besitos",
		EndpointSettings: postback.EndpointSettings{
			URL:   f.receiver.URL,
			Retry: postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(soon)}, MaxAge: postback.Duration(soon + time.Minute)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.receiver.Answer(testkit.Status(http.StatusServiceUnavailable))
	if err := slow.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	slow.sweeps(t) // now it hands over what it accepts
	answers, err := slow.Accept(t.Context(), []postback.Event{event(t, "tx-1")})
	if err != nil || len(answers[0].Deliveries) != 1 {
		t.Fatalf("accept: %+v, %v", answers, err)
	}
	id := answers[0].Deliveries[0].ID
	if made := fast.sweeps(t); made != 0 {
		t.Error("what another host has just queued was queued again")
	}
	failed := f.attempt(t, slow, id)
	if in := time.Until(failed.NextAttemptAt); failed.State != postback.Retrying || in > soon || in < soon-time.Minute {
		t.Fatalf("after a failure it is %s, next in %s, want retrying in %s", failed.State, in, soon)
	}
	if made := fast.sweeps(t); made != 0 {
		t.Error("a retry was queued before its time")
	}
	f.receiver.Answer(testkit.Status(http.StatusOK))
	if sent := f.attempt(t, fast, id); sent.State != postback.Succeeded {
		t.Errorf("it is %s %s, want succeeded: it is not old", sent.State, sent.Reason)
	}
	if got := len(f.receiver.Requests()); got != 2 {
		t.Errorf("the receiver got %d requests, want 2", got)
	}
}

// unheld holds no endpoint.
type unheld struct{}

func (unheld) Held(postback.Endpoint, time.Time) bool { return false }

func (unheld) Hold(context.Context, postback.Endpoint, time.Time, time.Duration) error { return nil }
