// Package clock tells the time by the ledger's clock, which all processes share.
//
// It guarantees that two processes which follow the same ledger agree on the
// time, to within twice the tolerance and what a round trip to the ledger leaves
// uncertain, whatever the clocks of their hosts say and however these are set
// meanwhile; that a difference within the tolerance moves nothing; and that while
// the ledger is away the time goes on from what it said last.
package clock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/waybillhq/waybill/internal/loop"
)

const (
	// glance is how often the host's clock is looked at.
	glance = time.Second
	// stale is how long a measurement is believed.
	stale = 5 * time.Second
	// tolerance is what the ledger's clock may differ from what was believed of it
	// before that is corrected.
	tolerance = 50 * time.Millisecond
	// Noticeable is how far a host's clock may be from the ledger's before the
	// operator is warned.
	Noticeable = time.Second
	// trips are made for one measurement, until one is swift: the fastest says most.
	trips = 5
	swift = 10 * time.Millisecond
)

// Ledger has the clock that counts.
type Ledger interface {
	Now(ctx context.Context) (time.Time, error)
}

// Reading is what a host's clocks say at one moment.
type Reading struct {
	Wall time.Time     // as it is set, by hand too
	Up   time.Duration // since some moment; nobody sets that
}

// Host reads this host's clocks.
func Host() func() Reading {
	began := time.Now()
	return func() Reading {
		now := time.Now()
		return Reading{Wall: now.Round(0), Up: now.Sub(began)}
	}
}

// Options are the parts of a Follower; all are required.
type Options struct {
	Ledger Ledger
	Host   func() Reading
	Logger *slog.Logger
}

// Follower tells the ledger's time. Now is safe for concurrent use, Measure and
// Run are one caller's.
type Follower struct {
	Options

	known    atomic.Pointer[mark]
	measured Reading // when the ledger was asked last
	off      bool    // the log says that this host's clock is off
}

// mark is a moment of which both times are known.
type mark struct {
	up     time.Duration
	ledger time.Time
}

// at is the ledger's time at a moment.
func (m mark) at(up time.Duration) time.Time { return m.ledger.Add(up - m.up) }

// New makes a Follower that believes this host's clock until Measure.
func New(options Options) (*Follower, error) {
	if options.Ledger == nil || options.Host == nil || options.Logger == nil {
		return nil, errors.New("make clock: a part is missing")
	}
	f := &Follower{Options: options, measured: options.Host()}
	f.known.Store(&mark{up: f.measured.Up, ledger: f.measured.Wall})
	return f, nil
}

// Now is the ledger's time.
func (f *Follower) Now() time.Time { return f.known.Load().at(f.Host().Up) }

// Run follows the ledger's clock until ctx ends.
func (f *Follower) Run(ctx context.Context) {
	loop.Run(ctx, loop.Job{Name: "follow the ledger's clock", Every: glance, Do: f.Look, Logger: f.Logger})
}

// Look measures when it is time to, or when this host's clock was set or the host
// slept.
func (f *Follower) Look(ctx context.Context) error {
	now := f.Host()
	passed := now.Up - f.measured.Up
	jumped := now.Wall.Sub(f.measured.Wall) - passed
	if passed < stale && jumped.Abs() <= tolerance {
		return nil
	}
	return f.Measure(ctx)
}

// Measure asks the ledger for its time.
func (f *Follower) Measure(ctx context.Context) error {
	best, err := f.best(ctx)
	if err != nil {
		return fmt.Errorf("ask the ledger for its time: %w", err)
	}
	unsure := best.took / 2
	if gap := best.ledger.Sub(f.known.Load().at(best.up)); gap.Abs() > max(tolerance, unsure) {
		f.known.Store(&best.mark)
	}
	f.measured = f.Host()
	f.report(ctx, best.ledger.Sub(best.wall), unsure)
	return nil
}

// trip is one question for the ledger's time: the mark is of its middle.
type trip struct {
	mark

	wall time.Time // of this host
	took time.Duration
}

// best is the fastest of some trips.
func (f *Follower) best(ctx context.Context) (trip, error) {
	var best trip
	for i := range trips {
		asked := f.Host()
		ledgerNow, err := f.Ledger.Now(ctx)
		if err != nil {
			return trip{}, err //nolint:wrapcheck // Measure says what it was doing
		}
		took := f.Host().Up - asked.Up
		if i == 0 || took < best.took {
			best = trip{mark: mark{up: asked.Up + took/2, ledger: ledgerNow}, wall: asked.Wall.Add(took / 2), took: took}
		}
		if best.took <= swift {
			break
		}
	}
	return best, nil
}

// report logs once that this host's clock is off, and once that it is not any more.
func (f *Follower) report(ctx context.Context, ahead, unsure time.Duration) {
	off := ahead.Abs() > Noticeable+unsure
	if off && !f.off {
		f.Logger.WarnContext(ctx, "host clock differs from the ledger's, which is used",
			slog.Duration("ledger_ahead", ahead.Round(time.Millisecond)), slog.String("remedy", Remedy))
	}
	if !off && f.off {
		f.Logger.InfoContext(ctx, "host clock agrees with the ledger's again")
	}
	f.off = off
}

// Remedy says what to do about a clock that is off.
const Remedy = "keep the clocks of all hosts, the database's first, right with NTP: deliveries go by the database's"
