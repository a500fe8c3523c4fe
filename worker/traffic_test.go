package worker_test

import (
	"net/http"
	"testing"

	"github.com/waybillhq/waybill/internal/testkit"
)

// TestAttemptsAreCounted counts every attempt of a delivery, and none that was
// not made or is an example.
func TestAttemptsAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t)
	b.receiver.Answer(testkit.Status(http.StatusServiceUnavailable))
	delivery, _ := b.once(t, endpoint.ID)
	b.receiver.Answer(testkit.Status(http.StatusOK))
	b.deliver(t, delivery.ID)
	if _, _, err := b.worker.Example(t.Context(), endpoint.ID, ""); err != nil {
		t.Fatal(err)
	}
	example := b.accept(t, endpoint.ID, exchangeData) // whose process died before it sent it
	example.Delivery.Test = true
	if err := b.worker.Deliver(t.Context(), fresh(example)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Endpoints.Pause(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	b.once(t, endpoint.ID) // is parked
	b.traffic.expect(t, endpoint.ID+" 1 503 failed", endpoint.ID+" 2 200 succeeded")
}
