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

// Ledger keeps which endpoints are failing, for all processes.
type Ledger interface {
	NoteFailures(ctx context.Context, more postback.FailureStreak) error
	OpenCircuit(ctx context.Context, endpointID string, at, probeAt time.Time) (bool, error)
	Recover(ctx context.Context, endpointID string, at time.Time) (postback.FailureStreak, bool, error)
	StreaksSince(ctx context.Context, mark int64) (postback.StreakChanges, error)
}

// Prober lets parked deliveries go one at a time; false when there is none, or
// another process has sent this probe.
type Prober interface {
	Probe(ctx context.Context, streak postback.FailureStreak, at, next time.Time) (bool, error)
}

const (
	// noteAfter failures in a row are recorded: one alone is not.
	noteAfter = 3
	// noteInterval is how often an endpoint's failures are written to the
	// ledger; those of the meantime are counted here.
	noteInterval = 10 * time.Second
	// forgetAfter is when a streak that did not go on is forgotten.
	forgetAfter = 24 * time.Hour
	// maxAlone bounds how far back a failure streak may begin with what this process
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

	mu      sync.Mutex
	known   map[string]postback.FailureStreak // as in the ledger at the last Refresh
	ahead   map[string]postback.FailureStreak // what this process did since; without an endpoint: it ended
	mark    int64                             // of the last Refresh; 0: all is to be read
	parts   int                               // how often only what changed was read
	unsaved map[string]unsavedStreak          // of endpoints that failed, or were recorded just now
	cleared time.Time                         // when old streaks were forgotten last
}

// unsavedStreak is an endpoint's failures since its last success, as far as the ledger
// does not have them.
type unsavedStreak struct {
	since time.Time // the first that the ledger does not know
	count int       // of those
	last  time.Time
	noted time.Time // when it was recorded last
}

// NewBreaker makes a Breaker that knows of no streak yet; Refresh fills it.
func NewBreaker(options Options) (*Breaker, error) {
	if options.Ledger == nil || options.Prober == nil || options.Random == nil || options.Logger == nil || options.Policy.Window == 0 {
		return nil, errors.New("make breaker: a part is missing")
	}
	return &Breaker{
		Options: options, monitor: NewMonitor(options.Policy),
		known: map[string]postback.FailureStreak{}, ahead: map[string]postback.FailureStreak{}, unsaved: map[string]unsavedStreak{},
	}, nil
}

// Succeeded records an attempt that succeeded: it ends the endpoint's streak.
// An open circuit is closed by a probe alone: others may have been under way
// since before it opened. That the ledger could not be written is logged; the next
// success tells it.
func (b *Breaker) Succeeded(ctx context.Context, endpointID string, probe bool, at time.Time) {
	b.monitor.Observe(endpointID, false, at)
	if !b.well(endpointID, probe, at) {
		return
	}
	if _, _, err := b.Ledger.Recover(ctx, endpointID, at.Truncate(time.Microsecond)); err != nil {
		b.Logger.WarnContext(ctx, "endpoint recovery not recorded", slog.String("endpoint", endpointID), slog.Any("error", err))
		return
	}
	b.mu.Lock()
	b.ahead[endpointID] = postback.FailureStreak{}
	b.mu.Unlock()
}

// well ends the streak, and reports whether the ledger's has to be ended.
func (b *Breaker) well(endpointID string, probe bool, at time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, found := b.unsaved[endpointID]; found && at.Sub(known.noted) < noteInterval {
		b.unsaved[endpointID] = unsavedStreak{last: at, noted: known.noted} // one that comes and goes is not recorded each time
	} else {
		delete(b.unsaved, endpointID)
	}
	streak := b.streak(endpointID)
	return probe || streak.EndpointID != "" && !streak.Open()
}

// Failed records an attempt that failed, and opens the circuit when there are
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
		b.Logger.WarnContext(ctx, "endpoint failure not recorded", slog.String("endpoint", endpointID), slog.Any("error", err))
	}
}

// count counts a failure, and returns all that the ledger does not have when it
// is time to record it.
func (b *Breaker) count(endpointID string, at time.Time, open bool) (unsaved unsavedStreak, due bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear(at)
	known := b.unsaved[endpointID]
	if known.count == 0 {
		known.since = at
	}
	known.count++
	known.last = at
	recorded := b.streak(endpointID).EndpointID != ""
	due = open || (known.count >= noteAfter || recorded) && at.Sub(known.noted) >= noteInterval
	if unsaved = known; !recorded && at.Sub(unsaved.since) > maxAlone {
		unsaved.since = at
	}
	if due {
		known.count, known.noted = 0, at
	}
	b.unsaved[endpointID] = known
	return unsaved, due
}

// clear forgets streaks that did not go on, now and then.
func (b *Breaker) clear(at time.Time) {
	if at.Sub(b.cleared) < noteInterval {
		return
	}
	b.cleared = at
	maps.DeleteFunc(b.unsaved, func(_ string, s unsavedStreak) bool {
		return at.Sub(s.last) >= forgetAfter || s.count == 0 && at.Sub(s.last) >= noteInterval
	})
}

// restore counts failures again that could not be recorded.
func (b *Breaker) restore(endpointID string, unsaved unsavedStreak) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.unsaved[endpointID]
	known.count, known.since = known.count+unsaved.count, unsaved.since
	b.unsaved[endpointID] = known
}

func (b *Breaker) save(ctx context.Context, endpointID, code string, unsaved unsavedStreak, at time.Time, open bool) error {
	streak := postback.FailureStreak{EndpointID: endpointID, Since: unsaved.since, FailedAt: at, Failures: unsaved.count, LastError: code}
	if err := b.Ledger.NoteFailures(ctx, streak); err != nil {
		return err //nolint:wrapcheck // Failed says what it was doing
	}
	if open {
		streak.OpenedAt, streak.TriedAt, streak.ProbeAt = at, at, b.probeAfter(at, 0)
		if _, err := b.Ledger.OpenCircuit(ctx, endpointID, at, streak.ProbeAt); err != nil {
			return err //nolint:wrapcheck // Failed says what it was doing
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.streak(endpointID); known.EndpointID == "" || open && !known.Open() {
		b.ahead[endpointID] = streak // the next Refresh has it exactly
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
	streak, _ := b.Streak(endpoint.ID)
	changed := endpoint.UpdatedAt.After(streak.TriedAt)
	if !streak.Open() || now.Before(streak.ProbeAt) && !changed {
		return nil
	}
	if changed && endpoint.UpdatedAt.After(now) {
		now = endpoint.UpdatedAt // by a clock that is ahead: this probe is for that change, too
	}
	now = now.Truncate(time.Microsecond)
	next := b.probeAfter(now, streak.Probes+1)
	return func(ctx context.Context) error { return b.probe(ctx, streak, now, next) }
}

func (b *Breaker) probe(ctx context.Context, streak postback.FailureStreak, now, next time.Time) error {
	sent, err := b.Prober.Probe(ctx, streak, now, next)
	if err != nil {
		return fmt.Errorf("probe endpoint: %w", err)
	}
	if !sent {
		return nil // nothing waits, or another process sent it: Refresh tells
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if id := streak.EndpointID; b.streak(id) == streak {
		streak.Probes, streak.TriedAt, streak.ProbeAt = streak.Probes+1, now, next
		b.ahead[id] = streak
	}
	return nil
}
