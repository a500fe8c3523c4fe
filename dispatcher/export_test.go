package dispatcher

import (
	"cmp"
	"context"
	"time"

	"github.com/waybillhq/waybill/internal/loop"
	"github.com/waybillhq/waybill/postback"
)

// Sweep, Watch, ReleaseParked, ReleaseTurn, ExpireParked, LookAfterGroups and
// WorkOnReplays run the jobs of Run once.

func (d *Dispatcher) Sweep(ctx context.Context) error { return d.requeue.run(ctx) }

func (d *Dispatcher) Watch(ctx context.Context) error { return d.rebuild.watch(ctx) }

func (d *Dispatcher) ReleaseParked(ctx context.Context) error {
	err := d.release.check(ctx)
	d.release.crews.wait()
	return cmp.Or(d.release.state.failure(), err)
}

func (d *Dispatcher) ReleaseTurn(ctx context.Context) error {
	err := d.release.run(ctx)
	d.release.crews.wait()
	return err
}

func (d *Dispatcher) ExpireParked(ctx context.Context) error { return d.expire.run(ctx) }

func (d *Dispatcher) LookAfterGroups(ctx context.Context) error { return d.groups.run(ctx) }

func (d *Dispatcher) WorkOnReplays(ctx context.Context) error {
	_, err := d.replayWork.run(ctx)
	return err
}

// Woken does work whenever requeueing is woken, until ctx ends.
func (d *Dispatcher) Woken(ctx context.Context, work func(context.Context) error) {
	requeue := d.jobs()[0]
	requeue.Every, requeue.Do = time.Hour, work
	loop.Run(ctx, requeue)
}

// KeepWorkingOnReplays works on replays until ctx ends.
func (d *Dispatcher) KeepWorkingOnReplays(ctx context.Context) { loop.Run(ctx, d.replayWork.job()) }

// ReplayInterval is how often a replay is worked on.
const ReplayInterval = replayInterval

// Paces are the paces of one process.
type Paces = paces

// Allowed is how many deliveries a replay may be through with now.
func (p paces) Allowed(job postback.ReplayJob, now time.Time) int { return p.allowed(job, now) }

// Keep forgets the jobs that run no more.
func (p paces) Keep(jobs []postback.ReplayJob) { p.keep(jobs) }

// HandoffSize is how much may wait while Redis is slow.
const HandoffSize = defaultHandoff

// MaxShare is how many attempts one endpoint has in a lane at most.
const MaxShare = defaultShare

// Abreast is how many deliveries of one publisher that come together enter the lane
// of new ones.
const Abreast = abreast
