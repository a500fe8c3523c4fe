package task_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

func theHandlerGetsWhatWasEnqueued(t *testing.T, queue *task.Queue) {
	t.Helper()
	recheck := first("dlv_5", `{}`)
	recheck.Recheck = true
	bare := first("dlv_6", `{}`)
	bare.Due = nil
	noTime := first("dlv_9", `{}`)
	noTime.Due.Event.OccurredAt = time.Time{}
	aged := first("dlv_10", `{}`)
	aged.AskedAt = aged.AskedAt.Add(-time.Minute)
	old := first("dlv_11", `{}`)
	old.Due.Delivery.OpenedAt = old.Due.Delivery.OpenedAt.Add(-time.Minute)
	tests := map[string]task.Attempt{
		"first attempt":      first("dlv_1", `{"a":1.50,"b":12345678901234567890}`),
		"retry":              attempt("dlv_2", `{"a":1}`, 3, 0),
		"replay":             attempt("dlv_3", `{"a":1}`, 4, 3),
		"markup":             first("dlv_4", "{\"a\":\"<b>&</b>\u2028\u2029\\u003c\\/é\"}"),
		"recheck":            recheck,
		"without its event":  bare,
		"largest that fits":  first("dlv_7", sized(task.MaxInlineData)),
		"too large":          first("dlv_8", sized(task.MaxInlineData+1)),
		"no time of its own": noTime,
		"aged":               aged,
		"opened long ago":    old, // and the ledger was asked just now
	}
	handlers, got := collect()
	serve(t, queue, handlers, few())
	for name, want := range tests {
		enqueue(t, queue, want)
		if name == "too large" {
			want.Due = nil // the ledger has it
		}
		if name == "aged" {
			want.Recheck = true // Redis may have brought it back
		}
		if one := testkit.Receive(t, name, got); !reflect.DeepEqual(one, want) {
			t.Errorf("%s: got %+v\nwant %+v", name, one, want)
		}
	}
}

func theSameAttemptIsQueuedOnce(t *testing.T, queue *task.Queue) {
	t.Helper()
	enqueue(t, queue, first("dlv_1", `{}`))
	queued, err := queue.Enqueue(t.Context(), first("dlv_1", `{}`))
	if queued || err != nil {
		t.Fatalf("again: queued %t, %v", queued, err)
	}
	enqueue(t, queue, attempt("dlv_1", `{}`, 2, 0))
	enqueue(t, queue, attempt("dlv_1", `{}`, 2, 1))
	if got := depth(t, queue); got != 3 {
		t.Errorf("%d tasks are queued, want 3", got)
	}
	handlers, got := collect()
	serve(t, queue, handlers, few())
	for range 3 {
		testkit.Receive(t, "a task", got)
	}
	testkit.Quiet(t, "a fourth task", got, 200*time.Millisecond)
	// What is done may be queued again: whether it is wanted, the ledger says.
	testkit.Eventually(t, "the id is free again", func() bool {
		queued, err := queue.Enqueue(t.Context(), first("dlv_1", `{}`))
		return queued && err == nil
	})
	testkit.Receive(t, "the task that was queued again", got)
}

func depthCountsWhatWaits(t *testing.T, queue *task.Queue) {
	t.Helper()
	if got := depth(t, queue); got != 0 {
		t.Fatalf("a new queue has %d tasks", got)
	}
	for i := range 12 {
		one := first(fmt.Sprintf("dlv_%d", i), `{}`)
		one.EndpointID = fmt.Sprintf("ep_%d", i) // on every shard
		enqueue(t, queue, one)
		retry := attempt(fmt.Sprintf("dlv_%d", i), `{}`, 2, 0)
		retry.EndpointID = one.EndpointID
		enqueue(t, queue, retry)
	}
	if got := depth(t, queue); got != 24 {
		t.Errorf("%d tasks are queued, want 24", got)
	}
}

func epochIsKept(t *testing.T, queue *task.Queue) {
	t.Helper()
	expect := func(want string) {
		t.Helper()
		if got, err := queue.Epoch(t.Context()); got != want || err != nil {
			t.Errorf("got epoch %q, %v, want %q", got, err, want)
		}
	}
	set := func(epoch string) {
		t.Helper()
		if err := queue.SetEpoch(t.Context(), epoch); err != nil {
			t.Fatal(err)
		}
	}
	expect("")
	set("ledger-1")
	expect("ledger-1")
	set("ledger-2") // of a queue that is marked nothing changes
	expect("ledger-1")
	for _, key := range queue.EpochKeys() { // each part that loses its mark is noticed
		if err := queue.Redis().Del(t.Context(), key).Err(); err != nil {
			t.Fatal(err)
		}
		expect("")
		set("ledger-1")
		expect("ledger-1")
	}
}

// The lease of a task is taken away from a worker that holds on to it, which is
// what the queue of a worker that died looks like.
func takeoverFreesWhatADeadWorkerHolds(t *testing.T, queue *task.Queue) {
	t.Helper()
	const active, lease = "asynq:{%s}:active", "asynq:{%s}:lease"
	handlers, got := collect()
	hold := make(chan struct{})
	defer close(hold)
	serve(t, queue, holding(handlers, hold), many())
	for name, one := range map[string]task.Attempt{"retry": attempt("dlv_1", `{}`, 2, 0), "first": first("dlv_2", `{}`)} {
		expectTakeover(t, queue, one, task.Nobody, name+" that is unknown")
		enqueue(t, queue, one)
		testkit.Receive(t, name, got)
		expectTakeover(t, queue, one, task.Running, name+" that is under way")

		id := fmt.Sprintf("%s.1.%d", one.Ref.DeliveryID, one.Ref.Attempt)
		held := heldIn(t, queue, id)
		client := queue.Redis()
		if err := client.ZAdd(t.Context(), fmt.Sprintf(lease, held), expired(id)).Err(); err != nil {
			t.Fatal(err)
		}
		expectTakeover(t, queue, one, task.Nobody, name+" with a lease that is over")
		if count, err := client.LLen(t.Context(), fmt.Sprintf(active, held)).Result(); count != 0 || err != nil {
			t.Errorf("%s: %d tasks are active, %v", name, count, err)
		}
		enqueue(t, queue, one)
		testkit.Receive(t, name+" again", got)
		if err := client.ZRem(t.Context(), fmt.Sprintf(lease, held), id).Err(); err != nil {
			t.Fatal(err)
		}
		expectTakeover(t, queue, one, task.Nobody, name+" without a lease")
		enqueue(t, queue, one)
		testkit.Receive(t, name+" once more", got)
	}
}

func takeoverLeavesWhatWaits(t *testing.T, queue *task.Queue) {
	t.Helper()
	enqueue(t, queue, first("dlv_1", `{}`))
	expectTakeover(t, queue, first("dlv_1", `{}`), task.Waiting, "a task that waits")
	if got := depth(t, queue); got != 1 {
		t.Errorf("%d tasks are queued, want 1", got)
	}
}

// An operator archives tasks with asynq's tools, or Redis evicts the list in which
// they wait.
func takeoverFreesWhatNobodyWillEverTake(t *testing.T, queue *task.Queue) {
	t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(queue.Redis())
	one := first("dlv_1", `{}`)
	for what, lose := range map[string]func(name string) error{
		"archived": func(name string) error {
			_, err := inspector.ArchiveAllPendingTasks(name)
			return err
		},
		"evicted from its list": func(name string) error {
			return queue.Redis().Del(t.Context(), "asynq:{"+name+"}:pending").Err()
		},
	} {
		enqueue(t, queue, one)
		if err := lose(heldIn(t, queue, "dlv_1.1.1")); err != nil {
			t.Fatal(err)
		}
		expectTakeover(t, queue, one, task.Nobody, "a task that was "+what)
	}
	enqueue(t, queue, one)
	handlers, got := collect()
	serve(t, queue, handlers, few())
	testkit.Receive(t, "the task", got)
}

// A delivery is due again while the worker that parked it is not through with
// its task yet.
func queuedAgainIsNotLost(t *testing.T, queue *task.Queue) {
	t.Helper()
	got, parked := make(chan struct{}, 1), make(chan struct{})
	serve(t, queue, task.Handlers{Deliver: func(context.Context, task.Attempt) error {
		got <- struct{}{}
		select {
		case <-parked:
		case <-t.Context().Done():
		}
		return nil
	}}, many())
	one := first("dlv_1", `{}`)
	enqueue(t, queue, one)
	for range 100 {
		testkit.Receive(t, "the task", got)
		if queued, err := queue.Enqueue(t.Context(), one); queued || err != nil {
			t.Fatalf("queued %t, %v beside the one under way", queued, err)
		}
		expectTakeover(t, queue, one, task.Running, "a task under way")
		parked <- struct{}{}
		queueAsItEnds(t, queue, one)
	}
	testkit.Receive(t, "the last task", got)
	parked <- struct{}{}
}

// queueAsItEnds queues a task until its name is free.
func queueAsItEnds(t *testing.T, queue *task.Queue, one task.Attempt) {
	t.Helper()
	for {
		queued, err := queue.Enqueue(t.Context(), one)
		if err != nil {
			t.Fatal(err)
		}
		if queued {
			return
		}
		if holder, err := queue.Takeover(t.Context(), one); holder == task.Waiting || err != nil {
			t.Fatalf("%q has it, %v", holder, err)
		}
	}
}

func expectTakeover(t *testing.T, queue *task.Queue, one task.Attempt, want task.Holder, what string) {
	t.Helper()
	if got, err := queue.Takeover(t.Context(), one); got != want || err != nil {
		t.Errorf("%s: %q has it, %v, want %q", what, got, err, want)
	}
}

// heldIn finds the queue in which a task is.
func heldIn(t *testing.T, queue *task.Queue, id string) string {
	t.Helper()
	for _, name := range queue.Names() {
		found, err := queue.Redis().Exists(t.Context(), "asynq:{"+name+"}:t:"+id).Result()
		if err != nil {
			t.Fatal(err)
		}
		if found == 1 {
			return name
		}
	}
	t.Fatalf("no queue holds the task %s", id)
	return ""
}

// asynq's own verdict would archive a task, and an archive is trimmed.
func asynqNeverGivesUp(t *testing.T, queue *task.Queue) {
	t.Helper()
	enqueue(t, queue, first("dlv_1", `{}`))
	name := heldIn(t, queue, "dlv_1.1.1")
	info, err := asynq.NewInspectorFromRedisClient(queue.Redis()).GetTaskInfo(name, "dlv_1.1.1")
	if err != nil {
		t.Fatal(err)
	}
	if info.MaxRetry != task.NeverGiveUp || info.MaxRetry < 1<<30 {
		t.Errorf("the task is archived after %d retries", info.MaxRetry)
	}
	if info.Timeout <= postback.MaxTimeout {
		t.Errorf("the task's time of %s is not longer than the longest attempt", info.Timeout)
	}
}
