// Package retention keeps the ledger from growing for ever.
//
// It guarantees that the ledger is ready for the week to come, that what ended
// longer ago than it is to be kept goes within about an hour, that this work
// leaves the ledger to others most of the time, and that what has not ended is
// never forgotten (the ledger ensures that). Several processes may do it at once.
package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/waybillhq/waybill/internal/loop"
)

// The pace.
const (
	interval = time.Hour // between passes, give or take a tenth
	again    = time.Minute
	ahead    = 7 * 24 * time.Hour // that the ledger is prepared for
	rests    = 4                  // as many times as long as a step took: one fifth of the time is used
	longest  = 5 * time.Second    // that one rest takes
)

// Ledger makes room and purges expired history.
type Ledger interface {
	// Prepare makes ready for what is written until the given time.
	Prepare(ctx context.Context, until time.Time) error
	// Prune forgets one step's worth of what ended before the given time and
	// says how many rows went; 0 is the end.
	Prune(ctx context.Context, before time.Time) (int, error)
}

// Options are what a Keeper needs.
type Options struct {
	Ledger Ledger
	Keep   time.Duration // after its end; 0 keeps everything
	Every  time.Duration // between passes, give or take a tenth; 0 is an hour
	Meter  metric.Meter
	Logger *slog.Logger
	Random func() float64 // from 0 to 1, 1 left out
	// Now is the ledger's clock. Nil means time.Now.
	Now func() time.Time
}

// Keeper keeps a ledger from growing for ever.
type Keeper struct {
	Options
	forgotten metric.Int64Counter
}

// New makes a keeper that does nothing before Run.
func New(options Options) (*Keeper, error) {
	if options.Ledger == nil || options.Meter == nil || options.Logger == nil || options.Random == nil || options.Keep < 0 {
		return nil, errors.New("make retention: Ledger, Meter, Logger and Random are required, and Keep is not negative")
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	forgotten, err := options.Meter.Int64Counter("waybill.ledger.forgotten", metric.WithDescription("Rows that the ledger forgot because of their age."))
	if err != nil {
		return nil, fmt.Errorf("make retention metric: %w", err)
	}
	return &Keeper{Options: options, forgotten: forgotten}, nil
}

// Run works at once and then each hour, or as Every says, until ctx ends; while
// the ledger fails, each minute.
func (k *Keeper) Run(ctx context.Context) {
	loop.Run(ctx, loop.Job{Name: "purge expired history", Pause: k.pause, Do: k.pass, Logger: k.Logger})
}

// pause is the time to the next pass. It varies, so that processes that started
// together do not stay together.
func (k *Keeper) pause(last loop.Turn) time.Duration {
	base := cmp.Or(k.Every, interval)
	switch {
	case last.Number == 0:
		return 0
	case last.Err != nil:
		base = min(base, again)
	}
	return time.Duration((0.9 + 0.2*k.Random()) * float64(base))
}

// pass prepares the ledger and forgets all that is old now.
func (k *Keeper) pass(ctx context.Context) error {
	start := k.Now()
	if err := k.Ledger.Prepare(ctx, start.Add(ahead)); err != nil {
		return fmt.Errorf("prepare the ledger: %w", err)
	}
	if k.Keep == 0 {
		return nil
	}
	before := start.Add(-k.Keep)
	total, err := k.prune(ctx, before)
	if total > 0 {
		k.Logger.InfoContext(ctx, "purged expired history",
			slog.Int("rows", total), slog.Time("ended_before", before), slog.Duration("took", k.Now().Sub(start)))
	}
	return err
}

// prune goes step by step, with rests between them.
func (k *Keeper) prune(ctx context.Context, before time.Time) (total int, err error) {
	for {
		start := time.Now()
		n, err := k.Ledger.Prune(ctx, before)
		if err != nil {
			return total, fmt.Errorf("purge expired history: %w", err)
		}
		if n == 0 {
			return total, nil
		}
		total += n
		k.forgotten.Add(ctx, int64(n))
		if !rest(ctx, min(rests*time.Since(start), longest)) {
			return total, context.Cause(ctx) //nolint:wrapcheck // the loop knows it
		}
	}
}

// rest waits and reports whether ctx let it.
func rest(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
