package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/id"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// storedBody is how much of an answer these workers keep.
const storedBody = 64

// bench is a worker over real parts, a receiver, and a clock that stands still.
type bench struct {
	*testkit.Parts

	receiver *testkit.Receiver
	worker   *worker.Worker
	clock    *clock
	spans    *tracetest.SpanRecorder
	metrics  *metric.ManualReader
	traffic  *counted
	sweeper  *sweeper
}

func setup(t *testing.T, alter ...func(*worker.Options)) *bench {
	t.Helper()
	b := &bench{
		Parts: testkit.NewParts(t), receiver: testkit.NewReceiver(t),
		clock: &clock{at: time.Now().UTC().Truncate(time.Microsecond)},
		spans: tracetest.NewSpanRecorder(), metrics: metric.NewManualReader(), traffic: &counted{}, sweeper: &sweeper{},
	}
	options := worker.Options{
		Load: b.Ledger,
		Gate: worker.GateOptions{
			Endpoints: b.Registry, Circuits: b.Breaker, Holds: &holds{}, Limits: limitless{},
			InFlight: worker.InFlightLimits{PerEndpoint: perEndpoint},
		},
		Sign:    worker.SignOptions{Schemes: b.Schemes, Secrets: b.Keyring},
		Send:    b.Egress,
		Decide:  worker.DecideOptions{Disabler: b.Endpoints, Holder: &holds{}, Random: func() float64 { return 0.5 }},
		Record:  worker.RecordOptions{Ledger: b.Ledger, StoredBody: storedBody},
		Observe: worker.ObserveOptions{Traffic: b.traffic, Circuits: b.Breaker, Sweeper: b.sweeper, Uses: b.Ledger},
		Events:  refusing{}, Examples: b.Ledger,
		Tracer: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(b.spans)).Tracer("test"),
		Meter:  metric.NewMeterProvider(metric.WithReader(b.metrics)).Meter("test"),
		Logger: b.Logger, Now: b.clock.now,
	}
	for _, change := range alter {
		change(&options)
	}
	made, err := worker.New(options)
	if err != nil {
		t.Fatalf("make worker: %v", err)
	}
	made.SetEgressPatience(0)
	b.worker = made
	return b
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

// sweeper counts how often it is woken, and notified that something was parked.
type sweeper struct{ woken, parked atomic.Int64 }

func (s *sweeper) Wake() { s.woken.Add(1) }

func (s *sweeper) Parked() { s.parked.Add(1) }

// refusing accepts no events.
type refusing struct{}

func (refusing) AcceptQueued(context.Context, []byte) error { return errAway }

// exchange is an endpoint at the receiver that takes every type, retried after
// a second and after a minute.
func (b *bench) exchange(t *testing.T, alter ...func(*postback.EndpointSpec)) postback.Endpoint {
	t.Helper()
	spec := postback.EndpointSpec{
		Scheme: "simpleswap",
		EndpointSettings: postback.EndpointSettings{
			URL:   b.receiver.URL + "/hook",
			Retry: postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(time.Second), postback.Duration(time.Minute)}},
		},
	}
	for _, change := range alter {
		change(&spec)
	}
	return b.Create(t, spec)
}

const exchangeData = `{"publicId":"ex_1","status":"finished","amount":1.50}`

// accept writes an event with a delivery for the endpoint, which need not
// exist.
func (b *bench) accept(t *testing.T, endpointID, data string, alter ...func(*postback.Delivery)) postback.Due {
	t.Helper()
	event := postback.Event{
		ID: id.New(id.Event, b.clock.now()), Type: "exchange.finished", Publisher: "pub_1", Data: json.RawMessage(data),
		AcceptedAt: b.clock.now(), Digest: []byte("digest"),
	}
	delivery := postback.Delivery{
		ID: id.New(id.Delivery, event.AcceptedAt), EventID: event.ID, EventType: event.Type, Publisher: event.Publisher, EndpointID: endpointID,
		State: postback.Pending, Generation: 1, CreatedAt: b.clock.now(), OpenedAt: b.clock.now(),
		NextAttemptAt: b.clock.now(), SweepAt: b.clock.now().Add(time.Minute),
	}
	for _, change := range alter {
		change(&delivery)
	}
	if _, err := b.Ledger.Accept(t.Context(), []postback.Acceptance{{Event: event, Deliveries: []postback.Delivery{delivery}}}); err != nil {
		t.Fatalf("accept: %v", err)
	}
	return postback.Due{Delivery: delivery, Event: event}
}

// fresh is the task that is made when the delivery falls due.
func fresh(due postback.Due) task.Attempt {
	return task.Attempt{Ref: due.Delivery.Ref(), EndpointID: due.Delivery.EndpointID, Due: &due}
}

// deliver makes the attempt that the delivery waits for.
func (b *bench) deliver(t *testing.T, deliveryID string) (postback.Delivery, []postback.Attempt) {
	t.Helper()
	waiting, _ := b.read(t, deliveryID)
	due, err := b.Ledger.Due(t.Context(), waiting.Ref())
	if err != nil {
		t.Fatalf("the delivery waits for no attempt: %v", err)
	}
	if err := b.worker.Deliver(t.Context(), fresh(due)); err != nil {
		t.Fatalf("deliver: %v", err)
	}
	return b.read(t, deliveryID)
}

func (b *bench) read(t *testing.T, deliveryID string) (postback.Delivery, []postback.Attempt) {
	t.Helper()
	delivery, attempts, err := b.Ledger.Delivery(t.Context(), deliveryID)
	if err != nil {
		t.Fatalf("read delivery: %v", err)
	}
	return delivery, attempts
}

// once accepts an event for the endpoint and makes the first attempt.
func (b *bench) once(t *testing.T, endpointID string) (postback.Delivery, []postback.Attempt) {
	t.Helper()
	return b.deliver(t, b.accept(t, endpointID, exchangeData).Delivery.ID)
}

func expectState(t *testing.T, delivery postback.Delivery, state postback.State, reason postback.Reason, attempts int) {
	t.Helper()
	if delivery.State != state || delivery.Reason != reason || delivery.Attempts != attempts {
		t.Errorf("got %s %q after %d attempts, want %s %q after %d",
			delivery.State, delivery.Reason, delivery.Attempts, state, reason, attempts)
	}
	if ended := !delivery.CompletedAt.IsZero(); ended != state.Ended() {
		t.Errorf("%s: completed at %v", state, delivery.CompletedAt)
	}
}

// expectNext checks when the next attempt is, and that the sweeper brings it.
func (b *bench) expectNext(t *testing.T, delivery postback.Delivery, in time.Duration) {
	t.Helper()
	want := b.clock.now().Add(in)
	if !delivery.NextAttemptAt.Equal(want) || !delivery.SweepAt.Equal(want) {
		t.Errorf("the next attempt is in %s, swept in %s, want %s",
			delivery.NextAttemptAt.Sub(b.clock.now()), delivery.SweepAt.Sub(b.clock.now()), in)
	}
}

func (b *bench) expectRequests(t *testing.T, want int) []testkit.Request {
	t.Helper()
	requests := b.receiver.Requests()
	if len(requests) != want {
		t.Fatalf("the receiver got %d requests, want %d", len(requests), want)
	}
	return requests
}

// counted notes the attempts that are counted.
type counted struct {
	mu  sync.Mutex
	all []string
}

func (c *counted) Observe(endpointID string, attempt postback.Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, fmt.Sprintf("%s %d %d %s", endpointID, attempt.Number, attempt.StatusCode, attempt.Outcome))
}

func (c *counted) expect(t *testing.T, want ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.all, want) {
		t.Errorf("counted are %q, want %q", c.all, want)
	}
}

// sender answers what it is told to, and counts.
type sender struct {
	mu     sync.Mutex
	result egress.Result
	sent   int
}

func (s *sender) Send(context.Context, egress.Request, time.Duration) egress.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	return s.result
}

func (s *sender) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}
