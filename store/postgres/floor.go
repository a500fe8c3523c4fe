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
// tenth look ten seconds before, every hundredth a hundred, every thousandth a
// thousand, and every ten-thousandth at the beginning: what is late is found late,
// by a tenth of the time that it had been due, and all looks together cost but a
// few times the shortest.
type floor struct {
	mu      sync.Mutex
	at      time.Time
	looks   int
	changed int  // how often at was
	whole   bool // every look begins at the beginning
}

const (
	floorMargin = time.Second
	floorWhole  = 10_000 // every so many looks begin at the beginning
)

// from is where the next look begins. Whoever looks gives since to found.
func (f *floor) from() (from time.Time, since int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	if f.whole || f.at.IsZero() || f.looks%floorWhole == 0 {
		return beginning(), f.changed
	}
	margin := floorMargin
	for n := f.looks; n%10 == 0; n /= 10 {
		margin *= 10
	}
	return f.at.Add(-margin), f.changed
}

// found notes where the first delivery is that a look found, unless another look
// or a lower has changed the floor since: it may know of earlier ones.
func (f *floor) found(at time.Time, since int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changed == since {
		f.at = at
		f.changed++
	}
}

// lower says that anything may be due.
func (f *floor) lower() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = time.Time{}
	f.changed++
}

// floors are one for each endpoint: before which none of its deliveries is known to
// be due or under way.
type floors struct {
	mu         sync.Mutex
	byEndpoint map[string]*floor
	whole      bool
}

// maxFloors bounds how many are remembered: more than endpoints have deliveries
// parked at once.
const maxFloors = 50_000

func (f *floors) of(endpointID string) *floor {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.byEndpoint[endpointID]
	if one == nil {
		if len(f.byEndpoint) >= maxFloors {
			clear(f.byEndpoint)
		}
		one = &floor{whole: f.whole}
		f.byEndpoint[endpointID] = one
	}
	return one
}

// beginning is before anything was ever due.
func beginning() time.Time { return time.Unix(0, 0) }
