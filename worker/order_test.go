package worker_test

import (
	"testing"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// The next of an ordering group need not wait for the sweeper's turn.
func TestTheEndOfAnOrderedDeliveryWakesTheSweeper(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		key    string
		status int
		woken  int64
	}{
		{"succeeded", "tx-1", 200, 1},
		{"retried", "tx-1", 500, 0},
		{"not ordered", "", 200, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.receiver.Answer(testkit.Status(tt.status))
			due := b.accept(t, b.exchange(t).ID, exchangeData, func(d *postback.Delivery) { d.OrderKey = tt.key })
			if err := b.worker.Deliver(t.Context(), fresh(due)); err != nil {
				t.Fatal(err)
			}
			if got := b.sweeper.woken.Load(); got != tt.woken {
				t.Errorf("the sweeper was woken %d times, want %d", got, tt.woken)
			}
		})
	}
}
