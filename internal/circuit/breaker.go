package circuit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Ledger keeps which endpoints are in trouble, for all processes.
type Ledger interface {
	NoteFailures(ctx context.Context, more postback.Trouble) error
	OpenCircuit(ctx context.Context, endpointID string, at, probeAt time.Time) (bool, error)
	Recover(ctx context.Context, endpointID string, at time.Time) (postback.Trouble, bool, error)
	TroublesSince(ctx context.Context, mark int64) (postback.TroubleChanges, error)
}

// Prober lets parked deliveries go one at a time; false when there is none, or
// another process has sent this probe.
type Prober interface {
	Probe(ctx context.Context, trouble postback.Trouble, at, next time.Time) (bool, error)
}

const (
	// noteAfter failures in a row are recorded: one alone is not.
	noteAfter = 3
	// noteInterval is how often an endpoint's failures are written to the
	// ledger; those of the meantime are counted here.
	noteInterval = 10 * time.Second
	// forgetAfter is when a streak that did not go on is forgotten.
	forgetAfter = 24 * time.Hour
	// maxAlone bounds how far back a trouble may begin with what this process
	// knows alone: before that another one may have seen a success.
	maxAlone = time.Minute
)

// Options are the parts of a Breaker; all are required.
type Options struct {
	Ledger Ledger
	Prober Prober
	Policy Policy
	Random func() float64 // in [0, 1)
	Logger *slog.Logger
}

// Breaker opens and closes the circuits of endpoints. What it knows of other
// processes is as old as the last Refresh. It is safe for concurrent use.
type Breaker struct {
	Options

	monitor *Monitor

	mu       sync.Mutex
	troubles map[string]postback.Trouble // as in the ledger at the last Refresh
	ahead    map[string]postback.Trouble // what this process did since; without an endpoint: it ended
	mark     int64                       // of the last Refresh; 0: all is to be read
	parts    int                         // how often only what changed was read
	streaks  map[string]streak           // of endpoints that failed, or were recorded just now
	cleared  time.Time                   // when old streaks were forgotten last
}

// streak is an endpoint's failures since its last success, as far as the ledger does not
// have them.
type streak struct {
	since time.Time // the first that the ledger does not know
	count int       // of those
	last  time.Time
	noted time.Time // when it was recorded last
}

// NewBreaker makes a Breaker that knows of no trouble yet; Refresh fills it.
func NewBreaker(options Options) (*Breaker, error) {
	if options.Ledger == nil || options.Prober == nil || options.Random == nil || options.Logger == nil || options.Policy.Window == 0 {
		return nil, errors.New("make breaker: a part is missing")
	}
	return &Breaker{
		Options: options, monitor: NewMonitor(options.Policy),
		troubles: map[string]postback.Trouble{}, ahead: map[string]postback.Trouble{}, streaks: map[string]streak{},
	}, nil
}

// Succeeded tells of an attempt that succeeded: it ends the endpoint's trouble.
// An open circuit is closed by a probe alone: others may have been under way
// since before it opened. That the ledger could not be written is logged; the next
// success tells it.
func (b *Breaker) Succeeded(ctx context.Context, endpointID string, probe bool, at time.Time) {
	b.monitor.Observe(endpointID, false, at)
	if !b.well(endpointID, probe, at) {
		return
	}
	if _, _, err := b.Ledger.Recover(ctx, endpointID, at.Truncate(time.Microsecond)); err != nil {
		b.Logger.WarnContext(ctx, "cannot record that an endpoint recovered", slog.String("endpoint", endpointID), slog.Any("error", err))
		return
	}
	b.mu.Lock()
	b.ahead[endpointID] = postback.Trouble{}
	b.mu.Unlock()
}

// well ends the streak, and reports whether the ledger's has to be ended.
func (b *Breaker) well(endpointID string, probe bool, at time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, found := b.streaks[endpointID]; found && at.Sub(known.noted) < noteInterval {
		b.streaks[endpointID] = streak{last: at, noted: known.noted} // one that comes and goes is not recorded each time
	} else {
		delete(b.streaks, endpointID)
	}
	trouble := b.trouble(endpointID)
	return probe || trouble.EndpointID != "" && !trouble.Open()
}

// Failed tells of an attempt that failed, and opens the circuit when there are
// too many of them. That the ledger could not be written is logged; the next
// failures tell it.
func (b *Breaker) Failed(ctx context.Context, endpointID, code string, at time.Time) {
	at = at.Truncate(time.Microsecond) // as ledgers keep it
	open := b.monitor.Observe(endpointID, true, at) && !b.Open(endpointID)
	unsaved, due := b.count(endpointID, at, open)
	if !due {
		return
	}
	if err := b.save(ctx, endpointID, code, unsaved, at, open); err != nil {
		b.restore(endpointID, unsaved)
		b.Logger.WarnContext(ctx, "cannot record that an endpoint fails", slog.String("endpoint", endpointID), slog.Any("error", err))
	}
}

// count counts a failure, and returns all that the ledger does not have when it
// is time to record it.
func (b *Breaker) count(endpointID string, at time.Time, open bool) (unsaved streak, due bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear(at)
	known := b.streaks[endpointID]
	if known.count == 0 {
		known.since = at
	}
	known.count++
	known.last = at
	troubled := b.trouble(endpointID).EndpointID != ""
	due = open || (known.count >= noteAfter || troubled) && at.Sub(known.noted) >= noteInterval
	if unsaved = known; !troubled && at.Sub(unsaved.since) > maxAlone {
		unsaved.since = at
	}
	if due {
		known.count, known.noted = 0, at
	}
	b.streaks[endpointID] = known
	return unsaved, due
}

// clear forgets streaks that did not go on, now and then.
func (b *Breaker) clear(at time.Time) {
	if at.Sub(b.cleared) < noteInterval {
		return
	}
	b.cleared = at
	maps.DeleteFunc(b.streaks, func(_ string, s streak) bool {
		return at.Sub(s.last) >= forgetAfter || s.count == 0 && at.Sub(s.last) >= noteInterval
	})
}

// restore counts failures again that could not be recorded.
func (b *Breaker) restore(endpointID string, unsaved streak) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.streaks[endpointID]
	known.count, known.since = known.count+unsaved.count, unsaved.since
	b.streaks[endpointID] = known
}

func (b *Breaker) save(ctx context.Context, endpointID, code string, unsaved streak, at time.Time, open bool) error {
	trouble := postback.Trouble{EndpointID: endpointID, Since: unsaved.since, FailedAt: at, Failures: unsaved.count, LastError: code}
	if err := b.Ledger.NoteFailures(ctx, trouble); err != nil {
		return err //nolint:wrapcheck // Failed says what it was doing
	}
	if open {
		trouble.OpenedAt, trouble.TriedAt, trouble.ProbeAt = at, at, b.probeAfter(at, 0)
		if _, err := b.Ledger.OpenCircuit(ctx, endpointID, at, trouble.ProbeAt); err != nil {
			return err //nolint:wrapcheck // Failed says what it was doing
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.trouble(endpointID); known.EndpointID == "" || open && !known.Open() {
		b.ahead[endpointID] = trouble // the next Refresh has it exactly
	}
	return nil
}

// probeAfter is the time of the next probe after so many that failed.
func (b *Breaker) probeAfter(at time.Time, failed int) time.Time {
	return at.Add(b.Policy.ProbeDelay(failed, b.Random)).Truncate(time.Microsecond)
}

// Probe gives what sends one of an endpoint's parked deliveries to find out whether
// it has recovered, unless another process does; nil while it is not time to. It is
// time at once when the endpoint was changed, or resumed, since it was tried last.
func (b *Breaker) Probe(endpoint postback.Endpoint, now time.Time) func(ctx context.Context) error {
	trouble, _ := b.Trouble(endpoint.ID)
	changed := endpoint.UpdatedAt.After(trouble.TriedAt)
	if !trouble.Open() || now.Before(trouble.ProbeAt) && !changed {
		return nil
	}
	if changed && endpoint.UpdatedAt.After(now) {
		now = endpoint.UpdatedAt // by a clock that is ahead: this probe is for that change, too
	}
	now = now.Truncate(time.Microsecond)
	next := b.probeAfter(now, trouble.Probes+1)
	return func(ctx context.Context) error { return b.probe(ctx, trouble, now, next) }
}

func (b *Breaker) probe(ctx context.Context, trouble postback.Trouble, now, next time.Time) error {
	sent, err := b.Prober.Probe(ctx, trouble, now, next)
	if err != nil {
		return fmt.Errorf("probe endpoint: %w", err)
	}
	if !sent {
		return nil // nothing waits, or another process sent it: Refresh tells
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if id := trouble.EndpointID; b.trouble(id) == trouble {
		trouble.Probes, trouble.TriedAt, trouble.ProbeAt = trouble.Probes+1, now, next
		b.ahead[id] = trouble
	}
	return nil
}
