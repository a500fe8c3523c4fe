package dispatcher

import (
	"context"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// SetClock replaces the clock.
func (d *Dispatcher) SetClock(now func() time.Time) { d.now = now }

// Sweep, Watch, ReleaseParked and WorkOnReplays are one turn each of what Run
// does again and again.

func (d *Dispatcher) Sweep(ctx context.Context) error { return d.sweep(ctx) }

func (d *Dispatcher) Watch(ctx context.Context) error { return d.watch(ctx) }

func (d *Dispatcher) ReleaseParked(ctx context.Context) error { return d.releaseParked(ctx) }

func (d *Dispatcher) WorkOnReplays(ctx context.Context) error { return d.workOnReplays(ctx) }

// Allowance is how many deliveries a replay may open now.
func (d *Dispatcher) Allowance(job postback.ReplayJob) int { return d.allowance(job) }

// OutboxSize is how much may wait while Redis is slow.
const OutboxSize = outboxSize
