package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/waybillhq/waybill/internal/testkit"
)

// disturbance is something that happens to the queue behind Waybill's back while
// everything is under way. It returns what ends it.
type disturbance func(ctx context.Context, t *testing.T, queue *testkit.Redis) (end func())

// Whatever is done to the queue by hand, and whatever state its Redis gets into,
// is made good from the ledger: nothing is lost, and nothing is sent twice.
func TestADisturbedQueueLosesNothing(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]disturbance{
		"tasks that nobody can read": addGarbage,
		"leases deleted":             deleteLeases,
		"tasks archived":             inspecting((*asynq.Inspector).ArchiveAllPendingTasks),
		"tasks deleted":              inspecting((*asynq.Inspector).DeleteAllPendingTasks),
		"writes refused":             refuseWrites,
		"memory full, noeviction":    fillMemory("noeviction"),
		"memory full, allkeys-lru":   fillMemory("allkeys-lru"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deliverDisturbed(t, disturb)
		})
	}
}

func deliverDisturbed(t *testing.T, disturb disturbance) {
	t.Helper()
	const events = atOnce + 200
	queue := testkit.StartRedis(t)
	r := newReceiver(t, "bitlabs")
	hold, arrived := make(chan struct{}), make(chan struct{}, 10*events)
	r.Config.Handler = announcing(arrived, holding(hold, r))
	s := start(t, t.TempDir(), "--redis", queue.URL())
	register(t, s, r, second, second)
	var p producer
	p.server.Store(s)
	transactions := p.produce(t.Context(), t, events/2)
	for range atOnce {
		<-arrived
	}
	end := disturb(t.Context(), t, queue)
	close(hold)
	for i := range events / 2 { // accepted while the queue is disturbed
		transaction := fmt.Sprintf("u%06d", i)
		p.send(t.Context(), t, transaction)
		transactions = append(transactions, transaction)
	}
	end()
	checkAllDelivered(t, s, r, transactions, 2*time.Minute)
	if different, all := r.seen(); all != different {
		t.Errorf("%d requests for %d events", all, different)
	}
}

func addGarbage(ctx context.Context, t *testing.T, queue *testkit.Redis) func() {
	t.Helper()
	tasks := asynq.NewClientFromRedisClient(queue.Client())
	for _, name := range queues(ctx, t, queue) {
		for _, task := range []*asynq.Task{
			asynq.NewTask("deliver", []byte("garbage")), asynq.NewTask("deliver", nil), asynq.NewTask("deliver", []byte(`{"d":"dlv_none","g":1,"a":1}`)),
			asynq.NewTask("nobody:knows", []byte("{}")), asynq.NewTask("event:conversion", []byte{0xff, 0}),
		} {
			if _, err := tasks.EnqueueContext(ctx, task, asynq.Queue(name), asynq.MaxRetry(3)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return func() {}
}

func deleteLeases(ctx context.Context, t *testing.T, queue *testkit.Redis) func() {
	t.Helper()
	client := queue.Client()
	leases := client.Keys(ctx, "asynq:{*}:lease").Val()
	if len(leases) == 0 {
		t.Fatal("there are no leases")
	}
	if err := client.Del(ctx, leases...).Err(); err != nil {
		t.Fatal(err)
	}
	return func() {}
}

// inspecting has tasks wait in paused queues, and does to every one of them what
// an operator can do with asynq's own tools.
func inspecting(act func(*asynq.Inspector, string) (int, error)) disturbance {
	return func(ctx context.Context, t *testing.T, queue *testkit.Redis) func() {
		t.Helper()
		inspector := asynq.NewInspectorFromRedisClient(queue.Client())
		paused := map[string]bool{}
		for _, name := range queues(ctx, t, queue) {
			shard := name[strings.LastIndexByte(name, '-'):] // Its other lane may have had no task yet.
			paused["deliver"+shard], paused["retry"+shard] = true, true
		}
		for name := range paused {
			if err := inspector.PauseQueue(name); err != nil {
				t.Fatal(err)
			}
		}
		return func() {
			touched := 0
			testkit.Eventually(t, "a task to wait", func() bool {
				for _, name := range queues(ctx, t, queue) {
					count, err := act(inspector, name)
					if err != nil {
						t.Fatal(err)
					}
					touched += count
				}
				return touched > 0
			})
			for name := range paused {
				if err := inspector.UnpauseQueue(name); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func queues(ctx context.Context, t *testing.T, queue *testkit.Redis) []string {
	t.Helper()
	var names []string
	for _, name := range queue.Client().SMembers(ctx, "asynq:queues").Val() {
		if strings.HasPrefix(name, "deliver-") || strings.HasPrefix(name, "retry-") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Fatal("there are no queues")
	}
	return names
}

// refuseWrites makes the Redis a replica that nobody has promoted.
func refuseWrites(ctx context.Context, t *testing.T, queue *testkit.Redis) func() {
	t.Helper()
	client := queue.Client()
	if err := client.ReplicaOf(ctx, "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := client.ReplicaOf(ctx, "NO", "ONE").Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func fillMemory(policy string) disturbance {
	return func(ctx context.Context, t *testing.T, queue *testkit.Redis) func() {
		t.Helper()
		client := queue.Client()
		configure(ctx, t, client, "maxmemory-policy", policy)
		configure(ctx, t, client, "maxmemory", "1")
		return func() { configure(ctx, t, client, "maxmemory", "0") }
	}
}

func configure(ctx context.Context, t *testing.T, client *redis.Client, name, value string) {
	t.Helper()
	if err := client.ConfigSet(ctx, name, value).Err(); err != nil {
		t.Fatal(err)
	}
}
