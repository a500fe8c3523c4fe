package keys

import "time"

// Pace bounds how many requests a second each key makes of this process. It is
// safe for concurrent use.
type Pace struct {
	perSecond int // and how many may come at once
	now       func() time.Time
	requests  leaks[string]
}

// NewPace makes a Pace; 0 a second bounds nothing.
func NewPace(perSecond int) *Pace {
	return &Pace{perSecond: perSecond, now: time.Now, requests: newLeaks[string](float64(perSecond), float64(perSecond), maxTrusted)}
}

// PerSecond is the bound.
func (p *Pace) PerSecond() int { return p.perSecond }

// Take counts a request of a key. When there are too many it is not counted, and
// Take says after how long the next one is let through.
func (p *Pace) Take(keyID string) (wait time.Duration) {
	if p.perSecond <= 0 {
		return 0
	}
	return p.requests.take(keyID, p.now())
}
