package postgres

import (
	"sync"
	"time"
)

// pace keeps looks that may have much to walk over to a small share of the time:
// while somebody holds a snapshot for long (a dump, a long query, a standby), the
// index keeps the entries of all that has gone since. As long as a look is as
// cheap as it mostly is, it may be made each time. The zero value is ready.
type pace struct {
	mu   sync.Mutex
	rest time.Time // until when there is none
}

const (
	paceRests = 20          // as many times as long as the look took
	paceMost  = time.Minute // and no longer than that
)

// due reports whether such a look may be made now.
func (p *pace) due(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !now.Before(p.rest)
}

// took notes how long one took.
func (p *pace) took(began, ended time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = ended.Add(min(paceRests*ended.Sub(began), paceMost))
}
