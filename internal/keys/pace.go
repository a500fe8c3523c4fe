package keys

import (
	"sync"
	"time"
)

// Pace bounds how many requests a second each key makes of this process. It is
// safe for concurrent use.
type Pace struct {
	perSecond float64 // and how many may come at once
	now       func() time.Time

	mu   sync.Mutex
	keys map[string]load
}

// load is how many requests of a key counted at a time.
type load struct {
	requests float64
	at       time.Time
}

// NewPace makes a Pace; 0 a second bounds nothing.
func NewPace(perSecond int) *Pace {
	return &Pace{perSecond: float64(perSecond), now: time.Now, keys: map[string]load{}}
}

// PerSecond is the bound.
func (p *Pace) PerSecond() int { return int(p.perSecond) }

// Take counts a request of a key. When there are too many it is not counted, and
// Take says after how long the next one is let through.
func (p *Pace) Take(keyID string) (wait time.Duration) {
	if p.perSecond <= 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	more := p.left(p.keys[keyID], now) + 1
	if over := more - p.perSecond; over > 0 {
		return time.Duration(over / p.perSecond * float64(time.Second))
	}
	if _, known := p.keys[keyID]; !known && len(p.keys) >= maxTrusted {
		p.forget(now)
	}
	p.keys[keyID] = load{requests: more, at: now}
	return 0
}

// left is what still counts of a key's requests.
func (p *Pace) left(of load, now time.Time) float64 {
	return max(0, of.requests-now.Sub(of.at).Seconds()*p.perSecond)
}

// forget makes room: of those of which nothing counts any more, else of all.
func (p *Pace) forget(now time.Time) {
	for id, one := range p.keys {
		if p.left(one, now) == 0 {
			delete(p.keys, id)
		}
	}
	if len(p.keys) >= maxTrusted {
		clear(p.keys)
	}
}
