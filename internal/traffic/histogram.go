package traffic

import (
	"math"
	"time"
)

// Latencies are counted in buckets of which perDoubling cover each doubling of
// the time, from a microsecond on: bucket i holds what is at least 2^(i/8) µs
// and less than 2^((i+1)/8) µs. The last one begins at 66 minutes, which is more
// than any attempt takes.
const (
	perDoubling = 8
	buckets     = 32 * perDoubling
)

// bucketOf is the bucket of a time.
func bucketOf(took time.Duration) int {
	micros := float64(max(took, time.Microsecond)) / float64(time.Microsecond)
	return min(int(perDoubling*math.Log2(micros)), buckets-1)
}

// middle stands for the times of a bucket: the geometric middle of its bounds,
// from which both are a factor of 2^(1/16) away. So it is off by 4.5 % at most.
func middle(bucket int) time.Duration {
	return time.Duration(math.Pow(2, (float64(bucket)+0.5)/perDoubling) * float64(time.Microsecond))
}

// percentile is the time within which a share of all that were counted ended,
// by nearest rank: the share is in (0, 1]. Zero when none was counted.
func percentile(latencies map[int]int, share float64) time.Duration {
	total := 0
	for _, count := range latencies {
		total += count
	}
	if total == 0 {
		return 0
	}
	rank, passed := int(math.Ceil(share*float64(total))), 0
	for bucket := range buckets {
		if passed += latencies[bucket]; passed >= rank {
			return middle(bucket)
		}
	}
	return middle(buckets - 1) // of what was counted in buckets that there are not
}
