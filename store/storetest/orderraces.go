package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// crowd is a few who all do something with the same groups at once.
type crowd struct {
	kit

	mu   sync.Mutex
	made []string // ids of deliveries
}

// orderRaces has groups of which everything happens at once: nothing fails, each
// group that has any waiting has one head, and in the end everything has ended.
func orderRaces(k kit) {
	c := &crowd{kit: k}
	together(8, func(i int) {
		random := rand.New(rand.NewPCG(uint64(i), 1))
		steps := []func(*rand.Rand){c.accept, c.accept, c.work, c.work, c.work, c.release, c.expire, c.reopen}
		for range 25 {
			steps[random.IntN(len(steps))](random)
		}
	})
	c.checkHeads()
	for range 10 * len(c.made) {
		n, err := k.CountDeliveries(k.ctx(), waitingOnes())
		k.must(err)
		if n == 0 {
			return
		}
		_, err = k.Release(k.ctx(), "ep_1", After(24*time.Hour), 1000, 1000)
		k.must(err)
		c.finish(Succeed)
	}
	k.Error("groups have stalled")
}

func waitingOnes() postback.DeliveryFilter {
	return postback.DeliveryFilter{States: []postback.State{postback.Pending, postback.Retrying, postback.Parked}}
}

// checkHeads looks at all that waits while nobody works on it.
func (c *crowd) checkHeads() {
	heads := map[string]int{}
	for cursor := ""; ; {
		page, next, err := c.Deliveries(c.ctx(), waitingOnes(), postback.Page{Cursor: cursor, Limit: 100})
		c.must(err)
		for _, d := range page {
			heads[d.OrderKey] += 0
			if d.Reason != postback.ReasonOrdered {
				heads[d.OrderKey]++
			}
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	for key, count := range heads {
		if key != "" && count != 1 {
			c.Errorf("the group %s has %d heads", key, count)
		}
	}
}

func (c *crowd) check(doing string, err error) {
	if err != nil && postback.CodeOf(err) != postback.CodeConflict {
		c.Errorf("%s: %v", doing, err)
	}
}

// accept accepts events of a few groups, and one of none, in any order.
func (c *crowd) accept(random *rand.Rand) {
	var items []postback.Acceptance
	for _, key := range random.Perm(6) {
		at := After(time.Duration(random.IntN(3600)) * time.Second)
		event := Event(NewID("evt", at))
		event.AcceptedAt = at
		item := Acceptance(event, "ep_1")
		if key > 0 {
			item.Deliveries[0].OrderKey = fmt.Sprintf("tx-%d", key)
		}
		items = append(items, item)
	}
	_, err := c.Accept(c.ctx(), items)
	c.check("accept", err)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, item := range items {
		c.made = append(c.made, item.Deliveries[0].ID)
	}
}

// work makes what is due and ends it, parks it or tries it again.
func (c *crowd) work(random *rand.Rand) {
	ways := []func(postback.Ref) postback.Transition{Succeed, Succeed, DeadLetter, Park, Retry}
	c.finish(ways[random.IntN(len(ways))])
}

func (c *crowd) finish(how func(postback.Ref) postback.Transition) {
	claimed, err := c.Claim(c.ctx(), postback.Claim{Now: After(24 * time.Hour), Next: After(24 * time.Hour), Limit: 20})
	c.check("claim", err)
	var group sync.WaitGroup
	for _, due := range claimed {
		group.Go(func() { c.check("record", c.Record(c.ctx(), how(due.Delivery.Ref()))) })
	}
	group.Wait()
}

func (c *crowd) release(*rand.Rand) {
	_, err := c.Release(c.ctx(), "ep_1", After(2*time.Hour), 30, 30)
	c.check("release", err)
}

func (c *crowd) expire(random *rand.Rand) {
	_, err := c.Expire(c.ctx(), "ep_1", After(time.Duration(random.IntN(600))*time.Second), After(2*time.Hour), 10)
	c.check("expire", err)
}

// reopen replays some, whether they have ended or not.
func (c *crowd) reopen(random *rand.Rand) {
	c.mu.Lock()
	made := slices.Clone(c.made)
	c.mu.Unlock()
	random.Shuffle(len(made), func(i, j int) { made[i], made[j] = made[j], made[i] })
	_, err := c.Reopen(c.ctx(), made[:min(len(made), 10)], After(2*time.Hour), After(2*time.Hour))
	c.check("reopen", err)
}
