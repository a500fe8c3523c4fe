package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// Ledger is what the worker needs of the store.
type Ledger interface {
	Due(ctx context.Context, ref postback.Ref) (postback.Due, error)
	Record(ctx context.Context, move postback.Transition) error
	Accept(ctx context.Context, items []postback.Acceptance) ([]postback.Acceptance, error)
	Ping(ctx context.Context) error
}

// Endpoints looks endpoints up in memory; deleted ones are found too.
type Endpoints interface {
	Endpoint(id string) (postback.Endpoint, bool)
}

// Opener opens the sealed secrets of endpoints.
type Opener interface {
	Open(sealed []byte, endpointID string, version int) (postback.Secret, error)
}

// Circuits knows which endpoints are left alone because they keep failing, and
// hears what came of attempts.
type Circuits interface {
	Open(endpointID string) bool
	Succeeded(ctx context.Context, endpointID string, probe bool, at time.Time)
	Failed(ctx context.Context, endpointID, code string, at time.Time)
}

// Traffic counts attempts.
type Traffic interface {
	Observe(endpointID string, attempt postback.Attempt)
}

// Limits gives away the slots of endpoints with a rate limit, for all processes
// together.
type Limits interface {
	// Take takes the next slot if it is due soon, and says how long it is until
	// then. Otherwise nothing is taken, and the time is until one would be due.
	Take(ctx context.Context, endpointID string, limit postback.RateLimit) (wait time.Duration, taken bool, err error)
}

// Holds knows the endpoints that asked to be left alone for a while, for all
// processes together.
type Holds interface {
	Held(endpoint postback.Endpoint, now time.Time) bool
	// Hold leaves the endpoint, as it is known here, alone from a time on, for so long.
	Hold(ctx context.Context, endpoint postback.Endpoint, at time.Time, wait time.Duration) error
}

// Schemes knows the schemes that endpoints choose.
type Schemes interface {
	Define(name string) (*signer.Definition, error)
}

// Sender makes one HTTP request from the egress address.
type Sender interface {
	Send(ctx context.Context, request egress.Request, timeout time.Duration) egress.Result
}

// Acceptor accepts events that producers put into the queue.
type Acceptor interface {
	AcceptQueued(ctx context.Context, payload []byte) error
}

// Sweeper queues what is due, and releases what is parked.
type Sweeper interface {
	// Wake has it done at once, and not some time later.
	Wake()
	// Parked tells that a delivery was parked, which is released some time.
	Parked()
}

// Options are the parts of a Worker; all but Now, Alerts, Way and the limits
// of publishers are required.
type Options struct {
	Ledger    Ledger
	Endpoints Endpoints
	Circuits  Circuits
	Traffic   Traffic
	Limits    Limits
	Holds     Holds
	Schemes   Schemes
	Secrets   Opener
	Uses      SecretUses
	Switch    Switch
	Sender    Sender
	Acceptor  Acceptor
	Sweeper   Sweeper
	Tracer    trace.Tracer
	Meter     metric.Meter
	Logger    *slog.Logger
	// StoredBody is how much of an answer's body is kept, in bytes.
	StoredBody int
	// MaxInFlight is how many attempts to one endpoint this worker makes at once,
	// unless the endpoint has a number of its own, which counts up to MostInFlight
	// (0: any): no endpoint is to hold all workers of its shard.
	MaxInFlight, MostInFlight int
	// MaxInFlightPublisher is how many attempts to the endpoints of one publisher
	// in one shard this worker makes at once (0: any): no publisher is to hold all
	// workers of a shard, however many endpoints it has.
	MaxInFlightPublisher int
	// Shards is over how many shards the endpoints are spread. Zero means one.
	Shards int
	// Random gives numbers in [0, 1) for jitter.
	Random func() float64
	// Alerts tells operators what only they can mend. Nil: nobody is told.
	Alerts Alerts
	// Way tells failures of our own way out from those of endpoints. Nil: those
	// that are ours beyond doubt alone are.
	Way Way
	// Now is the ledger's clock. Nil means time.Now.
	Now func() time.Time
}

// Worker handles tasks. It is safe for concurrent use.
type Worker struct {
	Options

	metrics  metrics
	now      func() time.Time
	underWay underWay
	flights  *flights
	shares   *flights // of publishers
	uses     uses
	expected expectations
	alerted  alerted
	// wayPatience is how long a task waits for a way out that is down.
	wayPatience time.Duration
	// limitAway says now and then that rate limits cannot be asked for.
	limitAway rate.Sometimes
	// holdAway says the same of holds that other processes do not hear of.
	holdAway rate.Sometimes
	// ledgerAway says that the last write failed: nothing is sent before the
	// ledger answers again, since nothing could be recorded.
	ledgerAway atomic.Bool
}

// New makes a Worker.
func New(options Options) (*Worker, error) {
	if options.Ledger == nil || options.Endpoints == nil || options.Circuits == nil || options.Limits == nil || options.Holds == nil || options.Traffic == nil || options.Schemes == nil || options.Secrets == nil || options.Uses == nil || options.Switch == nil || options.Sender == nil ||
		options.Acceptor == nil || options.Sweeper == nil || options.Tracer == nil || options.Meter == nil || options.Logger == nil || options.Random == nil {
		return nil, errors.New("make worker: a part is missing")
	}
	if options.MaxInFlight < 1 {
		return nil, errors.New("make worker: MaxInFlight must be at least 1")
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Way == nil {
		options.Way = open{}
	}
	instruments, err := newMetrics(options.Meter)
	if err != nil {
		return nil, err
	}
	return &Worker{
		Options: options, metrics: instruments, now: options.Now,
		underWay: underWay{refs: map[postback.Ref]bool{}}, flights: newFlights(flightPatience), shares: newFlights(flightPatience), uses: uses{last: map[use]time.Time{}},
		expected: expectations{compiled: map[string]expectation{}},
		alerted:  alerted{at: map[block]time.Time{}}, wayPatience: wayPatience,
		limitAway: rate.Sometimes{Interval: limitLogPause},
		holdAway:  rate.Sometimes{Interval: limitLogPause},
	}, nil
}

// Handlers are what the queue calls.
func (w *Worker) Handlers() task.Handlers {
	return task.Handlers{Deliver: w.Deliver, Event: w.Event}
}

// errUnderWay is for a task of an attempt that another task of this process is
// about.
var errUnderWay = errors.New("the same attempt is under way")

// Deliver makes one attempt of a delivery. An error means that nothing is
// decided, because the ledger was away or the same attempt is under way; every
// other outcome is recorded and nil.
func (w *Worker) Deliver(ctx context.Context, t task.Delivery) error {
	// The attempt must not be cut off when Redis loses sight of this worker:
	// the receiver may have acted on it. It has deadlines of its own.
	ctx, span := w.startProcess(context.WithoutCancel(ctx), t)
	defer span.End()
	if !w.underWay.enter(t.Ref) {
		// It comes again and asks the ledger: the attempt is being made, or it was
		// parked a moment ago and is released already.
		return errUnderWay
	}
	defer w.underWay.leave(t.Ref)

	due, move, err := w.decide(ctx, t)
	if err != nil || due == nil {
		return err
	}
	if err := w.record(ctx, *due, move); err != nil {
		return err
	}
	w.tell(due.Delivery, move)
	w.observe(ctx, due.Delivery, move)
	return nil
}

// decide reads the delivery and makes the attempt, once more when our own way out
// was down and is not any more. There is no delivery when none waits for this
// attempt.
func (w *Worker) decide(ctx context.Context, t task.Delivery) (due *postback.Due, move postback.Transition, err error) {
	if due, err = w.load(ctx, t); err != nil || due == nil {
		return nil, move, err
	}
	move = w.handle(ctx, *due)
	down, back := w.wayDown(ctx, move)
	if !down {
		return due, move, nil
	}
	if back {
		t.Recheck = true // it waited for a while
		if due, err = w.load(ctx, t); err != nil || due == nil {
			return nil, move, err
		}
		return due, w.handle(ctx, *due), nil
	}
	later := putOff(due.Delivery, w.now(), wayPause)
	later.Cause = move.Cause
	return due, later, nil
}

// tell tells the sweeper of what it has to look at now.
func (w *Worker) tell(delivery postback.Delivery, move postback.Transition) {
	switch {
	case move.To == postback.Parked:
		w.Sweeper.Parked()
	case delivery.OrderKey != "" && move.To.Ended():
		w.Sweeper.Wake() // the next of its row is due
	}
}

// handle makes the attempt when the gate is open, our own way out is, the endpoint
// has a place and, if its rate is limited, a slot. It waits a little for each of
// the last two, and what changed meanwhile counts.
func (w *Worker) handle(ctx context.Context, due postback.Due) postback.Transition {
	endpoint, move, open := w.gate(due.Delivery)
	if !open {
		return move
	}
	end, move, passes := w.passes(due, endpoint)
	if !passes {
		return move
	}
	defer end()
	leave, entered := w.enter(ctx, endpoint)
	if !entered {
		return moveTo(due.Delivery, w.now(), postback.Parked, postback.ReasonOverLimit)
	}
	defer leave()
	if move, slot := w.slot(ctx, endpoint, due.Delivery); !slot {
		return move
	}
	if endpoint, move, open = w.gate(due.Delivery); !open {
		return move
	}
	return w.try(ctx, endpoint, due)
}

// observe counts an attempt, and tells the endpoint's circuit what came of it. An
// example says nothing of the endpoint, and an address that is never sent to
// nothing of its circuit.
func (w *Worker) observe(ctx context.Context, delivery postback.Delivery, move postback.Transition) {
	if move.Attempt == nil || delivery.Test {
		return
	}
	w.Traffic.Observe(delivery.EndpointID, *move.Attempt)
	switch move.Attempt.Outcome {
	case postback.OutcomeSucceeded:
		w.Circuits.Succeeded(ctx, delivery.EndpointID, delivery.Probe, w.now())
	case postback.OutcomeFailed:
		w.Circuits.Failed(ctx, delivery.EndpointID, move.Attempt.Error.Code, w.now())
	case postback.OutcomeRefused:
	}
}

// load gives the delivery and its event: from the task, or from the ledger when
// the task is too small to hold them or may be stale. It is nil when the
// delivery no longer waits for this attempt.
func (w *Worker) load(ctx context.Context, t task.Delivery) (*postback.Due, error) {
	if w.ledgerAway.Load() {
		if err := w.Ledger.Ping(ctx); err != nil {
			return nil, fmt.Errorf("wait for the ledger: %w", err)
		}
		w.ledgerAway.Store(false)
	}
	if t.Due != nil && !t.Recheck {
		return t.Due, nil
	}
	due, err := w.Ledger.Due(ctx, t.Ref)
	switch code := postback.CodeOf(err); {
	case err == nil:
		return &due, nil
	case code == postback.CodeConflict, code == postback.CodeNotFound:
		w.Logger.DebugContext(ctx, "dropping a stale task", slog.String("delivery", t.Ref.DeliveryID), slog.Int("attempt", t.Ref.Attempt))
		return nil, nil //nolint:nilnil // nothing is due, and nothing is wrong
	default:
		return nil, fmt.Errorf("read delivery: %w", err)
	}
}

// startProcess begins a trace of its own for the work on a task, linked to the
// one in which the task was made: a retry days later belongs to no request.
func (w *Worker) startProcess(ctx context.Context, t task.Delivery) (context.Context, trace.Span) {
	origin := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier(t.Headers)))
	return w.Tracer.Start(ctx, "process delivery", //nolint:spancheck // Deliver ends it
		trace.WithNewRoot(),
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithLinks(trace.Link{SpanContext: origin}),
		trace.WithAttributes(
			attribute.String("waybill.delivery", t.Ref.DeliveryID),
			attribute.String("waybill.endpoint", t.EndpointID),
			attribute.Int("waybill.attempt", t.Ref.Attempt),
		))
}

// Event accepts an event that a producer put into the queue, in the producer's
// trace.
func (w *Worker) Event(ctx context.Context, _ string, payload []byte, headers map[string]string) error {
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(headers))
	if err := w.Acceptor.AcceptQueued(ctx, payload); err != nil {
		return fmt.Errorf("accept queued event: %w", err)
	}
	return nil
}

// underWay is the set of attempts being made in this process.
type underWay struct {
	mu   sync.Mutex
	refs map[postback.Ref]bool
}

func (u *underWay) enter(ref postback.Ref) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.refs[ref] {
		return false
	}
	u.refs[ref] = true
	return true
}

func (u *underWay) leave(ref postback.Ref) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.refs, ref)
}
