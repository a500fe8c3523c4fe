package dispatcher_test

import (
	"context"
	"testing"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// A process that stops while the queue takes nothing leaves what it has to the
// others at once, and not when the grace is over.
func TestWhatCannotBeQueuedIsLeftToOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.watch(t)
	b.swept(t)
	b.queue.set(func(q *queue) { q.full = true })
	stop := run(t, b.Dispatcher)
	delivery := b.accept(t, event(t, "late")).Deliveries[0]
	testkit.Eventually(t, "the queue to refuse it", func() bool { return b.queue.asked() > 0 })
	stop()
	if stored := b.read(t, delivery.ID); stored.SweepAt.After(b.clock.now()) {
		t.Errorf("it is looked at again in %s", stored.SweepAt.Sub(b.clock.now()))
	}
}

// interrupted is a ledger whose claims take until the process is asked to stop.
type interrupted struct {
	dispatcher.Waiting
	stop context.CancelFunc
}

func (i *interrupted) Claim(ctx context.Context, claim postback.Claim) ([]postback.Due, error) {
	due, err := i.Waiting.Claim(ctx, claim)
	i.stop()
	if ctx.Err() != nil {
		return nil, ctx.Err() // the answer goes astray
	}
	return due, err
}

// What was claimed when the process is asked to stop is queued first.
func TestAClaimIsFinishedWhenTheProcessStops(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	b := setup(t, func(o *dispatcher.Options) { o.Requeue.Ledger = &interrupted{o.Requeue.Ledger, stop} })
	b.offer(t)
	delivery := b.accept(t, event(t, "late")).Deliveries[0]
	b.clock.advance(2 * grace)
	if err := b.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if queued := b.queue.all(); len(queued) != 1 || queued[0].Ref != delivery.Ref() {
		t.Errorf("queued are %+v", queued)
	}
}
