package task_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
)

// Guarantee: a task that is queued is taken although nobody looks for it.
func aTaskIsTakenAtOnce(t *testing.T, queue *task.Queue) {
	t.Helper()
	queue.LookNever()
	handlers, got := collect()
	events := make(chan string, 100)
	handlers.Event = func(_ context.Context, _ string, payload []byte, _ map[string]string) error {
		events <- string(payload)
		return nil
	}
	serve(t, queue, handlers, many())
	for i := range 20 {
		one := first(fmt.Sprintf("dlv_%d", i), `{}`)
		one.EndpointID = fmt.Sprintf("ep_%d", i)
		enqueue(t, queue, one)
		testkit.Receive(t, "a first attempt", got)
		later := attempt(fmt.Sprintf("dlv_%d", i), `{}`, 2, 0)
		later.EndpointID = one.EndpointID
		enqueue(t, queue, later)
		testkit.Receive(t, "a later attempt", got)
		if err := queue.EnqueueEvent(t.Context(), task.TypeConversion, one.EndpointID, []byte(one.EndpointID), nil); err != nil {
			t.Fatal(err)
		}
		testkit.Receive(t, "an event", events)
	}
	manyAreTaken(t, queue, got)
}

// manyAreTaken queues more than there are servers at once.
func manyAreTaken(t *testing.T, queue *task.Queue, got <-chan task.Attempt) {
	t.Helper()
	for i := range 200 {
		enqueue(t, queue, first(fmt.Sprintf("dlv_many_%d", i), `{}`))
	}
	for range 200 {
		testkit.Receive(t, "one of many attempts", got)
	}
}

// Guarantee: a process takes at once what another one queued.
func processesTellEachOther(t *testing.T, at place) {
	t.Helper()
	worker := at.queue(t)
	worker.LookNever()
	handlers, got := collect()
	serve(t, worker, handlers, many())
	testkit.Eventually(t, "the worker listens", worker.Heard)
	producer, err := task.Open(t.Context(), at.url)
	closing(t, producer, err)
	for i := range 20 {
		enqueue(t, producer, first(fmt.Sprintf("dlv_%d", i), `{}`))
		testkit.Receive(t, "an attempt of another process", got)
	}
	manyAreTaken(t, producer, got)
}

// Guarantee: attempts of which one message tells are all begun, by as many servers as
// it takes.
func aMessageWakesEnoughServers(t *testing.T, at place) {
	t.Helper()
	worker := at.queue(t)
	worker.LookNever()
	handlers, begun := collect()
	hold := make(chan struct{})
	options := few()
	serve(t, worker, holding(handlers, hold), options)
	t.Cleanup(func() { close(hold) })
	testkit.Eventually(t, "the worker listens", worker.Heard)
	producer, err := task.Open(t.Context(), at.url)
	closing(t, producer, err)
	attempts := make([]task.Attempt, options.Deliver/producer.Shards()) // all that a shard has room for
	for i := range attempts {
		attempts[i] = first(fmt.Sprintf("dlv_%d", i), `{}`)
	}
	if err := producer.PutTogether(t.Context(), attempts...); err != nil {
		t.Fatal(err)
	}
	for range attempts {
		testkit.Receive(t, "an attempt, though the others hang", begun)
	}
}

// Guarantee: an event that a producer put into Redis by itself is soon taken.
func eventsOfOthersAreFound(t *testing.T, at place) {
	t.Helper()
	worker := at.queue(t)
	worker.LookNever()
	events := make(chan string, 100)
	serve(t, worker, task.Handlers{Event: func(_ context.Context, _ string, payload []byte, _ map[string]string) error {
		events <- string(payload)
		return nil
	}}, few())
	for i := range 20 {
		if err := worker.PutEvent(t.Context(), fmt.Sprintf("tx-%d", i)); err != nil {
			t.Fatal(err)
		}
		testkit.Receive(t, "an event of which nobody was notified", events)
	}
}

// Guarantee: what a process leaves in the queue when it stops, another one takes.
func whatIsLeftIsTold(t *testing.T, at place) {
	t.Helper()
	leaving := at.queue(t)
	hold := make(chan struct{})
	handlers, begun := collect()
	options := many()
	options.Drain = time.Nanosecond
	servers := serve(t, leaving, holding(handlers, hold), options)
	enqueue(t, leaving, first("dlv_1", `{}`))
	testkit.Receive(t, "the attempt that is left", begun)

	staying, err := task.Open(t.Context(), at.url)
	closing(t, staying, err).LookNever()
	handlers, got := collect()
	serve(t, staying, handlers, many())
	testkit.Eventually(t, "the other process listens", staying.Heard)
	servers.Shutdown(0)
	close(hold)
	testkit.Receive(t, "the attempt that was put back", got)
}

// Guarantee: processes on another database of the same Redis are no peers: they look
// at none of our queues.
func TestPeersAreThoseOfOneDatabase(t *testing.T) {
	t.Parallel()
	redis := testkit.StartRedis(t)
	queues := map[string]*task.Queue{}
	for _, db := range []string{"0", "1", "15"} {
		queue, err := task.Open(t.Context(), strings.TrimSuffix(redis.URL(), "/0")+"/"+db)
		queues[db] = closing(t, queue, err)
		serve(t, queue, task.Handlers{}, few())
	}
	for db, queue := range queues {
		testkit.Eventually(t, "the process listens", queue.Heard)
		if peers, err := queue.Peers(t.Context()); peers != 1 || err != nil {
			t.Errorf("database %s: %d processes share its queues, %v, want 1", db, peers, err)
		}
	}
}

// empty is a Redis that has no tasks. It counts how often it is asked for one.
type empty struct {
	redis.UniversalClient

	asked atomic.Int64
}

func (e *empty) EvalSha(ctx context.Context, _ string, _ []string, _ ...any) *redis.Cmd {
	e.asked.Add(1)
	answer := redis.NewCmd(ctx)
	answer.SetErr(redis.Nil)
	return answer
}

// Guarantee: an idle queue is hardly looked at, however many processes there are.
func TestAnEmptyQueueIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		heard  bool
		peers  int64
		within time.Duration
		most   int64
	}{
		"an attempt, alone":                 {true, 1, time.Minute, 60},
		"an attempt, one of four processes": {true, 4, time.Minute, 15},
		"an attempt, one of many processes": {true, 100, time.Minute, 12},
		"an attempt, when nobody tells":     {false, 1, time.Second, 40},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				there := &empty{}
				look := task.Looking(t, there, test.heard, test.peers)
				for start := time.Now(); time.Since(start) < test.within; {
					look()
				}
				if asked := there.asked.Load(); asked > test.most || asked < test.most/2 {
					t.Errorf("asked %d times within %s, want %d", asked, test.within, test.most)
				}
			})
		})
	}
}
