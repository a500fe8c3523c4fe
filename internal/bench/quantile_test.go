package bench_test

import (
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/bench"
)

// upTo is 1 ms, 2 ms, and so on.
func upTo(count int) []time.Duration {
	durations := make([]time.Duration, count)
	for i := range durations {
		durations[i] = time.Duration(i+1) * time.Millisecond
	}
	return durations
}

func TestQuantileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		of   []time.Duration
		q    float64
		want time.Duration
	}{
		{"none", nil, 0.5, 0},
		{"one", upTo(1), 0.99, time.Millisecond},
		{"least", upTo(10), 0, time.Millisecond},
		{"median of an even count", upTo(10), 0.5, 5 * time.Millisecond},
		{"median of an odd count", upTo(11), 0.5, 6 * time.Millisecond},
		{"a rank that is whole", upTo(100), 0.99, 99 * time.Millisecond},
		{"a rank that is not", upTo(101), 0.99, 100 * time.Millisecond},
		{"few", upTo(3), 0.99, 3 * time.Millisecond},
		{"most", upTo(10), 1, 10 * time.Millisecond},
		{"beyond", upTo(10), 2, 10 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := bench.Quantile(tt.of, tt.q); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestLatencyOfSortsAndRounds(t *testing.T) {
	t.Parallel()
	got := bench.LatencyOf([]time.Duration{3 * time.Millisecond, 1234567 * time.Nanosecond, 2 * time.Millisecond})
	want := bench.Latency{P50: 2, P90: 3, P99: 3, Max: 3}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := bench.LatencyOf([]time.Duration{1234567}); got.P50 != 1.235 {
		t.Errorf("1.234567 ms became %v", got.P50)
	}
	if got := bench.LatencyOf(nil); got != (bench.Latency{}) {
		t.Errorf("of nothing: %+v", got)
	}
}
