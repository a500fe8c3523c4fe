package task_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.IgnoreRedisDials()) }

func open(t *testing.T, redis *testkit.Redis) *task.Queue {
	t.Helper()
	queue, err := task.Open(t.Context(), redis.URL())
	return closing(t, queue, err)
}

func closing(t *testing.T, queue *task.Queue, err error) *task.Queue {
	t.Helper()
	if err != nil {
		t.Fatalf("open queue: %v", err)
	}
	t.Cleanup(func() {
		if err := queue.Close(); err != nil {
			t.Errorf("close queue: %v", err)
		}
	})
	return queue
}

// few is room for one retry and one event at a time on each server.
func few() task.Options {
	return task.Options{Deliver: 16, Retry: 1, Events: 1, Drain: 5 * time.Second, Logger: slog.New(slog.DiscardHandler)}
}

// many is room for several of each on each server.
func many() task.Options {
	options := few()
	options.Deliver, options.Retry = 64, 64
	return options
}

func serve(t *testing.T, queue *task.Queue, handlers task.Handlers, options task.Options) *task.Servers {
	t.Helper()
	servers, err := queue.Serve(handlers, options)
	if err != nil {
		t.Fatalf("serve: %v", err)
	}
	t.Cleanup(func() { servers.Shutdown(0) })
	return servers
}

// collect hands every delivery to a channel.
func collect() (task.Handlers, <-chan task.Attempt) {
	got := make(chan task.Attempt, 1000)
	return task.Handlers{Deliver: func(_ context.Context, one task.Attempt) error {
		got <- one
		return nil
	}}, got
}

func enqueue(t *testing.T, queue *task.Queue, one task.Attempt) {
	t.Helper()
	queued, err := queue.Enqueue(t.Context(), one)
	if err != nil || !queued {
		t.Fatalf("enqueue %s: queued %t, %v", one.Ref.DeliveryID, queued, err)
	}
}

// first is the first attempt of a delivery; later ones are made from it.
func first(id, data string) task.Attempt { return attempt(id, data, 1, 0) }

// attempt is an attempt of a delivery of which some were made before its
// generation.
func attempt(id, data string, number, before int) task.Attempt {
	at := time.Now().UTC().Truncate(time.Second).Add(123456 * time.Microsecond)
	generation, state := 1, postback.Pending
	if before > 0 {
		generation = 2
	}
	if number > before+1 {
		state = postback.Retrying
	}
	return task.Attempt{
		Ref:        postback.Ref{DeliveryID: id, Generation: generation, Attempt: number},
		EndpointID: "ep_1",
		AskedAt:    at.Add(time.Millisecond),
		Due: &postback.Due{
			Event: postback.Event{
				ID: "tx-" + id, Type: "conversion.completed", Publisher: "pub_1", Data: json.RawMessage(data),
				OccurredAt: at.Add(-time.Hour), AcceptedAt: at,
			},
			Delivery: postback.Delivery{
				ID: id, EventID: "tx-" + id, EventType: "conversion.completed", Publisher: "pub_1", EndpointID: "ep_1",
				OrderKey: "tx-1", State: state, Generation: generation, Attempts: number - 1, AttemptsBefore: before,
				CreatedAt: at, OpenedAt: at.Add(time.Millisecond),
			},
		},
		Headers: map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	}
}

// sized is a JSON object of so many bytes.
func sized(bytes int) string { return `{"a":"` + strings.Repeat("x", bytes-len(`{"a":""}`)) + `"}` }

func depth(t *testing.T, queue *task.Queue) int {
	t.Helper()
	count, err := queue.Depth(t.Context())
	if err != nil {
		t.Fatalf("count queue: %v", err)
	}
	return count.Total()
}
