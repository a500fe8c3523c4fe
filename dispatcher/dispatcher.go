package dispatcher

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// Ledger is what accepting events needs of the store.
type Ledger interface {
	Accept(ctx context.Context, items []postback.Acceptance) ([]postback.Acceptance, error)
	// Deliver adds deliveries to a recorded event, for endpoints that have none of
	// it, and returns those that it wrote.
	Deliver(ctx context.Context, eventID string, deliveries []postback.Delivery) ([]postback.Delivery, error)
	// Event returns one event with its deliveries; CodeNotFound.
	Event(ctx context.Context, id string) (postback.Event, []postback.Delivery, error)
	Events(ctx context.Context, filter postback.EventFilter, page postback.Page) ([]postback.Event, string, error)
}

// Endpoints says who wants an event.
type Endpoints interface {
	Matching(publisher, eventType string) []postback.Endpoint
	// Has reports whether a publisher has any endpoint.
	Has(publisher string) bool
	Endpoint(id string) (postback.Endpoint, bool)
	// Of lists the ids of a publisher's endpoints, deleted ones too.
	Of(publisher string) []string
}

// Rules are what the endpoints' schemes say of events.
type Rules interface {
	// CheckEvent refuses an event that an endpoint's scheme cannot carry. The error
	// names the field.
	CheckEvent(endpoint postback.Endpoint, event postback.Event) error
	// EmptyMacros warns of what the endpoint gets without a value.
	EmptyMacros(endpoint postback.Endpoint, event postback.Event) []postback.Warning
	// Reference is what the delivery of an event to an endpoint is looked up by;
	// empty when the event has nothing that fits.
	Reference(endpoint postback.Endpoint, event postback.Event) string
	// OrderKey is the same for events whose deliveries to the endpoint go one after
	// another; empty when an event's waits for no other.
	OrderKey(endpoint postback.Endpoint, event postback.Event) string
}

// Queue is the run queue.
type Queue interface {
	// Enqueue queues one attempt; false means that it is queued already.
	Enqueue(ctx context.Context, attempt task.Attempt) (bool, error)
	// Takeover says who has an attempt that is queued already, and forgets it if
	// that is a worker that crashed: nobody has it then.
	Takeover(ctx context.Context, attempt task.Attempt) (task.Holder, error)
	// Depth counts the attempts that are queued on each lane.
	Depth(ctx context.Context) (task.Depth, error)
}

// Options are the parts of a Dispatcher. All but the times and sizes are required.
type Options struct {
	Ledger     Ledger
	Waiting    Waiting
	Parking    Parking
	Groups     Groups
	Replays    Replays
	ReplayJobs ReplayJobs
	Endpoints  Endpoints
	Rules      Rules
	Circuits   Circuits
	Limits     Limits
	Holds      Holds
	Queue      Queue
	Epochs     Epochs
	// Embedded says that the queue is in this process, and so empty at each start.
	Embedded bool
	Tracer   trace.Tracer
	Meter    metric.Meter // nil: nothing is counted
	Logger   *slog.Logger
	// MaxQueued bounds how many attempts are in each lane of the queue at once, in
	// all shards together; the rest waits in the ledger.
	MaxQueued int
	// MaxInFlight is how many attempts to one endpoint a worker makes at once,
	// unless the endpoint has a number of its own, which counts up to MostInFlight
	// (0: any): no endpoint is to hold all workers of its shard.
	MaxInFlight, MostInFlight int
	// MaxInFlightPublisher is how many attempts to the endpoints of one publisher
	// in one shard a worker makes at once (0: any).
	MaxInFlightPublisher int
	// Shards is over how many shards the endpoints are spread. Zero means one.
	Shards int
	// MaxReplays is how many replays of one publisher may run at once, and how many
	// that name none (0: any).
	MaxReplays int
	// ReplayRate is how many deliveries per second this process reopens for all
	// replays together (0: any), so that they leave new deliveries most of what it
	// can do.
	ReplayRate int
	// Grace is how long a queued attempt may take before the sweeper looks
	// after it. Zero means 45 s: longer than the lease of a dead worker.
	Grace time.Duration
	// Now is the ledger's clock. Nil means time.Now.
	Now func() time.Time
	// Senders is how many enqueues are under way at once; they share round
	// trips. Zero means 32.
	Senders int
	// Handoff is how many accepted deliveries may wait for a sender while Redis is
	// slow. Zero means 2048.
	Handoff int
	// Share is how many attempts of one endpoint may be in a lane of the queue at
	// once. Zero means 256.
	Share int
	// PublisherShare is how many of all endpoints of a publisher may. Zero means four
	// times Share.
	PublisherShare int
	// ReplayWindow is how many of the deliveries that a replay job reopened may be
	// due in the ledger at once. Zero means 1000.
	ReplayWindow int
}

// Dispatcher accepts events and keeps the queue filled. It is safe for
// concurrent use.
type Dispatcher struct {
	Options

	events  eventCounter
	handoff *handoff
	lanes   *lanes
	busy    busy
	paces   paces         // of the work on replays
	replays *rate.Limiter // of all of them together
	// jobRounds and publisherRounds say which replay is next, and whose.
	jobRounds, publisherRounds rounds
	releases                   releases
	crews                      releaseCrews
	groupLooks                 int // of the one goroutine that looks after ordering groups
	wake                       chan struct{}
	backlogs                   atomic.Pointer[map[string]bool]
	now                        func() time.Time
}

// Defaults of the options.
const (
	defaultGrace   = 45 * time.Second
	defaultSenders = 32
	defaultHandoff = 2048
	// A lane is worked off in the order in which it was filled, so what one
	// endpoint has in there is what the others wait for: no more than the workers
	// of a shard see to in a moment.
	defaultShare = 256
	// A publisher with many endpoints is no more to the others than one with a few.
	defaultPublisherShares = 4
	// More than the queue takes in until the next turn, and few enough to be
	// counted at each.
	defaultReplayWindow = 1000
)

// New makes a Dispatcher. Run has to be called for it to fill the queue.
func New(options Options) (*Dispatcher, error) {
	if options.Ledger == nil || options.Waiting == nil || options.Parking == nil || options.Groups == nil || options.Replays == nil || options.ReplayJobs == nil || options.Endpoints == nil ||
		options.Rules == nil || options.Circuits == nil || options.Limits == nil || options.Holds == nil || options.Queue == nil || options.Epochs == nil || options.Tracer == nil || options.Logger == nil {
		return nil, errors.New("make dispatcher: a part is missing")
	}
	if options.MaxQueued < 1 || options.MaxInFlight < 1 {
		return nil, errors.New("make dispatcher: MaxQueued and MaxInFlight must be at least 1")
	}
	options = options.withDefaults()
	d := &Dispatcher{Options: options, handoff: newHandoff(options.Handoff), lanes: newLanes(options), busy: busy{until: map[postback.Ref]pending{}}, paces: paces{}, replays: newReplayLimiter(options.ReplayRate), releases: newReleases(), crews: newReleaseCrews(), wake: make(chan struct{}, 1), now: options.Now}
	var err error
	if d.events, err = newEventCounter(options.Meter); err != nil {
		return nil, err
	}
	d.backlogs.Store(&map[string]bool{})
	return d, nil
}

func (o Options) withDefaults() Options {
	o.Grace = cmp.Or(o.Grace, defaultGrace)
	o.Senders = cmp.Or(o.Senders, defaultSenders)
	o.Handoff = cmp.Or(o.Handoff, defaultHandoff)
	o.Share = cmp.Or(o.Share, defaultShare)
	o.PublisherShare = cmp.Or(o.PublisherShare, defaultPublisherShares*o.Share)
	o.ReplayWindow = cmp.Or(o.ReplayWindow, defaultReplayWindow)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Meter == nil {
		o.Meter = noop.Meter{}
	}
	return o
}
