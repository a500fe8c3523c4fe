package dispatcher_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.IgnoreRedisDials()) }

// errAway is what a ledger or a queue that cannot be reached answers.
var errAway = errors.New("it is gone")

const grace = 45 * time.Second

// bench is a dispatcher over real parts, a queue in memory, and a clock that
// stands still.
type bench struct {
	*testkit.Parts
	*dispatcher.Dispatcher

	queue *queue
	clock *clock
	spans *tracetest.SpanRecorder
}

func setup(t testing.TB, alter ...func(*dispatcher.Options)) *bench {
	t.Helper()
	b := &bench{
		Parts: testkit.NewParts(t), queue: &queue{tasks: map[postback.Ref]task.Attempt{}, orphans: map[postback.Ref]bool{}, running: map[postback.Ref]bool{}},
		clock: &clock{at: time.Now().UTC().Truncate(time.Microsecond)}, spans: tracetest.NewSpanRecorder(),
	}
	b.restart(t, alter...)
	return b
}

// restart makes a new dispatcher over the same ledger and queue, as a process
// that starts does.
func (b *bench) restart(t testing.TB, alter ...func(*dispatcher.Options)) {
	t.Helper()
	options := b.options()
	for _, change := range alter {
		change(&options)
	}
	made, err := dispatcher.New(options)
	if err != nil {
		t.Fatalf("make dispatcher: %v", err)
	}
	b.Dispatcher = made
}

func (b *bench) options() dispatcher.Options {
	return dispatcher.Options{
		Accept:  dispatcher.AcceptOptions{Ledger: b.Ledger, Rules: schemes.Rules{Schemes: b.Schemes}},
		Lanes:   dispatcher.LaneOptions{MaxQueued: 1000, Share: 10_000},
		Enqueue: dispatcher.EnqueueOptions{Queue: b.queue},
		Requeue: dispatcher.RequeueOptions{Ledger: b.Ledger, Grace: grace},
		Release: dispatcher.ReleaseOptions{
			Ledger: b.Ledger, Groups: b.Ledger, Circuits: b.Breaker, Limits: limitless{}, Holds: &holds{},
			InFlight: dispatcher.InFlightLimits{PerEndpoint: 16},
		},
		Replay:    dispatcher.ReplayOptions{Ledger: b.Ledger, Jobs: b.Ledger, Window: 100_000},
		Rebuild:   dispatcher.RebuildOptions{Epochs: b.queue},
		Endpoints: b.Registry,
		Tracer:    sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(b.spans)).Tracer("test"),
		Logger:    b.Logger, Now: b.clock.now,
	}
}

// catchUp sets the dispatcher's clock to the one that endpoints are made by.
func (b *bench) catchUp() { b.clock.advance(time.Since(b.clock.now())) }

// run runs the dispatcher until the test or the returned function ends it.
func run(t *testing.T, d *dispatcher.Dispatcher) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return stop
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

// queue is a run queue in memory that can be away, and can lose tasks.
type queue struct {
	mu      sync.Mutex
	tasks   map[postback.Ref]task.Attempt
	taken   []task.Attempt // all that ever came in, in order
	orphans map[postback.Ref]bool
	running map[postback.Ref]bool
	away    bool
	full    bool // refuses tasks, and answers everything else
	loses   bool
	epoch   string
	offered int                          // how often something was to be queued
	counted int                          // how often the depth was asked for
	rebuild func() (bool, time.Duration) // nil: always ours
}

func (q *queue) Enqueue(_ context.Context, one task.Attempt) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.offered++
	if q.away || q.full {
		return false, errAway
	}
	if _, there := q.tasks[one.Ref]; there {
		return false, nil
	}
	q.taken = append(q.taken, one)
	if !q.loses {
		q.tasks[one.Ref] = one
	}
	return true, nil
}

func (q *queue) Takeover(_ context.Context, one task.Attempt) (task.Holder, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, there := q.tasks[one.Ref]
	switch {
	case q.away:
		return "", errAway
	case q.orphans[one.Ref]:
		delete(q.orphans, one.Ref)
		delete(q.tasks, one.Ref)
		return task.Nobody, nil
	case !there:
		return task.Nobody, nil
	case q.running[one.Ref]:
		return task.Running, nil
	default:
		return task.Waiting, nil
	}
}

func (q *queue) Depth(context.Context) (task.Depth, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counted++
	if q.away {
		return task.Depth{}, errAway
	}
	depth := task.Depth{Deliver: []int{0}, Retry: []int{0}}
	for _, one := range q.tasks {
		if one.Fresh() {
			depth.Deliver[0]++
		} else {
			depth.Retry[0]++
		}
	}
	return depth, nil
}

func (q *queue) Epoch(context.Context) (string, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.away {
		return "", errAway
	}
	return q.epoch, nil
}

func (q *queue) SetEpoch(_ context.Context, epoch string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.epoch = epoch
	return nil
}

func (q *queue) BeginRebuild(context.Context) (bool, time.Duration, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.rebuild == nil {
		return true, 0, nil
	}
	mine, ago := q.rebuild()
	return mine, ago, nil
}

// all are the tasks that ever came in.
func (q *queue) all() []task.Attempt {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.taken)
}

// put is a task that a worker is busy with.
func (q *queue) put(t *testing.T, delivery postback.Delivery) postback.Ref {
	t.Helper()
	if _, err := q.Enqueue(t.Context(), task.Attempt{Ref: delivery.Ref(), EndpointID: delivery.EndpointID}); err != nil {
		t.Fatal(err)
	}
	return delivery.Ref()
}

// asked is how often something was to be queued.
func (q *queue) asked() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.offered
}

// depths is how often the depth was asked for.
func (q *queue) depths() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.counted
}

// work takes up to so many tasks off the queue.
func (q *queue) work(count int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ref := range q.tasks {
		if count == 0 {
			return
		}
		delete(q.tasks, ref)
		count--
	}
}

func (q *queue) set(alter func(*queue)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	alter(q)
}

// swept makes one turn of the sweeper, and says how many tasks came in.
func (b *bench) swept(t *testing.T) int {
	t.Helper()
	before := len(b.queue.all())
	if err := b.Sweep(t.Context()); err != nil {
		t.Fatalf("sweep: %v", err)
	}
	return len(b.queue.all()) - before
}

// offer makes an endpoint of publisher "pub_1" for conversions.
func (b *bench) offer(t *testing.T, alter ...func(*postback.EndpointSpec)) postback.Endpoint {
	t.Helper()
	spec := postback.EndpointSpec{Scheme: "besitos", EndpointSettings: postback.EndpointSettings{URL: "https://receiver.example.com/"}}
	for _, change := range alter {
		change(&spec)
	}
	return b.Create(t, spec)
}

func event(t *testing.T, id string) postback.Event {
	t.Helper()
	return parse(t, fmt.Sprintf(`{"id":%q,"type":"conversion.completed","publisher":"pub_1","data":{"tx":%q,"payout":1.50}}`, id, id))
}

func parse(t *testing.T, text string) postback.Event {
	t.Helper()
	parsed, err := postback.ParseEvent([]byte(text))
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return parsed
}

// accept accepts one event that is good.
func (b *bench) accept(t *testing.T, one postback.Event) postback.Acceptance {
	t.Helper()
	answers, err := b.Accept(t.Context(), []postback.Event{one})
	if err != nil || answers[0].Err != nil {
		t.Fatalf("accept %s: %v, %+v", one.ID, err, answers)
	}
	return answers[0]
}

// many accepts so many events in one call.
func (b *bench) many(t *testing.T, count int) []postback.Delivery {
	t.Helper()
	events := make([]postback.Event, count)
	for i := range events {
		events[i] = event(t, fmt.Sprintf("tx-%04d", i))
	}
	return b.made(t, events)
}

// made accepts events in one call and returns the deliveries that they call for.
// Those that stand aside are due then, too.
func (b *bench) made(t *testing.T, events []postback.Event) []postback.Delivery {
	t.Helper()
	answers, err := b.Accept(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	var made []postback.Delivery
	for _, answer := range answers {
		made = append(made, answer.Deliveries...)
	}
	if len(made) == 0 {
		t.Fatal("no delivery was made")
	}
	if len(made) > dispatcher.Abreast {
		b.clock.advance(time.Millisecond)
	}
	return made
}

func (b *bench) read(t *testing.T, deliveryID string) postback.Delivery {
	t.Helper()
	delivery, _, err := b.Ledger.Delivery(t.Context(), deliveryID)
	if err != nil {
		t.Fatalf("read delivery: %v", err)
	}
	return delivery
}

// end ends a delivery with an attempt, as a worker does.
func (b *bench) end(t *testing.T, deliveryID string, state postback.State) {
	t.Helper()
	ref := b.read(t, deliveryID).Ref()
	move := postback.Transition{Ref: ref, To: state, At: b.clock.now(), Attempt: &postback.Attempt{
		DeliveryID: deliveryID, Generation: ref.Generation, Number: ref.Attempt, StartedAt: b.clock.now(), Trigger: postback.TriggerEvent,
		Outcome: postback.OutcomeFailed, StatusCode: 500, Error: &postback.AttemptError{Code: "status_not_200"},
	}}
	if state == postback.Dead {
		move.Reason = postback.ReasonExhausted
	}
	if err := b.Ledger.Record(t.Context(), move); err != nil {
		t.Fatalf("end delivery: %v", err)
	}
}

func (b *bench) count(t *testing.T, filter postback.DeliveryFilter) int {
	t.Helper()
	count, err := b.Ledger.CountDeliveries(t.Context(), filter)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func in(states ...postback.State) postback.DeliveryFilter {
	return postback.DeliveryFilter{States: states}
}

func raw(text string) json.RawMessage { return json.RawMessage(text) }

// limitless lets everything go.
type limitless struct{}

func (limitless) Grant(_ context.Context, _ string, _ postback.RateLimit, most int) (int, error) {
	return most, nil
}

func (limitless) GiveBack(context.Context, string, postback.RateLimit, int) error { return nil }
