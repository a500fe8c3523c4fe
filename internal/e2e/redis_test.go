package e2e_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// Guarantee: Redis can be wiped in the middle of a run and no accepted event
// is lost, without a restart of Waybill. At the first wipe as much
// is under way as may be, at the second one part has been delivered.
func TestFlushedRedisLosesNothing(t *testing.T) {
	t.Parallel()
	const events = 1000
	queue := testkit.StartRedis(t)
	r := newReceiver(t, "bitlabs")
	hold, arrived := make(chan struct{}), make(chan struct{}, 10*events)
	r.Config.Handler = announcing(arrived, holding(hold, r))
	s := start(t, t.TempDir(), "--redis", queue.URL())
	register(t, s, r, second, second)
	admin := queue.Client()
	var p producer
	p.server.Store(s)
	transactions := p.produce(t.Context(), t, events)
	for range atOnce {
		<-arrived
	}
	for _, delivered := range []int{0, events / 2} {
		r.waitFor(t, delivered, time.Minute)
		if err := admin.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if delivered == 0 {
			close(hold)
		}
	}
	checkAllDelivered(t, s, r, transactions, soon)
}

// Guarantee: Redis stopped for ten seconds and started empty. Events are
// accepted meanwhile, and all are delivered.
func TestRedisGoneAndBackEmptyLosesNothing(t *testing.T) {
	t.Parallel()
	const events = 600
	queue := testkit.StartRedis(t)
	r := newReceiver(t, "bitlabs")
	s := start(t, t.TempDir(), "--redis", queue.URL())
	register(t, s, r, second, second)
	var p producer
	p.server.Store(s)
	produced := make(chan []string, 1)
	go func() { produced <- p.produce(t.Context(), t, events) }()
	p.waitAccepted(t, events/3)
	queue.Stop()
	outage := time.After(10 * time.Second)
	p.waitAccepted(t, events) // with Redis away the ledger takes them
	<-outage
	queue.Start()
	checkAllDelivered(t, s, r, <-produced, soon)
}

// A server that is killed with attempts under way leaves tasks in Redis that
// nobody works on; the next server takes them over.
func TestKill9WithRedisTakesOverWhatWasUnderWay(t *testing.T) {
	t.Parallel()
	const events = 200
	queue := testkit.StartRedis(t)
	dir := t.TempDir()
	r := newReceiver(t, "besitos")
	hold, arrived := make(chan struct{}), make(chan struct{}, 10*events)
	r.Config.Handler = announcing(arrived, holding(hold, r))
	s := start(t, dir, "--redis", queue.URL())
	register(t, s, r)
	var p producer
	p.server.Store(s)
	transactions := p.produce(t.Context(), t, events)
	for range atOnce {
		<-arrived
	}
	s.kill()
	close(hold)
	s = start(t, dir, "--redis", queue.URL())
	checkAllDelivered(t, s, r, transactions, 2*time.Minute)
}

// Producers in Go hand events in through Redis; a malformed one is recorded,
// with its reason, and stops nobody.
func TestProducerThroughRedis(t *testing.T) {
	t.Parallel()
	const events = 200
	queue := testkit.StartRedis(t)
	r := newReceiver(t, "bitlabs")
	s := start(t, t.TempDir(), "--redis", queue.URL())
	register(t, s, r)
	producer, err := dispatcher.NewProducer(t.Context(), queue.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = producer.Close() })
	var transactions []string
	for i := range events {
		sent := event(string(rune('a'+i%26)) + string(rune('a'+i/26)))
		var data struct{ Tx string }
		if err := json.Unmarshal(sent.Data, &data); err != nil {
			t.Fatal(err)
		}
		transactions = append(transactions, data.Tx)
		for range 2 { // a repeat is no second delivery
			if _, err := producer.Produce(t.Context(), dispatcher.Produced{
				ID: sent.ID, Type: sent.Type, Publisher: sent.Publisher, Data: sent.Data,
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	checkAllDelivered(t, s, r, transactions, soon)
	if _, all := r.seen(); all != events {
		t.Errorf("%d requests for %d events that were each produced twice", all, events)
	}
	_, err = producer.Produce(t.Context(), dispatcher.Produced{Type: "conversion.completed", Data: json.RawMessage(`{}`)})
	if refused, ok := errors.AsType[*postback.Error](err); !ok || refused.Field != "publisher" {
		t.Errorf("an event without a publisher: %v, want an error in the field publisher", err)
	}
}

// A Redis that serves another ledger is refused: its tasks are not ours.
func TestForeignRedisIsRefused(t *testing.T) {
	t.Parallel()
	queue := testkit.StartRedis(t)
	s := start(t, t.TempDir(), "--redis", queue.URL())
	testkit.Eventually(t, "the queue to be marked as the ledger's", func() bool {
		return queue.Client().Get(t.Context(), "waybill:epoch").Err() == nil
	})
	s.stop()
	code, said := refuses(t, "serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir(), "--redis", queue.URL())
	wantRefusal(t, code, said, "another ledger")
}
