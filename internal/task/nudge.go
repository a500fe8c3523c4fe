package task

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/waybillhq/waybill/internal/loop"
)

const (
	// nudgePause is the time between two messages: a busy process sends no more
	// than 200 a second, for all of its queues.
	nudgePause = 5 * time.Millisecond
	// nudgeTimeout bounds the sending of one message.
	nudgeTimeout = time.Second
	// peersInterval is how often the processes are counted.
	peersInterval = 5 * time.Second
)

// nudges have servers look at once for a task that was queued, so that they need
// not ask an empty queue again and again. A server of this process is woken
// directly. Where none waits, the other processes are notified through Redis. A nudge
// may get lost: servers look by themselves, too, only seldom.
type nudges struct {
	redis   redis.UniversalClient // nil: no other process has this queue
	channel string                // where processes notify each other

	mu      sync.Mutex
	waiters map[string]*waiter // by queue
	unsent  map[string]int     // queues of which the others are to be notified, and of how many tasks
	some    chan struct{}      // there are unsent ones

	heard  atomic.Bool  // nudges of others arrive
	peers  atomic.Int64 // processes that listen for nudges, this one included
	closed chan struct{}
	group  sync.WaitGroup
}

// nudgeChannel is the channel of a database's queues: Redis has one set of channels for
// all of its databases, each of which may be another ledger's.
func nudgeChannel(db int) string {
	const first = "waybill:nudges"
	if db == 0 {
		return first
	}
	return first + ":" + strconv.Itoa(db)
}

// newNudges makes the nudges of a queue that several processes share, nil for one
// that is in this process.
func newNudges(shared redis.UniversalClient, channel string) *nudges {
	n := &nudges{
		redis: shared, channel: channel, waiters: map[string]*waiter{}, unsent: map[string]int{},
		some: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	n.peers.Store(1)
	if shared != nil {
		n.group.Go(n.send)
	}
	return n
}

// close sends what is unsent and waits.
func (n *nudges) close() {
	close(n.closed)
	n.group.Wait()
}

// waiter is what the servers of one queue wait at.
type waiter struct {
	tasks   chan struct{} // one for each that somebody should look for
	waiting atomic.Int32
}

// attend makes the place at which so many servers of a queue wait.
func (n *nudges) attend(queue string, servers int) *waiter {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiters[queue] == nil {
		n.waiters[queue] = &waiter{tasks: make(chan struct{}, servers)}
	}
	return n.waiters[queue]
}

func (n *nudges) waiter(queue string) *waiter {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.waiters[queue]
}

// queued has a server look for a task that a queue has got.
func (n *nudges) queued(queue string) {
	if w := n.waiter(queue); w == nil || !w.wake() {
		n.notify(queue)
	}
}

// wake has one server look. It reports whether one waits that had nothing to look
// for.
func (w *waiter) wake() bool {
	select {
	case w.tasks <- struct{}{}:
		return len(w.tasks) <= int(w.waiting.Load())
	default:
		return false
	}
}

// wait returns when there is something to look for, and in any case when the time
// is up or stopped is closed.
func (w *waiter) wait(patience time.Duration, stopped <-chan struct{}) {
	w.waiting.Add(1)
	defer w.waiting.Add(-1)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.tasks:
	case <-timer.C:
	case <-stopped:
	}
}

// notify tells the other processes that queues have tasks: one each time that a
// queue is named.
func (n *nudges) notify(queues ...string) {
	if n.redis == nil {
		return
	}
	n.mu.Lock()
	for _, queue := range queues {
		n.unsent[queue] = min(n.unsent[queue]+1, mostServers)
	}
	n.mu.Unlock()
	select {
	case n.some <- struct{}{}:
	default:
	}
}

// send notifies the others until the nudges are closed.
func (n *nudges) send() {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-n.closed:
			n.publish()
			return
		case <-n.some:
			n.publish()
		}
		pause.Reset(nudgePause)
		select {
		case <-n.closed:
		case <-pause.C:
		}
	}
}

// publish sends what is unsent: a queue's name for each server that is to look, since
// one alone may have no room for all. That it fails costs the others a moment.
func (n *nudges) publish() {
	var queues []string
	n.mu.Lock()
	for queue, tasks := range n.unsent {
		queues = append(queues, slices.Repeat([]string{queue}, tasks)...)
	}
	clear(n.unsent)
	n.mu.Unlock()
	if len(queues) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), nudgeTimeout)
	defer cancel()
	n.redis.Publish(ctx, n.channel, strings.Join(queues, " "))
}

// listen has the servers look for what other processes queued, until ctx ends.
func (n *nudges) listen(ctx context.Context) {
	subscription := n.redis.Subscribe(ctx, n.channel)
	defer func() { _ = subscription.Close() }()
	messages := subscription.ChannelWithSubscriptions()
	for {
		select {
		case <-ctx.Done():
			return
		case message := <-messages:
			n.receive(message)
		}
	}
}

func (n *nudges) receive(message any) {
	switch message := message.(type) {
	case *redis.Subscription: // anew: what was sent meanwhile is lost
		n.heard.Store(true)
		n.mu.Lock()
		queues := slices.Collect(maps.Keys(n.waiters))
		n.mu.Unlock()
		n.wake(queues)
	case *redis.Message:
		n.wake(strings.Fields(message.Payload))
	}
}

func (n *nudges) wake(queues []string) {
	for _, queue := range queues {
		if w := n.waiter(queue); w != nil {
			w.wake()
		}
	}
}

// counting follows how many processes listen. They share the looking at queues of
// which nobody notified them: many ask Redis no more often than one.
func (n *nudges) counting(logger *slog.Logger) loop.Job {
	return loop.Job{Name: "count processes", Every: peersInterval, Do: n.count, Logger: logger}
}

// count asks Redis. While it does not answer, the last count holds.
func (n *nudges) count(ctx context.Context) error {
	if counts, err := n.redis.PubSubNumSub(ctx, n.channel).Result(); err == nil {
		n.peers.Store(max(1, counts[n.channel]))
	}
	return nil
}
