package dispatcher_test

import (
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// A worker parks a delivery, and before it is through with the task the delivery
// is released: it must not wait for the sweeper's next turn at it.
func TestWhatIsReleasedWhileItsTaskEndsIsQueuedSoon(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]bool{"and the task ends": true, "and the worker goes on": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.offer(t)
			b.swept(t) // nothing is behind
			delivery := b.accept(t, event(t, "tx-1")).Deliveries[0]
			b.clock.advance(100 * time.Millisecond)
			b.queue.set(func(q *queue) { q.running[delivery.Ref()] = true })
			run := b.queue.put(t, delivery)
			park := postback.Transition{Ref: delivery.Ref(), To: postback.Parked, Reason: postback.ReasonOverLimit, At: b.clock.now()}
			if err := b.Ledger.Record(t.Context(), park); err != nil {
				t.Fatal(err)
			}
			b.release(t)
			if got := b.swept(t); got != 0 || b.read(t, delivery.ID).State != postback.Pending {
				t.Fatalf("%d tasks came in beside the one that is active", got)
			}
			if ends {
				b.queue.set(func(q *queue) { delete(q.tasks, run) })
			}
			came := 0
			for range 100 { // ten seconds
				b.clock.advance(100 * time.Millisecond)
				came += b.swept(t)
			}
			if want := map[bool]int{true: 1}[ends]; came != want {
				t.Errorf("%d tasks came in, want %d", came, want)
			}
			if all := b.queue.all(); ends && !all[len(all)-1].Recheck {
				t.Error("the worker does not have to ask the ledger")
			}
			asked := b.queue.asked()
			b.clock.advance(100 * time.Millisecond)
			b.swept(t)
			if again := b.queue.asked() - asked; again != 0 {
				t.Errorf("it is tried still, %d times", again)
			}
		})
	}
}
