package limit_test

import (
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/limit"
	"github.com/waybillhq/waybill/postback"
)

// slow is a limit of which nothing grows back while a test runs.
func slow(burst int) postback.RateLimit { return postback.RateLimit{PerSecond: 0.001, Burst: burst} }

func granted(t *testing.T, limiter *limit.Limiter, rate postback.RateLimit, most int) int {
	t.Helper()
	count, err := limiter.Grant(t.Context(), idOf(t, rate), rate, most)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func take(t *testing.T, limiter *limit.Limiter, rate postback.RateLimit) bool {
	t.Helper()
	_, taken, err := limiter.Take(t.Context(), idOf(t, rate), rate)
	if err != nil {
		t.Fatal(err)
	}
	return taken
}

// Guarantee: no more are released than there are slots for, by however many
// processes, and each of them finds its slot.
func noMoreAreReleased(t *testing.T, open opener) {
	t.Helper()
	rate := slow(50)
	limiter := open()
	for range 20 {
		if !take(t, limiter, rate) {
			t.Fatal("a slot of the burst was refused")
		}
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	released := 0
	for range 3 {
		limiter := open()
		for range 10 {
			group.Go(func() {
				count, err := limiter.Grant(t.Context(), idOf(t, rate), rate, 7)
				if err != nil {
					t.Errorf("grant: %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				released += count
			})
		}
	}
	group.Wait()
	if released != 30 {
		t.Errorf("%d are released for 30 slots", released)
	}
	for i := range released {
		if !take(t, limiter, rate) {
			t.Fatalf("number %d of those that were released found no slot", i)
		}
	}
	if take(t, limiter, rate) || granted(t, limiter, rate, 1) != 0 {
		t.Error("there are more slots than the limit has")
	}
}

func whatWasNotReleasedIsGivenBack(t *testing.T, open opener) {
	t.Helper()
	limiter, rate := open(), slow(10)
	for range 3 {
		if got := granted(t, limiter, rate, 100); got != 10 {
			t.Fatalf("granted %d, want 10", got)
		}
		if got := granted(t, limiter, rate, 100); got != 0 {
			t.Fatalf("granted %d, want none", got)
		}
		if err := limiter.GiveBack(t.Context(), idOf(t, rate), rate, 10); err != nil {
			t.Fatal(err)
		}
	}
	if got := granted(t, limiter, rate, 4); got != 4 {
		t.Fatalf("granted %d, want 4", got)
	}
}

// The releases of a steady look run as far ahead of the slots as workers wait
// for them, and no further.
func releasesRunAhead(t *testing.T, open opener) {
	t.Helper()
	limiter := open()
	rate := postback.RateLimit{PerSecond: 1000, Burst: 1}
	began := time.Now()
	released := 0
	for released < 500 {
		released += granted(t, limiter, rate, 1000)
		elapsed := time.Since(began) + limit.Patience
		if most := 1 + int(elapsed.Seconds()*rate.PerSecond) + 1; released > most {
			t.Fatalf("%d are released after %s, want %d at most", released, elapsed-limit.Patience, most)
		}
	}
}
