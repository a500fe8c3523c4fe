package outage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/waybillhq/waybill/internal/loop"
	"github.com/waybillhq/waybill/postback"
)

const (
	// interval is how late the alert of an outage may be, roughly.
	interval = time.Second
	// noteInterval is how often the state of it is written to the ledger.
	noteInterval = 10 * time.Second
	// checkInterval is how often it is asked whether the egress path is there at all.
	checkInterval = 5 * time.Second
	// lostAfter is when a process that says nothing more of its outage is gone.
	lostAfter = 2 * time.Minute
)

// Ledger keeps which processes are in an outage, and has operators told.
type Ledger interface {
	NoteOutage(ctx context.Context, outage postback.Outage) error
	EndOutage(ctx context.Context, process string, at time.Time) error
	Outages(ctx context.Context) ([]postback.Outage, error)
}

// Missing is why nothing can be sent at all.
type Missing struct{ Code, Message string }

// Options are the parts of a Keeper; all but Check and Now are required.
type Options struct {
	Monitor *Monitor
	Ledger  Ledger
	// Process names this one, of all that ever ran.
	Process string
	// Check says what is missing; nil for nothing. Nil: nothing is checked.
	Check  func(ctx context.Context) *Missing
	Meter  metric.Meter
	Logger *slog.Logger
	// Now is the ledger's clock. Nil means time.Now.
	Now func() time.Time
}

// Keeper tells the ledger of this process's outages, and of the end of those whose
// process is gone.
type Keeper struct {
	Options

	noted   time.Time // when the outage was written to the ledger last; zero: there is none
	checked time.Time
	swept   time.Time
}

// NewKeeper makes a Keeper that does nothing before Run.
func NewKeeper(options Options) (*Keeper, error) {
	if options.Monitor == nil || options.Ledger == nil || options.Process == "" || options.Meter == nil || options.Logger == nil {
		return nil, errors.New("make keeper: a part is missing")
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	k := &Keeper{Options: options}
	return k, k.measure()
}

func (k *Keeper) measure() error {
	_, err := k.Meter.Int64ObservableGauge("waybill.egress.outage",
		metric.WithDescription("Whether this process cannot send, through no fault of an endpoint: 1 or 0."),
		metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
			down := int64(0)
			if _, is := k.Monitor.State(k.Now()); is {
				down = 1
			}
			observer.Observe(down)
			return nil
		}))
	if err != nil {
		return fmt.Errorf("make metric: %w", err)
	}
	return nil
}

// Run looks every second until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	look := func(ctx context.Context) error { return k.Look(ctx, k.Now()) }
	loop.Run(ctx, loop.Job{Name: "watch the way out", Every: interval, Do: look, Logger: k.Logger})
}

// Look tells the ledger what there is to tell now. It is not safe for concurrent
// use.
func (k *Keeper) Look(ctx context.Context, now time.Time) error {
	k.check(ctx, now)
	state, down := k.Monitor.State(now)
	var err error
	switch {
	case down && now.Sub(k.noted) >= noteInterval:
		state.Process = k.Process
		err = k.Ledger.NoteOutage(ctx, exact(state))
	case !down && !k.noted.IsZero():
		err = k.Ledger.EndOutage(ctx, k.Process, now.Truncate(time.Microsecond))
	default:
		return k.sweep(ctx, now)
	}
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	k.noted = time.Time{}
	if down {
		k.noted = now
	}
	return nil
}

// check asks now and then whether the egress path is there, whatever is sent.
func (k *Keeper) check(ctx context.Context, now time.Time) {
	if k.Check == nil || now.Sub(k.checked) < checkInterval {
		return
	}
	k.checked = now
	if missing := k.Check(ctx); missing != nil {
		k.Monitor.Missing(missing.Code, missing.Message, now)
	}
}

// sweep ends the outages of processes that are gone.
func (k *Keeper) sweep(ctx context.Context, now time.Time) error {
	if now.Sub(k.swept) < noteInterval {
		return nil
	}
	all, err := k.Ledger.Outages(ctx)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	for _, one := range all {
		if one.Process == k.Process || now.Sub(one.At) < lostAfter {
			continue
		}
		if err := k.Ledger.EndOutage(ctx, one.Process, now.Truncate(time.Microsecond)); err != nil {
			return err //nolint:wrapcheck // it says what it was doing
		}
	}
	k.swept = now
	return nil
}

// exact has times as ledgers keep them.
func exact(state postback.Outage) postback.Outage {
	state.Since, state.At = state.Since.Truncate(time.Microsecond), state.At.Truncate(time.Microsecond)
	return state
}
