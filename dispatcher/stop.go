package dispatcher

import (
	"context"
	"log/slog"
	"time"
)

// stopPatience is how long what has begun may go on when the process stops.
const stopPatience = 5 * time.Second

// outlasting is a context for what is not to be cut off in the middle: it ends
// stopPatience after ctx does.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		late := time.AfterFunc(stopPatience, cancel)
		context.AfterFunc(longer, func() { late.Stop() })
	})
	return longer, func() { stop(); cancel() }
}

// leaveToOthers makes due again what a process that stops could not put into the queue:
// until the grace is over, nobody else would look at it.
func (d *Dispatcher) leaveToOthers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	d.resend(ctx)
	if !d.handoff.refused() {
		return
	}
	if _, err := d.requeue(ctx, d.now()); err != nil {
		d.Logger.WarnContext(ctx, "requeue failed, deliveries are delayed", slog.Any("error", err))
	}
}
