package limit_test

import (
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/limit"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// queueOf opens a queue for a test.
func queueOf(t *testing.T, queue *task.Queue, err error) *task.Queue {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := queue.Close(); err != nil {
			t.Errorf("close queue: %v", err)
		}
	})
	return queue
}

func holdFor(t *testing.T, holds *limit.Holds, endpointID string, at time.Time, wait time.Duration) {
	t.Helper()
	if err := holds.Hold(t.Context(), postback.Endpoint{ID: endpointID}, at, wait); err != nil {
		t.Fatal(err)
	}
}

func refresh(t *testing.T, holds *limit.Holds, now time.Time) {
	t.Helper()
	if err := holds.Refresh(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

// A process holds what another one was asked to, over each kind of queue.
func TestEveryProcessHoldsAnEndpoint(t *testing.T) {
	t.Parallel()
	remote := func(t *testing.T, url string) *task.Queue {
		t.Helper()
		queue, err := task.Open(t.Context(), url)
		return queueOf(t, queue, err)
	}
	kinds := map[string]func(t *testing.T) *task.Queue{
		"one Redis": func(t *testing.T) *task.Queue { t.Helper(); return remote(t, testkit.StartRedis(t).URL()) },
		"a Cluster": func(t *testing.T) *task.Queue { t.Helper(); return remote(t, testkit.StartCluster(t).URL()) },
		"embedded":  func(t *testing.T) *task.Queue { t.Helper(); return queueOf(t, task.OpenEmbedded(), nil) },
	}
	for kind, start := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			queue := start(t)
			one, other := limit.NewHolds(queue.Scripter()), limit.NewHolds(queue.Scripter())
			endpoint, now := postback.Endpoint{ID: "ep_1"}, time.Now()
			refresh(t, other, now)
			holdFor(t, one, "ep_1", now, 20*time.Minute)
			holdFor(t, one, "ep_1", now, time.Second) // ends nothing
			holdFor(t, one, "ep_2", now, 1000*time.Hour)
			if other.Held(endpoint, now) {
				t.Error("the other process knows it before it was notified")
			}
			refresh(t, other, now)
			for name, holds := range map[string]*limit.Holds{"this": one, "the other": other} {
				if !holds.Held(endpoint, now) || !holds.Held(endpoint, now.Add(19*time.Minute)) || holds.Held(endpoint, now.Add(20*time.Minute)) {
					t.Errorf("%s process does not hold ep_1 for 20 minutes", name)
				}
				if until := holds.Until(endpoint, now); until.Sub(now.Add(20*time.Minute)).Abs() > time.Second {
					t.Errorf("%s process holds ep_1 until %s", name, until)
				}
				if absurd := (postback.Endpoint{ID: "ep_2"}); !holds.Held(absurd, now.Add(59*time.Minute)) || holds.Held(absurd, now.Add(time.Hour)) {
					t.Errorf("%s process does not hold ep_2 for an hour", name)
				}
				if other := (postback.Endpoint{ID: "ep_3"}); holds.Held(other, now) || !holds.Until(other, now).IsZero() {
					t.Errorf("%s process holds another endpoint", name)
				}
			}
		})
	}
}

// An endpoint that was changed or resumed since it asked is tried.
func TestAChangeEndsAHold(t *testing.T) {
	t.Parallel()
	queue := queueOf(t, task.OpenEmbedded(), nil)
	holds, other := limit.NewHolds(queue.Scripter()), limit.NewHolds(queue.Scripter())
	now := time.Now()
	holdFor(t, holds, "ep_1", now, time.Minute)
	refresh(t, other, now)
	for _, one := range []*limit.Holds{holds, other} {
		if !one.Held(postback.Endpoint{ID: "ep_1", UpdatedAt: now.Add(-10 * time.Second)}, now) {
			t.Error("one that was changed before is not held")
		}
		if one.Held(postback.Endpoint{ID: "ep_1", UpdatedAt: now.Add(time.Second)}, now.Add(time.Second)) {
			t.Error("one that was changed since is held")
		}
	}
}

// What an endpoint asks for after it was resumed is all that it is held for: what it
// asked for before has ended, in every process.
func TestAnEarlierHoldDoesNotComeBack(t *testing.T) {
	t.Parallel()
	queue := queueOf(t, task.OpenEmbedded(), nil)
	holds, other := limit.NewHolds(queue.Scripter()), limit.NewHolds(queue.Scripter())
	now := time.Now()
	holdFor(t, holds, "ep_1", now.Add(-5*time.Minute), time.Hour)
	refresh(t, other, now)
	now = time.Now()
	resumed := postback.Endpoint{ID: "ep_1", UpdatedAt: now}
	if holds.Held(resumed, now) || other.Held(resumed, now) {
		t.Fatal("it is held though it was resumed")
	}
	if err := holds.Hold(t.Context(), resumed, now, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	// A refresh may take a hold for a little earlier than it is, but this one began
	// in the moment of the change.
	refresh(t, other, time.Now().Add(time.Second))
	refresh(t, holds, time.Now().Add(time.Second))
	for name, one := range map[string]*limit.Holds{"this": holds, "the other": other} {
		if !one.Held(resumed, now.Add(15*time.Second)) || one.Held(resumed, now.Add(25*time.Second)) {
			t.Errorf("%s process does not hold it for 20 s", name)
		}
		if before := (postback.Endpoint{ID: "ep_1"}); name == "this" && !one.Held(before, now.Add(25*time.Second)) {
			t.Errorf("%s process forgot what an endpoint asked for that was not resumed", name)
		}
	}
}

// What Redis does not hear, this process knows; and what is lost with Redis ends.
func TestAHoldWithoutRedis(t *testing.T) {
	t.Parallel()
	redis := testkit.StartRedis(t)
	queue, err := task.Open(t.Context(), redis.URL())
	holds := limit.NewHolds(queueOf(t, queue, err).Scripter())
	redis.Stop()
	now := time.Now()
	if err := holds.Hold(t.Context(), postback.Endpoint{ID: "ep_1"}, now, time.Minute); err == nil {
		t.Error("it is no error")
	}
	if err := holds.Refresh(t.Context(), now); err == nil {
		t.Error("nobody knows of others, and it is no error")
	}
	if !holds.Held(postback.Endpoint{ID: "ep_1"}, now) {
		t.Error("this process does not hold it")
	}
}
