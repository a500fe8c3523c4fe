package dispatcher

import (
	"cmp"
	"maps"
	"sync"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// LaneOptions bound how many attempts the queue holds.
type LaneOptions struct {
	// MaxQueued bounds how many attempts are in each lane of the queue at once, in
	// all shards together; the rest waits in the ledger.
	MaxQueued int
	// Handoff is how many accepted deliveries may wait for a sender while Redis is
	// slow. Zero means 2048.
	Handoff int
	// Share is how many attempts of one endpoint may be in a lane of the queue at
	// once. Zero means 256.
	Share int
	// PublisherShare is how many of all endpoints of a publisher may. Zero means four
	// times Share.
	PublisherShare int
}

const (
	defaultHandoff = 2048
	// A lane is worked off in the order in which it was filled, so what one
	// endpoint has in there is what the others wait for: no more than the workers
	// of a shard finish in a moment.
	defaultShare = 256
	// A publisher with many endpoints is no more to the others than one with a few.
	defaultPublisherShares = 4
)

func (o LaneOptions) withDefaults() LaneOptions {
	o.Handoff = cmp.Or(o.Handoff, defaultHandoff)
	o.Share = cmp.Or(o.Share, defaultShare)
	o.PublisherShare = cmp.Or(o.PublisherShare, defaultPublisherShares*o.Share)
	return o
}

// lanes decides what may enter the run queue: of one endpoint no more than its
// share of a lane, of all endpoints of a publisher no more than theirs, and of all
// no more than the lane's bound. A lane that is full stops no other. It is safe for
// concurrent use.
type lanes struct {
	mu        sync.Mutex
	bound     int // of the shards of a lane together
	share     int // of one endpoint in a lane
	publisher int // of all endpoints of a publisher
	most      int // how many may be promised room at once

	open     bool            // the queue was counted, and takes attempts
	behind   map[string]bool // endpoints that have new deliveries due in the ledger: others wait behind those
	depth    task.Depth      // at the last count
	deliver  []*lane         // by shard
	retry    []*lane
	reserved map[owner]int  // new deliveries on their way into a lane, by endpoint
	promised map[string]int // the same, by publisher
	all      int
}

// owner is whom an attempt is for.
type owner struct{ publisher, endpoint string }

func ownerOf(delivery postback.Delivery) owner {
	return owner{delivery.Publisher, delivery.EndpointID}
}

func newLanes(options LaneOptions) *lanes {
	return &lanes{
		bound: options.MaxQueued, share: options.Share, publisher: options.PublisherShare, most: options.Handoff,
		behind: map[string]bool{}, reserved: map[owner]int{}, promised: map[string]int{},
	}
}

// reserve takes room for a new delivery; false means that it has to wait in the
// ledger. The caller releases it when it is in the queue, or does not get there.
func (l *lanes) reserve(delivery postback.Delivery) bool {
	of := ownerOf(delivery)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.roomFor(of, task.Fresh(delivery)) {
		l.behind[of.endpoint] = true
		return false
	}
	l.reserved[of]++
	l.promised[of.publisher]++
	l.all++
	return true
}

// roomFor leaves half of the handoff to other publishers.
func (l *lanes) roomFor(of owner, fresh bool) bool {
	if !l.open || l.behind[of.endpoint] || l.all >= l.most || l.promised[of.publisher] >= max(1, l.most/2) {
		return false
	}
	lane := l.of(fresh)[l.depth.Shard(of.endpoint)]
	return lane.room(of, l.boundOf()-l.all) > l.reserved[of] && lane.publisherRoom(of.publisher) > l.promised[of.publisher]
}

func (l *lanes) unreserve(of owner) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	less(l.reserved, of)
	less(l.promised, of.publisher)
}

// entered notes an attempt that came into the queue.
func (l *lanes) entered(attempt task.Attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.deliver) == 0 {
		return // the first count includes it
	}
	l.of(attempt.Fresh())[l.depth.Shard(attempt.EndpointID)].add(ownerOf(attempt.Due.Delivery))
}

// of are the shards of the lane of fresh attempts, or of the others.
func (l *lanes) of(fresh bool) []*lane {
	if fresh {
		return l.deliver
	}
	return l.retry
}

// full are the endpoints of which no more may enter either lane: a part would
// exceed their share or their publisher's, or its lane's bound. Of a lane that is
// full only those endpoints may enter that have nothing in there. endpointsOf
// lists a publisher's.
func (l *lanes) full(endpointsOf func(publisher string) []string) map[string]bool {
	part := l.part()
	l.mu.Lock()
	defer l.mu.Unlock()
	full := map[string]bool{}
	for shard := range l.deliver {
		for _, lane := range l.both(shard) {
			for of := range lane.of {
				if lane.room(of, l.boundOf()) < part {
					full[of.endpoint] = true
				}
			}
			for publisher := range lane.ofAll {
				if lane.publisherRoom(publisher) < part {
					l.fill(full, shard, endpointsOf(publisher))
				}
			}
		}
	}
	for of, reserved := range l.reserved {
		if l.roomInBoth(of)-reserved < part {
			full[of.endpoint] = true
		}
	}
	return full
}

func (l *lanes) both(shard int) []*lane { return []*lane{l.deliver[shard], l.retry[shard]} }

// roomInBoth is how many more of an endpoint may enter either lane.
func (l *lanes) roomInBoth(of owner) int {
	shard := l.depth.Shard(of.endpoint)
	return min(l.deliver[shard].room(of, l.boundOf()), l.retry[shard].room(of, l.boundOf()))
}

// fill adds those endpoints that are in a shard.
func (l *lanes) fill(full map[string]bool, shard int, endpoints []string) {
	for _, id := range endpoints {
		if l.depth.Shard(id) == shard {
			full[id] = true
		}
	}
}

// part is how many of an endpoint enter at once: half of what may be in a lane,
// so that it is filled again before it has run dry.
func (l *lanes) part() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(1, min(l.share, l.boundOf())/2)
}

// close lets no new delivery in before the next count.
func (l *lanes) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = false
}

// leave ends a count that let in all that was due, but of the endpoints that are
// full. New deliveries of the others need not wait for any before them.
func (l *lanes) leave(full map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = true
	maps.DeleteFunc(l.behind, func(id string, _ bool) bool { return !full[id] })
}

// count counts the queue. What entered it while it was asked counts as well.
func (l *lanes) count(ask func() (task.Depth, error)) error {
	before := l.entries()
	depth, err := ask()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.deliver) != len(depth.Deliver) {
		l.deliver, l.retry, before = l.newShards(len(depth.Deliver)), l.newShards(len(depth.Deliver)), nil
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
