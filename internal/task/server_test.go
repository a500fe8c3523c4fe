package task_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// holding makes each delivery wait for the channel, after it was handed over.
func holding(handlers task.Handlers, hold <-chan struct{}) task.Handlers {
	return task.Handlers{Deliver: func(ctx context.Context, one task.Attempt) error {
		if err := handlers.Deliver(ctx, one); err != nil {
			return err
		}
		<-hold
		return nil
	}}
}

func expired(id string) redis.Z {
	return redis.Z{Member: id, Score: float64(time.Now().Add(-time.Minute).Unix())}
}

func retriesDoNotHoldUpFirstAttempts(t *testing.T, queue *task.Queue) {
	t.Helper()
	hold := make(chan struct{})
	defer close(hold)
	got := make(chan string, 100)
	handlers := task.Handlers{Deliver: func(_ context.Context, one task.Attempt) error {
		got <- one.Ref.DeliveryID
		if !strings.HasPrefix(one.Ref.DeliveryID, "dlv_new") {
			<-hold
		}
		return nil
	}}
	serve(t, queue, handlers, few())
	for i := range 20 {
		enqueue(t, queue, attempt(fmt.Sprintf("dlv_retry_%d", i), `{}`, 2+i, 0))
		released := first(fmt.Sprintf("dlv_released_%d", i), `{}`)
		released.Due.Delivery.NextAttemptAt = released.Due.Delivery.OpenedAt.Add(time.Microsecond)
		enqueue(t, queue, released)
		replayed := attempt(fmt.Sprintf("dlv_replay_%d", i), `{}`, 4, 3)
		replayed.Due.Delivery.NextAttemptAt = replayed.Due.Delivery.OpenedAt
		enqueue(t, queue, replayed)
	}
	testkit.Receive(t, "a retry", got) // one at a time: the lane is full now
	for i := range 20 {
		enqueue(t, queue, first(fmt.Sprintf("dlv_new_%d", i), `{}`))
	}
	for range 20 {
		testkit.Receive(t, "a first attempt behind blocked retries, replays and released ones", got)
	}
	testkit.Quiet(t, "a retry beyond the lane's room", got, 200*time.Millisecond)
}

func firstAttemptsDoNotHoldUpRetriesAndEvents(t *testing.T, queue *task.Queue) {
	t.Helper()
	hold := make(chan struct{})
	defer close(hold)
	got := make(chan string, 1000)
	handlers := task.Handlers{
		Deliver: func(_ context.Context, one task.Attempt) error {
			if one.Ref.Attempt == 1 {
				<-hold
				return nil
			}
			got <- one.Ref.DeliveryID
			return nil
		},
		Event: func(_ context.Context, _ string, payload []byte, _ map[string]string) error {
			got <- string(payload)
			return nil
		},
	}
	serve(t, queue, handlers, few())
	for i := range 100 {
		enqueue(t, queue, first(fmt.Sprintf("dlv_first_%d", i), `{}`))
	}
	enqueue(t, queue, attempt("dlv_retry", `{}`, 2, 0))
	testkit.Receive(t, "a retry behind blocked first attempts", got)
	if err := queue.EnqueueEvent(t.Context(), task.TypeConversion, "tx-1", []byte("event"), nil); err != nil {
		t.Fatal(err)
	}
	testkit.Receive(t, "an event behind blocked first attempts", got)
}

func eventsAreHandedOver(t *testing.T, queue *task.Queue) {
	t.Helper()
	type event struct{ taskType, payload, trace string }
	put := func(taskType, id, payload string) {
		t.Helper()
		headers := map[string]string{"traceparent": "trace of " + id}
		if err := queue.EnqueueEvent(t.Context(), taskType, id, []byte(payload), headers); err != nil {
			t.Fatal(err)
		}
	}
	put(task.TypeConversion, "tx-1", "{\"a\":\"<&>\u2028\"}")
	put(task.TypeConversion, "tx-1", "{\"a\":\"<&>\u2028\"}") // the same, while it waits
	put(task.TypeConversion, "tx-1", "other content")
	put(task.TypeExchange, "tx-2", "not JSON \xff")
	got := make(chan event, 10)
	serve(t, queue, task.Handlers{Event: func(_ context.Context, taskType string, payload []byte, headers map[string]string) error {
		got <- event{taskType, string(payload), headers["traceparent"]}
		return nil
	}}, few())
	seen := map[event]bool{}
	for range 3 {
		seen[testkit.Receive(t, "an event", got)] = true
	}
	for _, want := range []event{
		{task.TypeConversion, "{\"a\":\"<&>\u2028\"}", "trace of tx-1"},
		{task.TypeConversion, "other content", "trace of tx-1"},
		{task.TypeExchange, "not JSON \xff", "trace of tx-2"},
	} {
		if !seen[want] {
			t.Errorf("got %v, want %v", seen, want)
		}
	}
	testkit.Quiet(t, "an event twice", got, 200*time.Millisecond)
}

func whatCouldNotBeDecidedComesAgain(t *testing.T, queue *task.Queue) {
	t.Helper()
	got := make(chan task.Attempt, 10)
	handlers := task.Handlers{Deliver: func(_ context.Context, one task.Attempt) error {
		got <- one
		switch {
		case one.Recheck:
			return nil
		case one.Ref.DeliveryID == "dlv_panic":
			panic("the handler broke")
		default:
			return errors.New("the ledger is away")
		}
	}}
	serve(t, queue, handlers, few())
	for _, id := range []string{"dlv_error", "dlv_panic"} {
		enqueue(t, queue, first(id, `{}`))
		if one := testkit.Receive(t, id, got); one.Recheck {
			t.Errorf("%s asks the ledger the first time", id)
		}
		if one := testkit.Receive(t, id+" again", got); !one.Recheck || one.Ref.DeliveryID != id {
			t.Errorf("%s came again as %+v, want it to ask the ledger", id, one)
		}
	}
	testkit.Quiet(t, "a third try", got, 1500*time.Millisecond)
}

func TestPausesBetweenTries(t *testing.T) {
	t.Parallel()
	away := errors.New("the ledger is away")
	tests := []struct {
		failed int
		err    error
		want   time.Duration
	}{
		{0, away, 500 * time.Millisecond},
		{1, away, time.Second},
		{5, away, 16 * time.Second},
		{6, away, 30 * time.Second},
		{1 << 29, away, 30 * time.Second},
		{3, asynq.ErrLeaseExpired, 0},
		{3, fmt.Errorf("recover: %w", asynq.ErrLeaseExpired), 0},
	}
	for _, tt := range tests {
		if got := task.Pause(tt.failed, tt.err); got != tt.want {
			t.Errorf("after %d tries and %q: got %s, want %s", tt.failed+1, tt.err, got, tt.want)
		}
	}
}

// Guarantee: a task of a later version is no lost one: the ledger is asked for what its
// id says.
func aTaskOfALaterVersionAsksTheLedger(t *testing.T, queue *task.Queue) {
	t.Helper()
	client := asynq.NewClientFromRedisClient(queue.Redis())
	if _, err := client.Enqueue(asynq.NewTask("deliver", []byte{99, 1, 2}), asynq.Queue("deliver-0"), asynq.TaskID("dlv_1.2.3")); err != nil {
		t.Fatal(err)
	}
	handlers, got := collect()
	serve(t, queue, handlers, few())
	want := postback.Ref{DeliveryID: "dlv_1", Generation: 2, Attempt: 3}
	if one := testkit.Receive(t, "the attempt", got); one.Ref != want || !one.Recheck || one.Due != nil {
		t.Errorf("got %+v", one)
	}
}

func anUnreadableTaskIsDropped(t *testing.T, queue *task.Queue) {
	t.Helper()
	client := asynq.NewClientFromRedisClient(queue.Redis())
	if _, err := client.Enqueue(asynq.NewTask("deliver", []byte("{")), asynq.Queue("deliver-0"), asynq.TaskID("broken")); err != nil {
		t.Fatal(err)
	}
	logger, logs := testkit.NewLogger()
	options := few()
	options.Logger = logger
	handlers, got := collect()
	serve(t, queue, handlers, options)
	testkit.Eventually(t, "the task is logged and gone", func() bool {
		left, err := queue.Redis().Exists(t.Context(), "asynq:{deliver-0}:t:broken").Result()
		return err == nil && left == 0 && len(logs.With("unreadable task dropped")) == 1
	})
	testkit.Quiet(t, "the unreadable task", got, 50*time.Millisecond)
}

func shutdownWaitsForWhatIsUnderWay(t *testing.T, queue *task.Queue) {
	t.Helper()
	hold := make(chan struct{})
	started := make(chan struct{})
	var done atomic.Bool
	servers := serve(t, queue, task.Handlers{Deliver: func(context.Context, task.Attempt) error {
		close(started)
		<-hold
		done.Store(true)
		return nil
	}}, few())
	enqueue(t, queue, first("dlv_1", `{}`))
	testkit.Receive(t, "the task", started)
	stopped := make(chan struct{})
	go func() {
		servers.Shutdown(0)
		close(stopped)
	}()
	testkit.Quiet(t, "the end before the task's", stopped, 200*time.Millisecond)
	close(hold)
	testkit.Receive(t, "the end of the servers", stopped)
	if !done.Load() || depth(t, queue) != 0 {
		t.Errorf("the task ended %t, %d tasks are queued", done.Load(), depth(t, queue))
	}
}

// shutdownWaitsForTheLongestAttempt has a drain time that is shorter than an
// attempt may take.
func shutdownWaitsForTheLongestAttempt(t *testing.T, queue *task.Queue) {
	t.Helper()
	hold := make(chan struct{})
	handlers, got := collect()
	options := few()
	options.Drain = time.Millisecond
	servers := serve(t, queue, holding(handlers, hold), options)
	enqueue(t, queue, first("dlv_1", `{}`))
	testkit.Receive(t, "the task", got)
	stopped := make(chan struct{})
	go func() {
		servers.Shutdown(time.Minute)
		close(stopped)
	}()
	testkit.Quiet(t, "the end before the attempt's", stopped, 200*time.Millisecond)
	close(hold)
	testkit.Receive(t, "the end of the servers", stopped)
	if waits := depth(t, queue); waits != 0 {
		t.Errorf("%d tasks were put back, want none", waits)
	}
}

func shutdownPutsBackWhatTakesTooLong(t *testing.T, queue *task.Queue) {
	t.Helper()
	handlers, got := collect()
	hold := make(chan struct{})
	defer close(hold)
	options := few()
	options.Drain = 100 * time.Millisecond
	servers := serve(t, queue, holding(handlers, hold), options)
	enqueue(t, queue, first("dlv_1", `{}`))
	testkit.Receive(t, "the task", got)
	servers.Shutdown(0)
	if waits := depth(t, queue); waits != 1 {
		t.Errorf("%d tasks are queued, want the one that was put back", waits)
	}
}

// Many at once, each as large as travels: what waits for the other to read must
// not wait for ever.
func manyEnqueueAtOnce(t *testing.T, queue *task.Queue) {
	t.Helper()
	const count, enqueuers = 600, 30
	handlers, got := collect()
	serve(t, queue, handlers, many())
	var group sync.WaitGroup
	for i := range enqueuers {
		group.Go(func() {
			for j := range count / enqueuers {
				one := first(fmt.Sprintf("dlv_%d_%d", i, j), sized(task.MaxInlineData))
				one.EndpointID = fmt.Sprintf("ep_%d", j) // on every shard
				if queued, err := queue.Enqueue(t.Context(), one); !queued || err != nil {
					t.Errorf("enqueue: queued %t, %v", queued, err)
				}
			}
		})
	}
	group.Wait()
	seen := map[string]bool{}
	for range count {
		seen[testkit.Receive(t, "a task", got).Ref.DeliveryID] = true
	}
	if len(seen) != count {
		t.Errorf("%d of %d deliveries came", len(seen), count)
	}
}
