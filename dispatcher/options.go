package dispatcher

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/postback"
)

// Options are the parts of a Dispatcher, by the stage that needs them. All are
// required unless they say otherwise.
type Options struct {
	Accept  AcceptOptions
	Lanes   LaneOptions
	Enqueue EnqueueOptions
	Requeue RequeueOptions
	Release ReleaseOptions
	Replay  ReplayOptions
	Rebuild RebuildOptions

	Endpoints Endpoints

	Tracer trace.Tracer
	Meter  metric.Meter // nil: nothing is counted
	Logger *slog.Logger
	// Now is the ledger's clock. Nil means time.Now.
	Now func() time.Time
}

// Endpoints are the endpoints in memory.
type Endpoints interface {
	// Matching lists the endpoints that want an event.
	Matching(publisher, eventType string) []postback.Endpoint
	// Has reports whether a publisher has any endpoint.
	Has(publisher string) bool
	Endpoint(id string) (postback.Endpoint, bool)
	// Of lists the ids of a publisher's endpoints, deleted ones too.
	Of(publisher string) []string
}

func (o Options) validate() error {
	for part, complete := range map[string]bool{
		"Accept": o.Accept.complete(), "Enqueue": o.Enqueue.Queue != nil, "Requeue": o.Requeue.Ledger != nil,
		"Release": o.Release.complete(), "Replay": o.Replay.complete(), "Rebuild": o.Rebuild.Epochs != nil,
		"Endpoints": o.Endpoints != nil, "Tracer": o.Tracer != nil, "Logger": o.Logger != nil,
	} {
		if !complete {
			return fmt.Errorf("make dispatcher: a part is missing: %s", part)
		}
	}
	if o.Lanes.MaxQueued < 1 || o.Release.InFlight.PerEndpoint < 1 {
		return errors.New("make dispatcher: Lanes.MaxQueued and Release.InFlight.PerEndpoint must be at least 1")
	}
	return nil
}

func (o Options) withDefaults() Options {
	o.Lanes = o.Lanes.withDefaults()
	o.Enqueue.Senders = cmp.Or(o.Enqueue.Senders, defaultSenders)
	o.Requeue.Grace = cmp.Or(o.Requeue.Grace, defaultGrace)
	o.Replay.Window = cmp.Or(o.Replay.Window, defaultReplayWindow)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Meter == nil {
		o.Meter = noop.Meter{}
	}
	return o
}

// New makes a Dispatcher. Run has to be called for it to fill the queue.
func New(o Options) (*Dispatcher, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	counter, err := newEventCounter(o.Meter)
	if err != nil {
		return nil, err
	}
	return o.build(counter), nil
}

func (o Options) build(counter eventCounter) *Dispatcher {
	lanes, busy, failures := newLanes(o.Lanes), newBusy(), newFailures(o.Lanes.Handoff)
	pending := make(chan postback.Due, o.Lanes.Handoff)
	enqueue := &enqueueStage{
		queue: o.Enqueue.Queue, pending: pending, lanes: lanes, busy: busy, failures: failures,
		senders: o.Enqueue.Senders, tracer: o.Tracer, now: o.Now,
	}
	requeue := &requeueStage{
		ledger: o.Requeue.Ledger, queue: o.Enqueue.Queue, endpoints: o.Endpoints, lanes: lanes, busy: busy, failures: failures, enqueue: enqueue,
		grace: o.Requeue.Grace, wake: make(chan struct{}, 1), now: o.Now, logger: o.Logger,
	}
	release := newReleaseStage(o.Release, o.Endpoints, requeue.wakeUp, o.Now)
	match := &matchStage{endpoints: o.Endpoints, rules: o.Accept.Rules, release: release}
	handoff := &handoffStage{lanes: lanes, pending: pending, failures: failures, release: release, grace: o.Requeue.Grace}
	expire := &expireStage{ledger: o.Release.Ledger, endpoints: o.Endpoints, parked: release.state.endpoints, now: o.Now}
	return &Dispatcher{
		accept:  &acceptStage{ledger: o.Accept.Ledger, match: match, handoff: handoff, counter: counter, tracer: o.Tracer, logger: o.Logger, now: o.Now},
		enqueue: enqueue, requeue: requeue, release: release, expire: expire,
		groups: &groupStage{
			ledger: o.Release.Groups, parking: o.Release.Ledger, endpoints: o.Endpoints, expire: expire, now: o.Now, logger: o.Logger,
		},
		replay: &replayStage{
			ledger: o.Replay.Ledger, jobs: o.Replay.Jobs, maxPerPublisher: o.Replay.MaxPerPublisher, now: o.Now, logger: o.Logger,
		},
		replayWork: newReplayWork(o.Replay, o.Now, o.Logger),
		rematch:    &rematchStage{ledger: o.Accept.Ledger, match: match, handoff: handoff, now: o.Now},
		rebuild: &rebuildStage{
			ledger: o.Requeue.Ledger, epochs: o.Rebuild.Epochs, embedded: o.Rebuild.Embedded, enqueue: enqueue, requeue: requeue, failures: failures,
			now: o.Now, logger: o.Logger,
		},
		logger: o.Logger,
	}
}
