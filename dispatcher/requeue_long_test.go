package dispatcher_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/postback"
)

// flooded is a ledger in which something of somebody else falls due whenever it is
// asked, for a while, and each time takes as long as a real one under load.
type flooded struct {
	lateClaims

	more func() postback.Due
	left int
}

func (f *flooded) Claim(ctx context.Context, claim postback.Claim) ([]postback.Due, error) {
	due, err := f.lateClaims.Claim(ctx, claim)
	if f.left--; f.left >= 0 {
		due = append(due, f.more())
	}
	return due, err
}

// However long others' deliveries keep coming, one whose worker was not done with it
// yet is tried again soon, and not forgotten until its grace is over.
func TestABacklogKeepsNothingFromBeingTriedAgain(t *testing.T) {
	t.Parallel()
	ledger := &flooded{}
	b := setup(t, func(o *dispatcher.Options) {
		ledger.Waiting = o.Requeue.Ledger
		o.Requeue.Ledger = ledger
	})
	b.offer(t)
	delivery := b.made(t, []postback.Event{event(t, "tx-1")})[0]
	ref := b.queue.put(t, delivery)
	b.queue.set(func(q *queue) { q.running[ref] = true })
	began := b.clock.now()
	ledger.left, ledger.late = 100, func() {
		b.clock.advance(100 * time.Millisecond)
		if b.clock.now().Sub(began) == time.Second { // its worker is done
			b.queue.set(func(q *queue) {
				delete(q.running, ref)
				delete(q.tasks, ref)
			})
		}
	}
	ledger.more = func() postback.Due {
		return postback.Due{Delivery: postback.Delivery{
			ID: fmt.Sprintf("dlv_%d", ledger.left), EndpointID: "ep_other", Publisher: "pub_other", Generation: 1,
		}}
	}
	for ledger.left > 0 {
		b.swept(t)
	}
	got := 0
	for _, one := range b.queue.all() {
		if one.Ref == ref {
			got++
		}
	}
	if got != 2 { // the one that a worker was busy with, and the next
		t.Errorf("the delivery came into the queue %d times, want a second time within %s", got, b.clock.now().Sub(began))
	}
}
