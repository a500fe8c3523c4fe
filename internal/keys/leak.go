package keys

import (
	"sync"
	"time"
)

// leaks are leaking buckets, one for each key: what is put in leaks out at a steady
// rate, and one that is full takes no more. They are safe for concurrent use, and
// bounded in memory.
type leaks[K comparable] struct {
	size float64 // how many fit in one
	rate float64 // how many leak out in a second
	most int     // buckets that are remembered

	mu sync.Mutex
	of map[K]level
}

// level is how full a bucket was at a time.
type level struct {
	filled float64
	at     time.Time
}

func newLeaks[K comparable](size, rate float64, most int) leaks[K] {
	return leaks[K]{size: size, rate: rate, most: most, of: map[K]level{}}
}

// full reports whether one more does not fit.
func (l *leaks[K]) full(key K, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left(l.of[key], now)+1 > l.size
}

// put puts one in, be it too much.
func (l *leaks[K]) put(key K, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(key, now)
}

// take puts one in if it fits; if not, it says when it will.
func (l *leaks[K]) take(key K, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if over := l.left(l.of[key], now) + 1 - l.size; over > 0 {
		return time.Duration(over / l.rate * float64(time.Second))
	}
	l.add(key, now)
	return 0
}

func (l *leaks[K]) add(key K, now time.Time) {
	if _, known := l.of[key]; !known && len(l.of) >= l.most {
		l.forget(now)
	}
	l.of[key] = level{filled: l.left(l.of[key], now) + 1, at: now}
}

// left is what has not leaked out.
func (l *leaks[K]) left(of level, now time.Time) float64 {
	return max(0, of.filled-now.Sub(of.at).Seconds()*l.rate)
}

// forget makes room: of the empty ones, else of all.
func (l *leaks[K]) forget(now time.Time) {
	for key, one := range l.of {
		if l.left(one, now) == 0 {
			delete(l.of, key)
		}
	}
	if len(l.of) >= l.most {
		clear(l.of)
	}
}
