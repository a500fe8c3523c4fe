package dispatcher_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	nometric "go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/limit"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/internal/traffic"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

// engine is everything but the API: ledger, Redis, dispatcher, worker, receiver.
type engine struct {
	*testkit.Parts

	redis      *testkit.Redis
	queue      *task.Queue
	receiver   *testkit.Receiver
	dispatcher *dispatcher.Dispatcher
	worker     *worker.Worker
	spans      *tracetest.SpanRecorder
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{
		redis: testkit.StartRedis(t), Parts: testkit.NewParts(t), receiver: testkit.NewReceiver(t), spans: tracetest.NewSpanRecorder(),
	}
	var err error
	if e.queue, err = task.Open(t.Context(), e.redis.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.queue.Close(); err != nil {
			t.Errorf("close queue: %v", err)
		}
	})
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(e.spans)).Tracer("test")
	limits, holds := limit.New(e.queue.Scripter()), limit.NewHolds(e.queue.Scripter())
	e.dispatcher, err = dispatcher.New(dispatcher.Options{
		Accept:  dispatcher.AcceptOptions{Ledger: e.Ledger, Rules: schemes.Rules{Schemes: e.Schemes}},
		Lanes:   dispatcher.LaneOptions{MaxQueued: 1000},
		Enqueue: dispatcher.EnqueueOptions{Queue: e.queue},
		Requeue: dispatcher.RequeueOptions{Ledger: e.Ledger},
		Release: dispatcher.ReleaseOptions{
			Ledger: e.Ledger, Groups: e.Ledger, Circuits: e.Breaker, Limits: limits, Holds: holds,
			InFlight: dispatcher.InFlightLimits{PerEndpoint: 16},
		},
		Replay:    dispatcher.ReplayOptions{Ledger: e.Ledger, Jobs: e.Ledger},
		Rebuild:   dispatcher.RebuildOptions{Epochs: e.queue},
		Endpoints: e.Registry,
		Tracer:    tracer, Logger: e.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	e.worker, err = worker.New(worker.Options{
		Load: e.Ledger,
		Gate: worker.GateOptions{
			Endpoints: e.Registry, Circuits: e.Breaker, Holds: holds, Limits: limits,
			InFlight: worker.InFlightLimits{PerEndpoint: 16},
		},
		Sign:    worker.SignOptions{Schemes: e.Schemes, Secrets: e.Keyring},
		Send:    e.Egress,
		Decide:  worker.DecideOptions{Disabler: e.Endpoints, Holder: holds, Random: rand.Float64},
		Record:  worker.RecordOptions{Ledger: e.Ledger},
		Observe: worker.ObserveOptions{Traffic: traffic.NewRecorder(e.Ledger, time.Now, e.Logger), Circuits: e.Breaker, Sweeper: e.dispatcher, Uses: e.Ledger},
		Events:  e.dispatcher, Examples: e.Ledger,
		Tracer: tracer, Meter: nometric.NewMeterProvider().Meter(""), Logger: e.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, e.dispatcher)
	return e
}

// work starts taking tasks off the queue.
func (e *engine) work(t *testing.T) {
	t.Helper()
	servers, err := e.queue.Serve(e.worker.Handlers(), task.Options{
		Deliver: 16, Retry: 4, Events: 4, Drain: 5 * time.Second, Logger: e.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { servers.Shutdown(0) })
}

func (e *engine) endpoint(t *testing.T) (postback.Endpoint, postback.Secret) {
	t.Helper()
	endpoint, secret, _, err := e.Endpoints.Create(t.Context(), postback.EndpointSpec{
		Publisher: "pub_1", Scheme: "besitos",
		EndpointSettings: postback.EndpointSettings{
			URL:   e.receiver.URL + "/hook",
			Retry: postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(200 * time.Millisecond), postback.Duration(200 * time.Millisecond)}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return endpoint, secret
}

func (e *engine) accept(t *testing.T, ids ...string) {
	t.Helper()
	events := make([]postback.Event, len(ids))
	for i, id := range ids {
		events[i] = event(t, id)
	}
	if _, err := e.dispatcher.Accept(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

func (e *engine) count(t *testing.T, states ...postback.State) int {
	t.Helper()
	count, err := e.Ledger.CountDeliveries(t.Context(), in(states...))
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func (e *engine) expectAll(t *testing.T, state postback.State, count int) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("%d deliveries are %s", count, state), func() bool { return e.count(t, state) == count })
	if all := e.count(t, postback.States()...); all != count {
		t.Errorf("%d deliveries are in the ledger, want %d", all, count)
	}
}

func ids(count int) []string {
	list := make([]string, count)
	for i := range list {
		list[i] = fmt.Sprintf("tx-%d", i)
	}
	return list
}

func TestADeadLetterIsReplayed(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.endpoint(t)
	e.work(t)
	e.receiver.Answer(testkit.Status(500))
	e.accept(t, ids(3)...) // not enough failures to open a circuit
	e.expectAll(t, postback.Dead, 3)
	e.receiver.Answer(testkit.Status(200))
	if _, err := e.dispatcher.StartReplay(t.Context(), postback.DeliveryFilter{}, 0, false); err != nil {
		t.Fatal(err)
	}
	e.expectAll(t, postback.Succeeded, 3)
	if got := len(e.receiver.Requests()); got != 12 {
		t.Errorf("the receiver got %d requests, want three tries and a replay of each of 3", got)
	}
}

func TestRedisIsDownWhileEventsCome(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.endpoint(t)
	e.work(t)
	e.accept(t, "tx-before")
	e.expectAll(t, postback.Succeeded, 1)
	e.redis.Stop()
	e.accept(t, ids(20)...)
	if waits := e.count(t, postback.Pending); waits != 20 {
		t.Errorf("%d deliveries wait, want 20", waits)
	}
	e.redis.Start() // empty
	e.expectAll(t, postback.Succeeded, 21)
}

func TestAWipedRedisIsFilledWithinSeconds(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.endpoint(t)
	e.accept(t, ids(50)...)
	deep := func(want int) func() bool {
		return func() bool {
			depth, err := e.queue.Depth(t.Context())
			return err == nil && depth.Total() == want
		}
	}
	testkit.Eventually(t, "the queue is full", deep(50))
	admin := e.redis.Client()
	if err := admin.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	wiped := time.Now()
	testkit.Eventually(t, "the queue is full again", deep(50))
	if took := time.Since(wiped); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	e.work(t)
	e.expectAll(t, postback.Succeeded, 50)
	if got := len(e.receiver.Requests()); got != 50 {
		t.Errorf("the receiver got %d requests", got)
	}
}

func TestRedisHoldsNoSecret(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	_, secret := e.endpoint(t)
	e.accept(t, "tx-1", "tx-2")
	admin := e.redis.Client()
	testkit.Eventually(t, "the tasks are in Redis", func() bool {
		depth, err := e.queue.Depth(t.Context())
		return err == nil && depth.Total() == 2
	})
	keys, err := admin.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	var dump strings.Builder
	for _, key := range keys {
		kind, err := admin.Type(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		dump.WriteString(key)
		switch kind {
		case "hash":
			fields, err := admin.HGetAll(t.Context(), key).Result()
			fmt.Fprint(&dump, fields, err)
		case "string":
			value, err := admin.Get(t.Context(), key).Result()
			fmt.Fprint(&dump, value, err)
		case "list":
			values, err := admin.LRange(t.Context(), key, 0, -1).Result()
			fmt.Fprint(&dump, values, err)
		case "set":
			values, err := admin.SMembers(t.Context(), key).Result()
			fmt.Fprint(&dump, values, err)
		case "zset":
			values, err := admin.ZRange(t.Context(), key, 0, -1).Result()
			fmt.Fprint(&dump, values, err)
		default:
			t.Errorf("the key %s is a %s", key, kind)
		}
	}
	if !strings.Contains(dump.String(), "tx-1") {
		t.Fatalf("the dump lacks the events: %s", dump.String())
	}
	if strings.Contains(dump.String(), secret.Reveal()) {
		t.Error("Redis holds the secret")
	}
}

func TestManyAcceptAtOnce(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.endpoint(t)
	e.work(t)
	var group sync.WaitGroup
	const callers, each = 20, 10
	for i := range callers {
		group.Go(func() {
			for j := range each {
				// Two callers hand in the same event.
				one := event(t, fmt.Sprintf("tx-%d-%d", i/2, j))
				answers, err := e.dispatcher.Accept(context.WithoutCancel(t.Context()), []postback.Event{one})
				if err != nil || answers[0].Err != nil || len(answers[0].Deliveries) != 1 {
					t.Errorf("got %+v, %v", answers, err)
				}
			}
		})
	}
	group.Wait()
	e.expectAll(t, postback.Succeeded, callers*each/2)
	if got := len(e.receiver.Requests()); got != callers*each/2 {
		t.Errorf("the receiver got %d requests", got)
	}
}
