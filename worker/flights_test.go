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

func TestAnEndpointHasItsPlacesAndNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		flights := worker.NewFlights()
		var group sync.WaitGroup
		var mu sync.Mutex
		var entered []int
		for i := range 10 {
			group.Go(func() {
				if flights.Enter(t.Context(), "ep_1", 3, patience) {
					mu.Lock()
					entered = append(entered, i)
					mu.Unlock()
				}
			})
			synctest.Wait() // one after another
		}
		if !slices.Equal(entered, []int{0, 1, 2}) {
			t.Errorf("%v entered, want the first three", entered)
		}
		if !flights.Enter(t.Context(), "ep_2", 3, patience) {
			t.Error("another endpoint had no place")
		}
		flights.Leave("ep_1")
		synctest.Wait()
		flights.Leave("ep_1")
		synctest.Wait()
		if !slices.Equal(entered, []int{0, 1, 2, 3, 4}) {
			t.Errorf("%v entered, want those that waited longest", entered)
		}
		group.Wait() // the others have lost patience
		if len(entered) != 5 {
			t.Errorf("%v entered", entered)
		}
		for range 3 {
			flights.Leave("ep_1")
		}
		flights.Leave("ep_2")
		if known := flights.Known(); known != 0 {
			t.Errorf("%d endpoints are remembered with nothing under way", known)
		}
	})
}

func TestWaitingForAPlaceEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		flights := worker.NewFlights()
		flights.Enter(t.Context(), "ep_1", 1, patience)
		start := time.Now()
		if flights.Enter(t.Context(), "ep_1", 1, patience) || time.Since(start) != patience {
			t.Errorf("waited %s", time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if flights.Enter(ctx, "ep_1", 1, time.Hour) {
			t.Error("entered a full endpoint")
		}
		flights.Leave("ep_1")
		if !flights.Enter(t.Context(), "ep_1", 1, patience) {
			t.Error("there was no place after all had left")
		}
	})
}

// Whatever comes and goes, never more than the places are under way, and all
// places are free in the end.
func TestPlacesAreNeitherLostNorLentTwice(t *testing.T) {
	t.Parallel()
	flights := worker.NewFlights()
	var group sync.WaitGroup
	var mu sync.Mutex
	under, most, entered := 0, 0, 0
	for i := range 200 {
		group.Go(func() {
			for range 50 {
				if !flights.Enter(t.Context(), "ep_1", 8, time.Duration(i%3)*time.Microsecond) {
					continue
				}
				mu.Lock()
				under, entered = under+1, entered+1
				most = max(most, under)
				mu.Unlock()
				mu.Lock()
				under--
				mu.Unlock()
				flights.Leave("ep_1")
			}
		})
	}
	group.Wait()
	if most > 8 || entered == 0 || flights.Known() != 0 {
		t.Errorf("%d under way at once, %d entered, %d endpoints remembered", most, entered, flights.Known())
	}
}
