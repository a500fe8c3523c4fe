package task_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
)

// Guarantee: when a master dies, what serves the queue goes on with the one
// that takes its place, without a restart, and all that is queued again gets
// delivered. The old one, back with tasks that are long done, brings none back.
func TestSentinelFailoverUnderLoad(t *testing.T) {
	t.Parallel()
	redis := testkit.StartSentinel(t, "--appendonly", "yes")
	l := startLoad(t, redis.URL())
	old := redis.KillMaster()
	l.finish(t)

	old.Start()
	client := old.Client()
	testkit.Eventually(t, "the old master follows the new one", func() bool {
		return strings.Contains(client.Info(t.Context(), "replication").Val(), "master_link_status:up")
	})
	l.expectNothingMore(t)
	redis.Failover() // and the old one is the master again
	l.more(t)
	l.expectNothingMore(t)
}

func TestClusterFailoverUnderLoad(t *testing.T) {
	t.Parallel()
	redis := testkit.StartCluster(t)
	redis.AddReplica(0)
	l := startLoad(t, redis.URL())
	redis.Kill(0)
	l.finish(t)
}

// A master of a Cluster that lost its tasks is noticed, though the others have
// theirs.
func TestAMasterThatComesBackEmptyIsNoticed(t *testing.T) {
	t.Parallel()
	redis := testkit.StartCluster(t)
	queue, err := task.Open(t.Context(), redis.URL())
	closing(t, queue, err)
	if err := queue.SetEpoch(t.Context(), "ledger-1"); err != nil {
		t.Fatal(err)
	}
	if epoch, err := queue.Epoch(t.Context()); epoch != "ledger-1" || err != nil {
		t.Fatalf("got epoch %q, %v", epoch, err)
	}
	dead := redis.Kill(0)
	if epoch, err := queue.Epoch(t.Context()); epoch != "" || err == nil {
		t.Errorf("without a master: got epoch %q, want an error", epoch)
	}
	dead.Start()
	testkit.Eventually(t, "the master is back", func() bool {
		epoch, err := queue.Epoch(t.Context())
		if epoch != "" {
			t.Errorf("a master came back empty, and the epoch is %q", epoch)
		}
		return err == nil
	})
}

// load enqueues deliveries and takes them, with a ledger of its own that knows
// which are done, and that queues again what is not.
type load struct {
	queue *task.Queue

	mu       sync.Mutex
	done     map[string]int // times delivered
	queued   map[string]time.Time
	last     time.Time
	gap      time.Duration // the longest time without a delivery
	total    int
	finished chan struct{}
}

const (
	loadSize = 3000
	// loadGrace is when what was queued is queued again, as the sweeper's is.
	loadGrace = 3 * time.Second
)

// startLoad begins, and returns in the middle of it.
func startLoad(t *testing.T, url string) *load {
	t.Helper()
	queue, err := task.Open(t.Context(), url)
	closing(t, queue, err)
	l := &load{queue: queue, done: map[string]int{}, queued: map[string]time.Time{}, last: time.Now(), finished: make(chan struct{})}
	serve(t, queue, task.Handlers{Deliver: l.deliver}, many())
	l.run(t, loadSize)
	testkit.Eventually(t, "a third is delivered", func() bool { return l.count() > loadSize/3 })
	return l
}

// run enqueues so many more deliveries, a thousand a second, and goes on until
// all are delivered.
func (l *load) run(t *testing.T, more int) {
	t.Helper()
	var group sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); group.Wait() })
	l.finished = make(chan struct{})
	l.mu.Lock()
	l.last, l.gap = time.Now(), 0
	l.mu.Unlock()
	first := l.total
	l.total += more
	group.Go(func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for next := first; ctx.Err() == nil && l.count() < l.total; <-ticker.C {
			until := min(next+10, l.total)
			for i := next; i < until; i++ {
				group.Go(func() { l.enqueue(ctx, fmt.Sprintf("dlv_%d", i), false) })
			}
			next = until
			l.sweep(ctx, &group)
		}
		close(l.finished)
	})
}

func (l *load) enqueue(ctx context.Context, id string, again bool) {
	one := first(id, `{"a":1}`)
	one.EndpointID = "ep_" + id // on every shard
	one.Recheck = again
	l.mu.Lock()
	l.queued[id] = time.Now()
	l.mu.Unlock()
	queued, err := l.queue.Enqueue(ctx, one)
	if err == nil && !queued && again {
		if holder, _ := l.queue.Takeover(ctx, one); holder == task.Nobody {
			_, err = l.queue.Enqueue(ctx, one)
		}
	}
	if err != nil {
		l.mu.Lock()
		l.queued[id] = time.Time{} // at the next turn
		l.mu.Unlock()
	}
}

func (l *load) sweep(ctx context.Context, group *sync.WaitGroup) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, at := range l.queued {
		if l.done[id] == 0 && time.Since(at) > loadGrace {
			l.queued[id] = time.Now()
			group.Go(func() { l.enqueue(ctx, id, true) })
		}
	}
}

func (l *load) deliver(_ context.Context, one task.Attempt) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one.Recheck && l.done[one.Ref.DeliveryID] > 0 {
		return nil // the ledger says that it is done
	}
	l.done[one.Ref.DeliveryID]++
	l.gap = max(l.gap, time.Since(l.last))
	l.last = time.Now()
	return nil
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.done)
}

func (l *load) times() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	times := 0
	for _, count := range l.done {
		times += count
	}
	return times
}

// finish waits until all are delivered.
func (l *load) finish(t *testing.T) {
	t.Helper()
	select {
	case <-l.finished:
	case <-time.After(2 * time.Minute):
		t.Fatalf("%d of %d were delivered", l.count(), l.total)
	}
	times := l.times()
	t.Logf("no delivery for %s, %d of %d delivered twice", l.gap.Round(time.Millisecond), times-l.total, l.total)
	// What a master had no time to pass on is done once more: milliseconds' worth.
	if twice := times - l.total; twice > l.total/10 {
		t.Errorf("%d of %d were delivered twice", twice, l.total)
	}
}

// more runs some more deliveries.
func (l *load) more(t *testing.T) {
	t.Helper()
	l.run(t, loadSize/10)
	l.finish(t)
}

func (l *load) expectNothingMore(t *testing.T) {
	t.Helper()
	before, never := l.times(), make(chan struct{})
	testkit.Quiet(t, "nothing", never, time.Second)
	if after := l.times(); after != before {
		t.Errorf("%d deliveries that were done came again", after-before)
	}
}

// A script whose connection breaks may have run: it is not sent again unseen.
func TestAClusterGetsAScriptOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	addr := fakeCluster(t, func(words []string) {
		mu.Lock()
		defer mu.Unlock()
		seen[words[3]]++ // the task's key
	})
	queue, err := task.Open(t.Context(), "redis-cluster://"+addr)
	closing(t, queue, err)
	var group sync.WaitGroup
	for i := range 20 { // some alone, some in a pipeline
		group.Go(func() {
			one := first(fmt.Sprintf("dlv_%d", i), `{}`)
			if queued, err := queue.Enqueue(t.Context(), one); queued || err == nil || errors.Is(err, context.Canceled) {
				t.Errorf("queued %t, %v, want an error", queued, err)
			}
		})
	}
	group.Wait()
	if len(seen) == 0 {
		t.Fatal("no script arrived")
	}
	for key, times := range seen {
		if times > 1 {
			t.Errorf("%s was enqueued %d times", key, times)
		}
	}
}
