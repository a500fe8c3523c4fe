package bench

import (
	"math"
	"slices"
	"time"
)

// Latency is the spread of a set of durations, in milliseconds; all zero when
// there were none. A quantile is by nearest rank: the least value that at
// least that part of all values does not exceed.
type Latency struct {
	P50 float64 `json:"p50_ms"`
	P90 float64 `json:"p90_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

// LatencyOf sorts the durations in place.
func LatencyOf(durations []time.Duration) Latency {
	slices.Sort(durations)
	return Latency{
		P50: milliseconds(Quantile(durations, 0.50)),
		P90: milliseconds(Quantile(durations, 0.90)),
		P99: milliseconds(Quantile(durations, 0.99)),
		Max: milliseconds(Quantile(durations, 1)),
	}
}

// Quantile is the nearest-rank quantile q (from 0 to 1) of sorted durations;
// zero when there are none.
func Quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}

// perSecond is a rate, zero over no time.
func perSecond(count int, over time.Duration) float64 {
	if over <= 0 {
		return 0
	}
	return math.Round(float64(count)/over.Seconds()*10) / 10
}

// share is how much of a total falls on each of count, zero when there is none.
func share(total float64, count int) float64 {
	if count == 0 {
		return 0
	}
	return math.Round(total/float64(count)*10) / 10
}
