package task_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
)

// calm is how many commands or connections a second an idle process may make
// while Redis is away. Without a pause it is tens of thousands.
const calm = 1000

func TestServersGoOnAfterRedisWasGone(t *testing.T) {
	t.Parallel()
	server := testkit.StartRedis(t)
	addr, dials := proxy(t, server.Addr)
	queue, err := task.Open(t.Context(), "redis://"+addr+"/0")
	closing(t, queue, err)
	handlers, got := collect()
	serve(t, queue, handlers, few())
	enqueue(t, queue, first("dlv_before", `{}`))
	testkit.Receive(t, "a task before the outage", got)

	server.Stop()
	if queued, err := queue.Enqueue(t.Context(), first("dlv_within", `{}`)); queued || err == nil {
		t.Errorf("enqueued while Redis was gone: %t, %v", queued, err)
	}
	if _, err := queue.Depth(t.Context()); err == nil {
		t.Error("counted the queue while Redis was gone")
	}
	if _, err := queue.Epoch(t.Context()); err == nil {
		t.Error("read the epoch while Redis was gone")
	}
	if _, err := queue.Takeover(t.Context(), first("dlv_within", `{}`)); err == nil {
		t.Error("took a task over while Redis was gone")
	}
	expectCalm(t, func() int64 { return dials.Load() })

	server.Start() // empty
	enqueueSoon(t, queue, "dlv_after")
	if one := testkit.Receive(t, "a task after the outage", got); one.Ref.DeliveryID != "dlv_after" {
		t.Errorf("got %s", one.Ref.DeliveryID)
	}
	if epoch, err := queue.Epoch(t.Context()); epoch != "" || err != nil {
		t.Errorf("a new Redis has the epoch %q, %v", epoch, err)
	}
}

// A replica that was not promoted yet answers, and refuses every write.
func TestServersGoOnAfterRedisRefusedWrites(t *testing.T) {
	t.Parallel()
	server := testkit.StartRedis(t)
	queue := open(t, server)
	handlers, got := collect()
	serve(t, queue, handlers, few())
	enqueue(t, queue, first("dlv_before", `{}`))
	testkit.Receive(t, "a task before the outage", got)

	admin := server.Client()
	if err := admin.ReplicaOf(t.Context(), "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if queued, err := queue.Enqueue(t.Context(), first("dlv_within", `{}`)); queued || err == nil {
		t.Errorf("enqueued into a replica: %t, %v", queued, err)
	}
	expectCalm(t, func() int64 { return commands(t, admin) })

	if err := admin.ReplicaOf(t.Context(), "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	enqueueSoon(t, queue, "dlv_after")
	if one := testkit.Receive(t, "a task after the outage", got); one.Ref.DeliveryID != "dlv_after" {
		t.Errorf("got %s", one.Ref.DeliveryID)
	}
}

func TestShutdownEndsWhileRedisIsGone(t *testing.T) {
	t.Parallel()
	server := testkit.StartRedis(t)
	queue := open(t, server)
	handlers, got := collect()
	hold := make(chan struct{})
	defer close(hold)
	options := few()
	options.Drain = 100 * time.Millisecond
	servers := serve(t, queue, holding(handlers, hold), options)
	enqueue(t, queue, first("dlv_1", `{}`))
	testkit.Receive(t, "a task", got)
	server.Stop()
	ended := make(chan struct{})
	go func() {
		servers.Shutdown(0)
		close(ended)
	}()
	testkit.Receive(t, "the end of the servers", ended)
}

// expectCalm counts over a second in the middle of an outage.
func expectCalm(t *testing.T, count func() int64) {
	t.Helper()
	never := make(chan struct{})
	testkit.Quiet(t, "nothing", never, 500*time.Millisecond) // what was under way fails first
	before := count()
	testkit.Quiet(t, "nothing", never, time.Second)
	if made := count() - before; made > calm {
		t.Errorf("%d a second during the outage, want %d at most", made, calm)
	}
}

func commands(t *testing.T, client *redis.Client) int64 {
	t.Helper()
	info, err := client.Info(t.Context(), "stats").Result()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(info, "total_commands_processed:")
	digits, _, _ := strings.Cut(rest, "\r\n")
	count, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// enqueueSoon enqueues as soon as Redis takes it.
func enqueueSoon(t *testing.T, queue *task.Queue, id string) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("%s is queued", id), func() bool {
		_, err := queue.Enqueue(t.Context(), first(id, `{}`))
		return err == nil
	})
}

// proxy passes connections on and counts them; one that cannot be passed on is
// closed.
func proxy(t *testing.T, target string) (string, *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	var dials atomic.Int64
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() {
		stop()
		listener.Close()
		group.Wait()
	})
	group.Go(func() {
		for {
			inward, err := listener.Accept()
			if err != nil {
				return
			}
			dials.Add(1)
			outward, err := (&net.Dialer{}).DialContext(ctx, "tcp", target)
			if err != nil {
				inward.Close()
				continue
			}
			closeBoth := func() { inward.Close(); outward.Close() }
			context.AfterFunc(ctx, closeBoth)
			group.Go(func() { _, _ = io.Copy(outward, inward); closeBoth() })
			group.Go(func() { _, _ = io.Copy(inward, outward); closeBoth() })
		}
	})
	return listener.Addr().String(), &dials
}
