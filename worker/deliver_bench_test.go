package worker_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/outage"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

// BenchmarkDeliver takes a delivery through every stage, with a ledger and a
// receiver that answer at once.
func BenchmarkDeliver(b *testing.B) {
	now := time.Now()
	one := fresh(postback.Due{
		Event: postback.Event{ID: "evt_1", Type: "exchange.finished", Data: json.RawMessage(exchangeData), AcceptedAt: now},
		Delivery: postback.Delivery{
			ID: "dlv_0194b9aa0194b9aa0194b9aa0194b9aa", EventID: "evt_1", EndpointID: "ep_1", State: postback.Pending, Generation: 1, CreatedAt: now, OpenedAt: now,
		},
	})
	for _, bench := range []struct {
		name   string
		status int
	}{{"succeeded", http.StatusOK}, {"retried", http.StatusInternalServerError}} {
		b.Run(bench.name, func(b *testing.B) {
			out := &sender{result: egress.Result{Sent: true, StatusCode: bench.status, Header: http.Header{}}}
			made := onFakes(b, oneDelivery{}, out, func(o *worker.Options) {
				o.Egress, o.Gate.InFlight.PerPublisher = outage.NewMonitor(outage.Default()), perEndpoint
			})
			b.ReportAllocs()
			for b.Loop() {
				if err := made.Deliver(b.Context(), one); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
