package worker

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/postback"
)

// Options are the parts of a Worker, by the stage that needs them. All are required
// unless they say otherwise.
type Options struct {
	Load    Deliveries
	Gate    GateOptions
	Sign    SignOptions
	Send    Sender
	Decide  DecideOptions
	Record  RecordOptions
	Observe ObserveOptions

	// Egress tells failures of our own egress path from those of endpoints. Nil:
	// those that are ours beyond doubt alone are.
	Egress EgressPath
	// Events accepts the events of the queue, Examples those that are made here.
	Events   Acceptor
	Examples Acceptances

	Tracer trace.Tracer
	Meter  metric.Meter
	Logger *slog.Logger
	// Now is the ledger's clock. Nil means time.Now.
	Now func() time.Time
}

func (o Options) validate() error {
	for part, complete := range map[string]bool{
		"Load": o.Load != nil, "Gate": o.Gate.complete(), "Sign": o.Sign.complete(), "Send": o.Send != nil,
		"Decide": o.Decide.complete(), "Record": o.Record.Ledger != nil, "Observe": o.Observe.complete(),
		"Events": o.Events != nil, "Examples": o.Examples != nil,
		"Tracer": o.Tracer != nil, "Meter": o.Meter != nil, "Logger": o.Logger != nil,
	} {
		if !complete {
			return fmt.Errorf("make worker: a part is missing: %s", part)
		}
	}
	if o.Gate.InFlight.PerEndpoint < 1 {
		return errors.New("make worker: Gate.InFlight.PerEndpoint must be at least 1")
	}
	return nil
}

// New makes a Worker.
func New(o Options) (*Worker, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Egress == nil {
		o.Egress = unwatched{}
	}
	instruments, err := newMetrics(o.Meter)
	if err != nil {
		return nil, err
	}
	return o.build(instruments), nil
}

func (o Options) build(instruments metrics) *Worker {
	ledgerDown := new(atomic.Bool)
	egress := &egressPath{path: o.Egress, patience: egressPatience, now: o.Now}
	return &Worker{
		load: &loadStage{ledger: o.Load, ledgerDown: ledgerDown, logger: o.Logger, inProgress: map[postback.Ref]bool{}},
		gate: &gateStage{
			endpoints: o.Gate.Endpoints, circuits: o.Gate.Circuits, holds: o.Gate.Holds, egress: egress,
			inFlight: newInFlight(o.Gate.InFlight, o.Now), rate: newRateLimit(o.Gate.Limits, o.Now, o.Logger), now: o.Now,
		},
		sign:     newSignStage(o.Sign),
		send:     &sendStage{o.Send},
		classify: &classifyStage{egress},
		decide: &decideStage{
			gone: &goneEndpoints{o.Decide.Disabler, o.Logger}, blocked: newBlockedAlerts(o.Decide.Alerts, o.Logger),
			holds: newRetryAfterHolds(o.Decide.Holder, o.Now, o.Logger), random: o.Decide.Random, now: o.Now,
		},
		record: &recordStage{
			ledger: o.Record.Ledger, ledgerDown: ledgerDown, storedBody: o.Record.StoredBody, metrics: instruments, now: o.Now, logger: o.Logger,
		},
		observe: &observeStage{
			traffic: o.Observe.Traffic, circuits: o.Observe.Circuits, sweeper: o.Observe.Sweeper,
			uses: newSecretUses(o.Observe.Uses, o.Logger), metrics: instruments, now: o.Now, logger: o.Logger,
		},
		egress: egress, trace: tracing{o.Tracer}, events: o.Events, examples: o.Examples, now: o.Now, logger: o.Logger,
	}
}
