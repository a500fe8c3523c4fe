package traffic_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybillhq/waybill/internal/traffic"
)

// within is by how much a percentile may be off.
const within = 0.045

// exact is a percentile by nearest rank.
func exact(sorted []time.Duration, share float64) time.Duration {
	return sorted[int(math.Ceil(share*float64(len(sorted))))-1]
}

func near(got, want time.Duration) bool {
	return math.Abs(float64(got-want)) <= within*float64(want)+1
}

// TestPercentiles compares what is reported with the exact percentiles of the same
// times, which two processes counted.
func TestPercentiles(t *testing.T) {
	t.Parallel()
	times := rapid.Custom(func(t *rapid.T) time.Duration {
		// As many short ones as long ones, up to the longest attempt.
		return time.Duration(float64(time.Microsecond) * math.Pow(2, rapid.Float64Range(0, math.Log2(60e6)).Draw(t, "doublings")))
	})
	rapid.Check(t, func(rt *rapid.T) {
		took := rapid.SliceOfN(times, 1, 400).Draw(rt, "took")
		over := newLedger()
		first, _ := newRecorder(over)
		second, _ := newRecorder(over)
		recorders := []*traffic.Recorder{first, second}
		for _, one := range took {
			rapid.SampledFrom(recorders).Draw(rt, "process").Observe("ep_1", good(one))
		}
		flush(t, first)
		flush(t, second)
		got := lately(t, over, time.Hour)
		slices.Sort(took)
		if got.Attempts != len(took) {
			rt.Fatalf("%d of %d are counted", got.Attempts, len(took))
		}
		for _, one := range []struct {
			share float64
			got   time.Duration
		}{{0.50, got.Latency.P50}, {0.95, got.Latency.P95}, {0.99, got.Latency.P99}} {
			if want := exact(took, one.share); !near(one.got, want) {
				rt.Fatalf("the %g-th part took %s, want %s, of %v", one.share, one.got, want, took)
			}
		}
	})
}

func TestTimesBeyondTheBuckets(t *testing.T) {
	t.Parallel()
	for took, want := range map[time.Duration]time.Duration{
		0: time.Microsecond, 1: time.Microsecond, -time.Second: time.Microsecond, 100 * time.Hour: 68 * time.Minute,
	} {
		over := newLedger()
		recorder, _ := newRecorder(over)
		recorder.Observe("ep_1", good(took))
		flush(t, recorder)
		if got := lately(t, over, time.Hour).Latency.P99; !near(got, want) {
			t.Errorf("%s counts as %s, want %s", took, got, want)
		}
	}
	if got := lately(t, newLedger(), time.Hour); got.Latency.P50 != 0 || got.Attempts != 0 {
		t.Errorf("of nothing it reports %+v", got)
	}
}

func BenchmarkObserve(b *testing.B) {
	recorder, _ := newRecorder(newLedger())
	attempt := ended(time.Second, 503, "status_not_200")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			recorder.Observe("ep_1", attempt)
		}
	})
}
