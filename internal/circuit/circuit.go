// Package circuit decides from what came of an endpoint's latest attempts
// whether to leave it alone for a while, when to try it again, and when to give
// it up.
//
// It guarantees that a few failures never open a circuit, that what happened
// longer ago than the window counts for nothing there, that the probes of an open
// circuit are spaced out, and that no endpoint is disabled that took anything in
// all that time. What processes must agree on it keeps in the ledger. It sends
// nothing and has no clock of its own.
package circuit

import (
	"maps"
	"math"
	"sync"
	"time"
)

// Policy says when a circuit opens and how it is probed.
type Policy struct {
	// Window is how far back attempts count.
	Window time.Duration
	// Minimum is how many attempts there must be in the window.
	Minimum int
	// Share of them that must have failed, in (0, 1].
	Share float64
	// FirstProbe is the pause before the first probe; it doubles with each
	// probe that fails, up to LastProbe.
	FirstProbe, LastProbe time.Duration
}

// Default is the policy of an engine without settings.
func Default() Policy {
	return Policy{
		Window: 30 * time.Second, Minimum: 10, Share: 0.5,
		FirstProbe: 5 * time.Second, LastProbe: 5 * time.Minute,
	}
}

// ProbeDelay is how long an open circuit waits for its next probe after so many
// that failed: the first pause, doubled for each, up to the last, and of that a
// random part between three quarters and all, so that endpoints which failed
// together are not probed together. random returns a number in [0, 1).
func (p Policy) ProbeDelay(failed int, random func() float64) time.Duration {
	delay := math.Min(float64(p.FirstProbe)*math.Pow(2, float64(max(failed, 0))), float64(p.LastProbe))
	return time.Duration(delay * (1 - random()/4))
}

// parts is into how many parts a window is divided: the oldest part is
// forgotten at once.
const parts = 10

// Monitor counts what came of the attempts of each endpoint in this process.
// It is safe for concurrent use.
type Monitor struct {
	policy Policy

	mu      sync.Mutex
	windows map[string]*window
	cleared int64 // the part in which old windows were forgotten last
}

// window counts attempts by the part of time in which they ended.
type window struct {
	last   int64 // the newest part, counted from 1970
	total  [parts]int
	failed [parts]int
}

// NewMonitor makes a Monitor.
func NewMonitor(policy Policy) *Monitor {
	return &Monitor{policy: policy, windows: map[string]*window{}}
}

// Observe counts an attempt that ended at a time, and reports whether the
// endpoint's circuit should open. It then begins a new window: an endpoint that
// is tried again starts without its past.
func (m *Monitor) Observe(endpointID string, failed bool, at time.Time) (open bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	part := at.UnixNano() / int64(m.policy.Window/parts)
	m.clear(part)
	counts, known := m.windows[endpointID]
	if !known {
		counts = &window{}
		m.windows[endpointID] = counts
	}
	counts.add(part, failed)
	total, bad := counts.sums()
	if total < m.policy.Minimum || float64(bad) < m.policy.Share*float64(total) {
		return false
	}
	delete(m.windows, endpointID)
	return true
}

// clear forgets windows in which nothing counts any more, once in each window.
func (m *Monitor) clear(part int64) {
	if part-m.cleared < parts {
		return
	}
	m.cleared = part
	maps.DeleteFunc(m.windows, func(_ string, w *window) bool { return part-w.last >= parts })
}

// add counts one attempt in a part, after it forgot the parts that are too old.
func (w *window) add(part int64, failed bool) {
	for ; w.last < part && part-w.last <= parts; w.last++ {
		w.total[(w.last+1)%parts], w.failed[(w.last+1)%parts] = 0, 0
	}
	if w.last < part {
		*w = window{last: part}
	}
	place := max(part, w.last-parts+1) % parts
	w.total[place]++
	if failed {
		w.failed[place]++
	}
}

func (w *window) sums() (total, failed int) {
	for i := range parts {
		total += w.total[i]
		failed += w.failed[i]
	}
	return total, failed
}
