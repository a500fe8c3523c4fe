package dispatcher

import (
	"context"
	"slices"
	"sync"

	"github.com/waybillhq/waybill/postback"
)

// crew works for many endpoints at once. For each endpoint one job is done at a
// time, and publishers take turns, none with more than its share of the hands: so
// neither a job that hangs nor a publisher with many endpoints keeps the others
// waiting. It is safe for concurrent use.
type crew struct {
	hands int // how many jobs are done at once
	share int // of one publisher

	mu      sync.Mutex
	busy    map[string]bool  // endpoints that have a job
	waiting map[string][]job // by publisher, in the order in which they came
	turns   []string         // publishers with jobs that wait, the next one first
	atWork  map[string]int   // hands, by publisher
	all     int              // hands at work
	group   sync.WaitGroup
}

// job is what is to be done for an endpoint.
type job struct {
	endpoint postback.Endpoint
	do       func(ctx context.Context)
}

func newCrew(hands, share int) *crew {
	return &crew{hands: hands, share: share, busy: map[string]bool{}, waiting: map[string][]job{}, atWork: map[string]int{}}
}

// add has a job done as soon as a hand is free, unless the endpoint has one
// already. What has not begun when ctx ends is not done.
func (c *crew) add(ctx context.Context, one job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[one.endpoint.ID] {
		return
	}
	c.busy[one.endpoint.ID] = true
	publisher := one.endpoint.Publisher
	if c.waiting[publisher] = append(c.waiting[publisher], one); len(c.waiting[publisher]) == 1 {
		c.turns = append(c.turns, publisher)
	}
	c.start(ctx)
}

// start gives free hands to those whose turn it is.
func (c *crew) start(ctx context.Context) {
	for c.all < c.hands && ctx.Err() == nil {
		turn := slices.IndexFunc(c.turns, func(publisher string) bool { return c.atWork[publisher] < c.share })
		if turn < 0 {
			return
		}
		one := c.take(turn)
		c.group.Go(func() {
			defer c.finish(ctx, one)
			one.do(ctx)
		})
	}
}

// take takes the job of a publisher whose turn it is, and puts the publisher
// behind the others.
func (c *crew) take(turn int) job {
	publisher := c.turns[turn]
	c.turns = slices.Delete(c.turns, turn, turn+1)
	one := c.waiting[publisher][0]
	if c.waiting[publisher] = c.waiting[publisher][1:]; len(c.waiting[publisher]) > 0 {
		c.turns = append(c.turns, publisher)
	} else {
		delete(c.waiting, publisher)
	}
	c.atWork[publisher]++
	c.all++
	return one
}

// finish frees a hand for the next job.
func (c *crew) finish(ctx context.Context, one job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, one.endpoint.ID)
	c.all--
	if c.atWork[one.endpoint.Publisher]--; c.atWork[one.endpoint.Publisher] == 0 {
		delete(c.atWork, one.endpoint.Publisher)
	}
	c.start(ctx)
}

// wait waits until every job that has begun is done.
func (c *crew) wait() { c.group.Wait() }
