package task_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
)

// A worker's lease that was over a moment ago may be one that is just being
// renewed.
func TestALeaseCountsForSomeTimeAfterItsEnd(t *testing.T) {
	t.Parallel()
	for name, queue := range map[string]*task.Queue{"embedded": closing(t, task.OpenEmbedded(), nil), "redis": open(t, testkit.StartRedis(t))} {
		handlers, got := collect()
		hold := make(chan struct{})
		defer close(hold)
		serve(t, queue, holding(handlers, hold), many())
		one := first("dlv_1", `{}`)
		enqueue(t, queue, one)
		testkit.Receive(t, name, got)
		const id = "dlv_1.1.1"
		lease := "asynq:{" + heldIn(t, queue, id) + "}:lease"
		for _, at := range []struct {
			over time.Duration
			want task.Holder
		}{{time.Second, task.Running}, {time.Minute, task.Nobody}} {
			ended := expired(id)
			ended.Score = float64(time.Now().Add(-at.over).Unix())
			if err := queue.Redis().ZAdd(t.Context(), lease, ended).Err(); err != nil {
				t.Fatal(err)
			}
			expectTakeover(t, queue, one, at.want, fmt.Sprintf("%s: a lease that was over %s ago", name, at.over))
		}
	}
}

// The clock of this process is behind by minutes. Its leases are times of Redis'
// clock all the same: when it takes a task and when it renews the lease.
func TestLeasesAreTimesOfRedis(t *testing.T) {
	t.Parallel()
	redis := testkit.StartRedis(t)
	queue := open(t, redis)
	const behind = 10 * time.Minute
	queue.SetClock(func() time.Time { return time.Now().Add(-behind) })
	handlers, got := collect()
	hold := make(chan struct{})
	defer close(hold)
	serve(t, queue, holding(handlers, hold), many())
	enqueue(t, queue, first("dlv_1", `{}`))
	testkit.Receive(t, "the task", got)
	const id = "dlv_1.1.1"
	lease := "asynq:{" + heldIn(t, queue, id) + "}:lease"
	// asynq's own clock is right, so what is added to it shows.
	shifted := func(ctx context.Context) bool {
		score, err := queue.Redis().ZScore(ctx, lease, id).Result()
		return err == nil && time.Until(time.Unix(int64(score), 0)) > behind
	}
	if !shifted(t.Context()) {
		t.Error("the lease of a task that was taken is a time of this host")
	}
	if err := queue.Redis().ZAdd(t.Context(), lease, expired(id)).Err(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "a lease that is renewed by Redis' clock", func() bool { return shifted(t.Context()) })
}

// Two processes look for tasks whose worker died. The one whose clock is ahead
// by minutes finds none that the other does not find.
func TestLeasesAreComparedByRedisClock(t *testing.T) {
	t.Parallel()
	queue := open(t, testkit.StartRedis(t))
	const list = `return redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", ARGV[1])`
	lease := "asynq:{deliver-0}:lease"
	held := expired("dlv_1.1.1")
	held.Score = float64(time.Now().Add(30 * time.Second).Unix())
	if err := queue.Redis().ZAdd(t.Context(), lease, held).Err(); err != nil {
		t.Fatal(err)
	}
	for _, ahead := range []time.Duration{0, 10 * time.Minute, -10 * time.Minute} {
		clock := func() time.Time { return time.Now().Add(ahead) }
		client := task.LeaseClient(queue, clock)
		for cutoff, want := range map[time.Duration]int{-30 * time.Second: 0, time.Minute: 1} {
			found, err := client.Eval(t.Context(), list, []string{lease}, clock().Add(cutoff).Unix()).StringSlice()
			if len(found) != want || err != nil {
				t.Errorf("%s ahead, cutoff %s: found %v, %v", ahead, cutoff, found, err)
			}
		}
	}
}

// A host's clock that is set is measured again at once.
func TestAClockThatIsSetIsMeasuredAgain(t *testing.T) {
	t.Parallel()
	queue := open(t, testkit.StartRedis(t))
	var set time.Duration
	ahead := task.LeaseClient(queue, func() time.Time { return time.Now().Add(set) }).Ahead
	for _, set = range []time.Duration{0, 5 * time.Minute, -5 * time.Minute} {
		if got := ahead(t.Context(), "asynq:{deliver-0}:lease"); (got + set).Abs() > time.Minute {
			t.Errorf("set by %s, Redis is ahead by %s", set, got)
		}
	}
}
