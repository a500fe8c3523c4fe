package dispatcher

import (
	"maps"
	"slices"
	"sync"

	"github.com/waybillhq/waybill/internal/task"
)

// lanes decides what may enter the run queue: of one endpoint no more than its
// share of a lane, and of all no more than the lane's bound. A lane that is full
// stops no other. It is safe for concurrent use.
type lanes struct {
	mu    sync.Mutex
	bound int // of the shards of a lane together
	share int // of one endpoint in a lane
	most  int // how many may be promised room at once

	open     bool            // the queue was looked at, and takes attempts
	behind   map[string]bool // endpoints that have new deliveries due in the ledger: others wait behind those
	depth    task.Depth      // at the last look
	deliver  []*lane         // by shard
	retry    []*lane
	reserved map[string]int // deliveries on their way into the lane of new ones, by endpoint
	promised int            // all of these
}

func newLanes(options Options) *lanes {
	return &lanes{bound: options.MaxQueued, share: options.Share, most: options.Handoff, behind: map[string]bool{}, reserved: map[string]int{}}
}

// reserve takes room for a new delivery; false means that it has to wait in the
// ledger. The caller unreserves it when it is in the queue, or does not get there.
func (l *lanes) reserve(endpointID string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.roomFor(endpointID) {
		l.behind[endpointID] = true
		return false
	}
	l.reserved[endpointID]++
	l.promised++
	return true
}

func (l *lanes) roomFor(endpointID string) bool {
	if !l.open || l.behind[endpointID] || l.promised >= l.most {
		return false
	}
	lane := l.deliver[l.depth.Shard(endpointID)]
	return lane.room(endpointID, l.boundOf()-l.promised) > l.reserved[endpointID]
}

func (l *lanes) unreserve(endpointID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.promised--
	if l.reserved[endpointID]--; l.reserved[endpointID] <= 0 {
		delete(l.reserved, endpointID)
	}
}

// entered notes an attempt that came into the queue.
func (l *lanes) entered(attempt task.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.deliver) == 0 {
		return // the first look counts it
	}
	of := l.retry
	if attempt.Fresh() {
		of = l.deliver
	}
	of[l.depth.Shard(attempt.EndpointID)].add(attempt.EndpointID)
}

// full are the endpoints of which no more may enter either lane: a part would
// exceed their share, or its lane's bound. Of a lane that is full only those
// endpoints may enter that have nothing in there.
func (l *lanes) full() []string {
	part := l.part()
	l.mu.Lock()
	defer l.mu.Unlock()
	full := map[string]bool{}
	for shard := range l.deliver {
		for _, lane := range []*lane{l.deliver[shard], l.retry[shard]} {
			for endpointID := range lane.of {
				if lane.room(endpointID, l.boundOf()) < part {
					full[endpointID] = true
				}
			}
		}
	}
	for endpointID, reserved := range l.reserved {
		if lane := l.deliver[l.depth.Shard(endpointID)]; lane.room(endpointID, l.boundOf())-reserved < part {
			full[endpointID] = true
		}
	}
	return slices.Sorted(maps.Keys(full))
}

// part is how many of an endpoint enter at once: half of what may be in a lane,
// so that it is filled again before it has run dry.
func (l *lanes) part() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(1, min(l.share, l.boundOf())/2)
}

// close lets no new delivery in before the next look.
func (l *lanes) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = false
}

// leave ends a look that let in all that was due, but of the endpoints that are
// full. New deliveries of the others need not wait for any before them.
func (l *lanes) leave(full []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = true
	maps.DeleteFunc(l.behind, func(id string, _ bool) bool { return !slices.Contains(full, id) })
}

// count looks at the queue. What entered it while it was asked counts as well.
func (l *lanes) count(ask func() (task.Depth, error)) error {
	before := l.entries()
	depth, err := ask()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.deliver) != len(depth.Deliver) {
		l.deliver, l.retry, before = newShards(len(depth.Deliver), l.share), newShards(len(depth.Deliver), l.share), nil
	}
	l.depth = depth
	for shard := range depth.Deliver {
		l.deliver[shard].saw(depth.Deliver[shard], at(before, 2*shard))
		l.retry[shard].saw(depth.Retry[shard], at(before, 2*shard+1))
	}
	return nil
}

// entries is how many attempts have entered each lane.
func (l *lanes) entries() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []int
	for shard := range l.deliver {
		all = append(all, l.deliver[shard].entries, l.retry[shard].entries)
	}
	return all
}

func at(list []int, place int) int {
	if place < len(list) {
		return list[place]
	}
	return 0
}

// boundOf is the bound of one shard of a lane.
func (l *lanes) boundOf() int { return max(1, l.bound/max(1, len(l.deliver))) }

// lane is one queue. What is left in it of the attempts that this process put
// there are the last ones: as many as the queue holds, or fewer where other
// processes fill it, too.
type lane struct {
	share   int            // of one endpoint
	length  int            // when it was last looked at, and what entered since
	entries int            // how many entered from this process
	recent  []string       // the endpoints of the last ones, oldest first
	of      map[string]int // how many of these are each endpoint's
}

func newShards(count, share int) []*lane {
	shards := make([]*lane, count)
	for i := range shards {
		shards[i] = &lane{share: share, of: map[string]int{}}
	}
	return shards
}

func (l *lane) add(endpointID string) {
	l.length++
	l.entries++
	l.recent = append(l.recent, endpointID)
	l.of[endpointID]++
}

// saw notes how long the queue was at a moment when so many had entered.
func (l *lane) saw(length, entries int) {
	l.length = length + l.entries - entries
	gone := max(0, len(l.recent)-l.length)
	for _, endpointID := range l.recent[:gone] {
		if l.of[endpointID]--; l.of[endpointID] == 0 {
			delete(l.of, endpointID)
		}
	}
	l.recent = l.recent[gone:]
}

// room is how many more of an endpoint may enter a queue with this bound.
func (l *lane) room(endpointID string, bound int) int {
	return min(bound-l.length, l.share-l.of[endpointID])
}
