package limit_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/limit"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.IgnoreRedisDials()) }

// second is one in microseconds, as Redis tells the time.
const second = 1e6

// opener gives the limiter of one more process.
type opener func() *limit.Limiter

// Every guarantee holds over each kind of queue. Processes of the embedded one
// are one process.
func TestOnEveryKindOfQueue(t *testing.T) {
	t.Parallel()
	remote := func(t *testing.T, url string) opener {
		t.Helper()
		return func() *limit.Limiter {
			queue, err := task.Open(t.Context(), url)
			return over(t, queue, err)
		}
	}
	kinds := map[string]func(t *testing.T) opener{
		"one Redis": func(t *testing.T) opener { t.Helper(); return remote(t, testkit.StartRedis(t).URL()) },
		"a Cluster": func(t *testing.T) opener { t.Helper(); return remote(t, testkit.StartCluster(t).URL()) },
		"embedded": func(t *testing.T) opener {
			t.Helper()
			one := over(t, task.OpenEmbedded(), nil)
			return func() *limit.Limiter { return one }
		},
	}
	guarantees := map[string]func(t *testing.T, open opener){
		"no window holds more than the limit":       noWindowHoldsMore,
		"each slot is the earliest":                 eachSlotIsTheEarliest,
		"a changed limit holds at once":             aChangedLimitHolds,
		"no more are released than find a slot":     noMoreAreReleased,
		"what was not released is given back":       whatWasNotReleasedIsGivenBack,
		"releases run ahead as far as workers wait": releasesRunAhead,
	}
	for kind, start := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			open := start(t)
			for name, holds := range guarantees {
				t.Run(name, func(t *testing.T) { holds(t, open) })
			}
		})
	}
}

func over(t *testing.T, queue *task.Queue, err error) *limit.Limiter {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := queue.Close(); err != nil {
			t.Errorf("close queue: %v", err)
		}
	})
	return limit.New(queue.Scripter())
}

// one opens a limiter over a Redis of its own.
func one(t *testing.T) (*limit.Limiter, *testkit.Redis) {
	t.Helper()
	redis := testkit.StartRedis(t)
	queue, err := task.Open(t.Context(), redis.URL())
	return over(t, queue, err), redis
}

// idOf names an endpoint that no other test asks for.
func idOf(t *testing.T, rate postback.RateLimit) string {
	t.Helper()
	return fmt.Sprintf("%s %g", t.Name(), rate.PerSecond)
}

// wave asks for slots until so many were given, as many at a time as a fleet
// does, and gives their times in order.
func wave(ctx context.Context, t *testing.T, open opener, rate postback.RateLimit, count int) []int64 {
	t.Helper()
	var mu sync.Mutex
	var slots []int64
	var group sync.WaitGroup
	for range 3 {
		limiter := open()
		for range 4 {
			group.Go(func() {
				for {
					wait, slot, err := limiter.Reserve(ctx, idOf(t, rate), rate)
					if errors.Is(err, limit.ErrLate) {
						continue // on a slow machine; its slot is nobody's
					}
					if err != nil {
						t.Errorf("reserve: %v", err)
						return
					}
					mu.Lock()
					if wait <= limit.Patience {
						slots = append(slots, slot)
					}
					enough := len(slots) >= count
					mu.Unlock()
					if enough {
						return
					}
				}
			})
		}
	}
	group.Wait()
	slices.Sort(slots)
	return slots
}

// Guarantee: over any t seconds there are at most burst + rate*t slots, however
// many ask.
func noWindowHoldsMore(t *testing.T, open opener) {
	t.Helper()
	for _, rate := range []postback.RateLimit{{PerSecond: 300, Burst: 40}, {PerSecond: 700, Burst: 1}, {PerSecond: 3, Burst: 25}} {
		slots := wave(t.Context(), t, open, rate, rate.Burst+int(rate.PerSecond/3))
		for i := range slots {
			for j := i; j < len(slots); j++ {
				within := float64(slots[j]-slots[i]+1) / second // it is told in whole microseconds
				if most := float64(rate.Burst) + rate.PerSecond*within; float64(j-i+1) > most {
					t.Fatalf("%+v: %d slots in %g s, want %g at most", rate, j-i+1, within, most)
				}
			}
		}
		if len(slots) == 0 {
			t.Fatal("there was no slot")
		}
	}
}

// bucket is the algorithm by the book: when all that was given is paid for.
type bucket struct{ interval, burst, paid float64 }

// next is the slot that is given away at a time, if one is due in time.
func (b *bucket) next(now float64) float64 {
	paid := math.Max(b.paid, now)
	slot := math.Max(now, paid-(b.burst-1)*b.interval)
	if slot <= now+float64(limit.Patience.Microseconds()) {
		b.paid = paid + b.interval
	}
	return slot
}

// Guarantee: the whole rate is given away. Each slot is the earliest that the
// limit allows, and nobody who got none has changed anything.
func eachSlotIsTheEarliest(t *testing.T, open opener) {
	t.Helper()
	limiter := open()
	// Slow enough that a slow machine asks faster, in multiples of a quarter of
	// a microsecond.
	for _, rate := range []postback.RateLimit{{PerSecond: 20, Burst: 10}, {PerSecond: 0.5, Burst: 3}, {PerSecond: 32, Burst: 1}} {
		book := bucket{interval: second / rate.PerSecond, burst: float64(rate.Burst)}
		refused := 0
		for i := 0; i < 1000 && refused < 20; i++ {
			wait, slot, err := limiter.Reserve(t.Context(), idOf(t, rate), rate)
			if err != nil {
				t.Fatal(err)
			}
			now := float64(slot - wait.Microseconds())
			if want := book.next(now); math.Abs(want-float64(slot)) > 3 {
				t.Fatalf("%+v: slot %d comes %g us after the earliest", rate, i, float64(slot)-want)
			}
			if wait > limit.Patience {
				refused++
			}
		}
		if refused == 0 {
			t.Errorf("%+v: a thousand slots without an end", rate)
		}
	}
}

// What a limit is changed to holds at once: neither slots that a slow one gave
// away ahead nor a burst that a fast one had left count for more than the burst.
func aChangedLimitHolds(t *testing.T, open opener) {
	t.Helper()
	slow, fast := postback.RateLimit{PerSecond: 0.01, Burst: 1}, postback.RateLimit{PerSecond: 1000, Burst: 5}
	limiter := open()
	takes := func(rate postback.RateLimit) (time.Duration, bool) {
		t.Helper()
		wait, taken, err := limiter.Take(t.Context(), "ep_1", rate)
		if err != nil {
			t.Fatal(err)
		}
		return wait, taken
	}
	if _, taken := takes(slow); !taken {
		t.Error("the first slot was refused")
	}
	if wait, taken := takes(slow); taken || wait < 90*time.Second {
		t.Errorf("the second one: %t, in %s", taken, wait)
	}
	for range 50 {
		if wait, taken := takes(fast); !taken {
			t.Fatalf("a faster limit gives its next slot in %s", wait)
		}
	}
	given := 0
	for range 50 {
		if _, taken := takes(slow); taken {
			given++
		}
	}
	if given > slow.Burst {
		t.Errorf("a slower limit gave %d slots at once", given)
	}
}

func TestEndpointsShareNothing(t *testing.T) {
	t.Parallel()
	limiter, _ := one(t)
	for _, id := range []string{"ep_1", "ep_2", "ep_3"} {
		if wait, taken, err := limiter.Take(t.Context(), id, postback.RateLimit{PerSecond: 1, Burst: 1}); !taken || wait != 0 || err != nil {
			t.Errorf("%s: %t, in %s, %v", id, taken, wait, err)
		}
	}
}

// What is kept of an endpoint goes by itself, and when it is lost the burst is
// allowed again.
func TestWhatIsKeptIsLittle(t *testing.T) {
	t.Parallel()
	limiter, redis := one(t)
	rate := postback.RateLimit{PerSecond: 10, Burst: 20}
	client := redis.Client()
	for turn := range 2 {
		given := 0
		for range 100 {
			if _, taken, err := limiter.Take(t.Context(), "ep_1", rate); err != nil {
				t.Fatal(err)
			} else if taken {
				given++
			}
		}
		if given < rate.Burst {
			t.Errorf("turn %d: %d slots at once, want %d", turn, given, rate.Burst)
		}
		left, err := client.PTTL(t.Context(), limit.Key("ep_1")).Result()
		if err != nil || left <= 0 || left > 5*time.Second {
			t.Errorf("it is kept for %s, %v", left, err)
		}
		redis.Wipe()
	}
}

// Guarantee: when nobody knows, no slot is given.
func TestWithoutRedisThereIsNoSlot(t *testing.T) {
	t.Parallel()
	limiter, redis := one(t)
	redis.Stop()
	rate := postback.RateLimit{PerSecond: 10, Burst: 20}
	if _, taken, err := limiter.Take(t.Context(), "ep_1", rate); taken || err == nil {
		t.Errorf("taken: %t, %v", taken, err)
	}
	if granted, err := limiter.Grant(t.Context(), "ep_1", rate, 10); granted != 0 || err == nil {
		t.Errorf("granted: %d, %v", granted, err)
	}
	if err := limiter.GiveBack(t.Context(), "ep_1", rate, 10); err == nil {
		t.Error("gave slots back to nobody")
	}
}
