package sim_test

import (
	"hash/fnv"
	"time"
)

// chance decides by name: what is decided about one thing does not depend on
// what was decided before, nor on the order in which goroutines ask.
type chance struct{ seed uint64 }

// of gives a number in [0, 1) for a name.
func (c chance) of(name string) float64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	return float64(mix(hash.Sum64()^mix(c.seed))>>11) / (1 << 53)
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// between gives a time from shortest up to longest, most often a short one.
func (c chance) between(name string, shortest, longest time.Duration) time.Duration {
	part := c.of(name)
	return shortest + time.Duration(part*part*float64(longest-shortest))
}
