package dispatcher

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

const (
	// busyFor is how long an attempt that a worker is busy with is tried again.
	// A worker that parked a delivery finishes its task in milliseconds; one
	// that makes the attempt records what comes of it.
	busyFor = 5 * time.Second
	// maxBusy bounds how many are remembered; the others wait until
	// their grace is over.
	maxBusy = 1024
)

// busy holds attempts that are due and could not be queued, because a worker
// had not finished the task of the same name: it parked the delivery, and
// before it said that it was done the delivery was released.
type busy struct {
	mu    sync.Mutex
	until map[postback.Ref]pending
}

// pending is an attempt to queue, and until when to try.
type pending struct {
	due   postback.Due
	until time.Time
}

func newBusy() *busy { return &busy{until: map[postback.Ref]pending{}} }

func (b *busy) add(due postback.Due, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref := due.Delivery.Ref()
	if _, known := b.until[ref]; !known && len(b.until) < maxBusy {
		b.until[ref] = pending{due, now.Add(busyFor)}
	}
}

func (b *busy) remove(ref postback.Ref) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.until, ref)
}

// again are those to try now, the oldest first. Those that were tried long enough
// are forgotten.
func (b *busy) again(now time.Time) []postback.Due {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []postback.Due
	for ref, one := range b.until {
		if now.After(one.until) {
			delete(b.until, ref)
			continue
		}
		all = append(all, one.due)
	}
	slices.SortFunc(all, func(a, b postback.Due) int { return cmp.Compare(a.Delivery.ID, b.Delivery.ID) })
	return all
}
