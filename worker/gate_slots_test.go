package worker_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/worker"
)

const patience = 100 * time.Millisecond

// crowd lets so many try to enter ep_1, which has three slots, one after another, and lists those that did.
type crowd struct {
	slots   *worker.Slots
	group   sync.WaitGroup
	mu      sync.Mutex
	entered []int
	refused int
}

func (c *crowd) come(t *testing.T, count int) {
	t.Helper()
	for i := range count {
		c.group.Go(func() {
			in := c.slots.Take(t.Context(), "ep_1", 3)
			c.mu.Lock()
			defer c.mu.Unlock()
			if in {
				c.entered = append(c.entered, i)
			} else {
				c.refused++
			}
		})
		synctest.Wait() // one after another
	}
}

// seen is who entered, and how many were refused since it was asked last.
func (c *crowd) seen() (entered []int, refused int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entered, refused, c.refused = slices.Clone(c.entered), c.refused, 0
	return entered, refused
}

func TestAnEndpointHasItsSlotsAndNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{slots: worker.NewSlots(patience)}
		c.come(t, 134)
		if entered, refused := c.seen(); !slices.Equal(entered, []int{0, 1, 2}) || refused != 3 {
			t.Errorf("%v entered and %d were refused at once, want the first three, and those behind the 128 that wait", entered, refused)
		}
		if !c.slots.Take(t.Context(), "ep_2", 3) {
			t.Error("another endpoint had no slot")
		}
		for range 2 {
			c.slots.Give("ep_1")
			synctest.Wait()
		}
		if entered, _ := c.seen(); !slices.Equal(entered, []int{0, 1, 2, 3, 4}) {
			t.Errorf("%v entered, want those that waited longest", entered)
		}
		c.group.Wait() // the others have lost patience
		if entered, _ := c.seen(); len(entered) != 5 {
			t.Errorf("%v entered", entered)
		}
		for range 3 {
			c.slots.Give("ep_1")
		}
		c.slots.Give("ep_2")
		if known := c.slots.Known(); known != 0 {
			t.Errorf("%d endpoints are remembered with nothing in flight", known)
		}
	})
}

// Whoever would wait in vain does not wait: it holds a worker.
func TestAsManyWaitAsGotThroughLately(t *testing.T) {
	t.Parallel()
	for ended, want := range map[int]int{0: 0, 2: 2, 5: 5, 100: 100, 150: 128} {
		synctest.Test(t, func(t *testing.T) {
			c := &crowd{slots: worker.NewSlots(patience)}
			c.come(t, 3)
			<-time.After(2 * patience)
			for range ended {
				c.slots.Give("ep_1")
				c.come(t, 1)
			}
			c.come(t, 200)
			if _, refused := c.seen(); 200-refused != want {
				waiting := 200 - refused
				t.Errorf("%d wait after %d got through, want %d", waiting, ended, want)
			}
			<-time.After(3 * patience) // and nothing got through any more
			c.group.Wait()
			c.seen()
			c.come(t, 200)
			if _, refused := c.seen(); refused != 200 {
				t.Errorf("%d wait for one that hangs", 200-refused)
			}
			c.group.Wait()
		})
	}
}

func TestWaitingForASlotEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slots := worker.NewSlots(patience)
		slots.Take(t.Context(), "ep_1", 1)
		start := time.Now()
		if slots.Take(t.Context(), "ep_1", 1) || time.Since(start) != patience {
			t.Errorf("waited %s", time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if slots.Take(ctx, "ep_1", 1) {
			t.Error("entered a full endpoint")
		}
		slots.Give("ep_1")
		if !slots.Take(t.Context(), "ep_1", 1) {
			t.Error("there was no slot after all had left")
		}
	})
}

// Whatever comes and goes, never more than the limit are in flight, and all slots
// are free in the end.
func TestSlotsAreNeitherLostNorGivenTwice(t *testing.T) {
	t.Parallel()
	slots := worker.NewSlots(2 * time.Microsecond)
	var group sync.WaitGroup
	var mu sync.Mutex
	under, most, entered := 0, 0, 0
	for range 200 {
		group.Go(func() {
			for range 50 {
				if !slots.Take(t.Context(), "ep_1", 8) {
					continue
				}
				mu.Lock()
				under, entered = under+1, entered+1
				most = max(most, under)
				mu.Unlock()
				mu.Lock()
				under--
				mu.Unlock()
				slots.Give("ep_1")
			}
		})
	}
	group.Wait()
	if most > 8 || entered == 0 || slots.Known() != 0 {
		t.Errorf("%d in flight at once, %d entered, %d endpoints remembered", most, entered, slots.Known())
	}
}

// A limit that was changed holds for whoever comes, and for those that wait.
func TestSlotsFollowTheEndpointsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slots := worker.NewSlots(patience)
		entered := make(chan int, 20)
		var group sync.WaitGroup
		come := func(limit, count int) (in int) {
			t.Helper()
			for range count {
				group.Go(func() {
					if slots.Take(t.Context(), "ep_1", limit) {
						entered <- limit
					}
				})
				synctest.Wait()
			}
			in = len(entered)
			for range in {
				<-entered
			}
			return in
		}
		if in := come(4, 6); in != 4 {
			t.Errorf("%d entered four slots", in)
		}
		if in := come(6, 1); in != 2 {
			t.Errorf("%d entered when there were two slots more, want those that waited", in)
		}
		if in := come(2, 3); in != 0 {
			t.Errorf("%d entered when there were fewer slots than attempts in flight", in)
		}
		for left := range 5 {
			slots.Give("ep_1")
			synctest.Wait()
			if in, want := len(entered), max(0, left-3); in != want {
				t.Errorf("%d entered after %d left, want %d", in, left+1, want)
			}
		}
		group.Wait()
	})
}
