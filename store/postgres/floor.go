package postgres

import (
	"sync"
	"time"
)

// floor is the time before which no delivery is known to be due. A look for due
// deliveries begins there: while somebody holds a snapshot for long (a dump, a
// long query, a standby), the index keeps the entries of all that were due since,
// and a look from its beginning would walk over every one of them.
//
// A delivery may still come to be due before the floor, because its transaction
// took long or a clock is wrong. So a look begins a second before the floor, every
// tenth look ten seconds before, every hundredth a hundred, and every
// ten-thousandth at the beginning: what is late is found late, by a tenth of the
// time that it had been due, and all looks together cost but a few times the
// shortest.
type floor struct {
	mu    sync.Mutex
	at    time.Time
	looks int
	whole bool // every look begins at the beginning
}

const (
	floorMargin = time.Second
	floorWhole  = 10_000 // every so many looks begin at the beginning
)

// from is where the next look begins.
func (f *floor) from() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	if f.whole || f.at.IsZero() || f.looks%floorWhole == 0 {
		return beginning()
	}
	margin := floorMargin
	for n := f.looks; n%10 == 0; n /= 10 {
		margin *= 10
	}
	return f.at.Add(-margin)
}

// known is where the first delivery was that the last look found.
func (f *floor) known() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.whole || f.at.IsZero() {
		return beginning()
	}
	return f.at
}

// set notes what a look found. The zero time means that nothing is known.
func (f *floor) set(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = at
}

// beginning is before anything was ever due.
func beginning() time.Time { return time.Unix(0, 0) }
