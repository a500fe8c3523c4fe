package dispatcher_test

import (
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

func (e *engine) producer(t *testing.T) *dispatcher.Producer {
	t.Helper()
	producer, err := dispatcher.NewProducer(t.Context(), e.redis.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := producer.Close(); err != nil {
			t.Errorf("close producer: %v", err)
		}
	})
	return producer
}

func TestProducedEventsAreDelivered(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.endpoint(t)
	producer := e.producer(t)
	produced := dispatcher.Produced{
		ID: "tx-1", Type: "conversion.completed", Publisher: "pub_1",
		Data: raw(`{"payout": 1.50, "note": "<&>"}`), OccurredAt: time.Now().Add(-time.Hour),
	}
	for range 2 { // while the first waits
		if id, err := producer.Produce(t.Context(), produced); id != "tx-1" || err != nil {
			t.Fatalf("got %q, %v", id, err)
		}
	}
	e.work(t)
	e.expectAll(t, postback.Succeeded, 1)
	if id, err := producer.Produce(t.Context(), produced); id != "tx-1" || err != nil { // after it was accepted
		t.Fatalf("got %q, %v", id, err)
	}
	produced.ID, produced.Type = "", "exchange.finished"
	made, err := producer.Produce(t.Context(), produced)
	if err != nil || !strings.HasPrefix(made, "evt_") {
		t.Fatalf("got %q, %v", made, err)
	}
	e.expectAll(t, postback.Succeeded, 2)
	stored, deliveries, err := e.Ledger.Event(t.Context(), "tx-1")
	if err != nil || string(stored.Data) != `{"payout":1.50,"note":"<&>"}` || len(deliveries) != 1 {
		t.Errorf("stored %s with %d deliveries, %v", stored.Data, len(deliveries), err)
	}
	produced.ID, produced.Data = "tx-1", raw(`{"payout":2}`)
	if _, err := producer.Produce(t.Context(), produced); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the conflict is recorded", func() bool {
		events, _, err := e.Ledger.Events(t.Context(), postback.EventFilter{Rejected: true}, postback.Page{})
		return err == nil && len(events) == 1 && strings.Contains(events[0].Rejection, "other content")
	})
}

func TestProduceRefusesWhatWouldBeRefused(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	producer := e.producer(t)
	for _, forged := range []dispatcher.Produced{
		{Type: "endpoint.disabled", Publisher: "pub_1", Data: raw(`{}`)},
		{Type: "deliveries.dead", Publisher: postback.Operator, Data: raw(`{}`)},
		{Type: "conversion.completed", Publisher: postback.Operator, Data: raw(`{}`)},
	} {
		if _, err := producer.Produce(t.Context(), forged); postback.CodeOf(err) != postback.CodeInvalid {
			t.Errorf("%s of %s: %v", forged.Type, forged.Publisher, err)
		}
	}
	tests := map[string]dispatcher.Produced{
		"type":      {Type: "order.paid", Publisher: "pub_1", Data: raw(`{}`)},
		"publisher": {Type: "conversion.completed", Data: raw(`{}`)},
		"data":      {Type: "conversion.completed", Publisher: "pub_1", Data: raw(`{`)},
		"id":        {ID: "a b", Type: "conversion.completed", Publisher: "pub_1", Data: raw(`{}`)},
	}
	for field, produced := range tests {
		id, err := producer.Produce(t.Context(), produced)
		expectInvalid(t, err, field)
		if id != "" {
			t.Errorf("%s: answered the id %q", field, id)
		}
	}
	if size, err := e.redis.Client().Exists(t.Context(), "asynq:queues").Result(); err != nil || size != 0 {
		t.Errorf("something was queued: %d, %v", size, err)
	}
	if _, err := dispatcher.NewProducer(t.Context(), "http://localhost"); err == nil {
		t.Error("connected to what is no Redis")
	}
}
