package sim_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/waybillhq/waybill/internal/task"
)

// What asynq does: how long a lease lasts, how often a worker renews it, and
// how often and how late each process brings back the tasks of those that died.
const (
	leaseTime     = 30 * time.Second
	renewInterval = 5 * time.Second
	recoverAfter  = 30 * time.Second
	recoverEvery  = time.Minute
	leaseGrace    = 10 * time.Second // that a lease still counts when a task is taken over
	forwardEvery  = time.Second
	rebuildLease  = 5 * time.Second
	pollAtMost    = 10 * time.Millisecond
)

// queueTask is a task in the queue.
type queueTask struct {
	task    task.Attempt
	state   string // pending, active or retry
	name    string // of its queue
	retried int
	holder  *process
	lease   time.Time // that nobody renews any more; zero while its holder does
	retryAt time.Time
}

// queue is the run queue as asynq keeps it in Redis. Its fields are changed by
// one call at a time: the gate sees to that.
type queue struct {
	world   *world
	shards  int
	tasks   map[string]*queueTask
	pending map[string][]string // ids by queue, oldest first
	epoch   string
	rebuild time.Time // until when somebody has the right to fill it again
}

func newQueue(w *world, shards int) *queue {
	return &queue{world: w, shards: shards, tasks: map[string]*queueTask{}, pending: map[string][]string{}}
}

// wipe is FLUSHALL.
func (q *queue) wipe() {
	q.tasks, q.pending = map[string]*queueTask{}, map[string][]string{}
	q.epoch, q.rebuild = "", time.Time{}
}

// held counts by delivery the tasks that workers have.
func (q *queue) held() map[string]int {
	held := map[string]int{}
	for _, t := range q.tasks {
		if t.state == "active" {
			held[t.task.Ref.DeliveryID]++
		}
	}
	return held
}

// lose forgets the newest tasks that wait, as a failover does.
func (q *queue) lose(most int) (lost int) {
	for _, name := range slices.Sorted(maps.Keys(q.pending)) {
		for len(q.pending[name]) > 0 && lost < most {
			last := len(q.pending[name]) - 1
			delete(q.tasks, q.pending[name][last])
			q.pending[name] = q.pending[name][:last]
			lost++
		}
	}
	return lost
}

// crash stops the renewal of a process' leases.
func (q *queue) crash(p *process) {
	for id, t := range q.tasks {
		if t.state == "active" && t.holder == p && t.lease.IsZero() {
			since := q.world.chance.between(id+"lease", 0, renewInterval)
			t.lease = p.now().Add(leaseTime - since)
		}
	}
}

// recoverExpired brings back what a process that died had.
func (q *queue) recoverExpired(p *process) {
	for _, id := range slices.Sorted(maps.Keys(q.tasks)) {
		t := q.tasks[id]
		if t.state == "active" && !t.lease.IsZero() && t.lease.Before(p.now().Add(-recoverAfter)) {
			t.state, t.holder, t.lease = "pending", nil, time.Time{}
			t.retried++
			q.pending[t.name] = append(q.pending[t.name], id)
			q.world.note("%s recovers %s", p.name, q.world.names.ref(t.task.Ref))
		}
	}
}

// forward makes tasks pending whose pause is over.
func (q *queue) forward() {
	for _, id := range slices.Sorted(maps.Keys(q.tasks)) {
		if t := q.tasks[id]; t.state == "retry" && !t.retryAt.After(time.Now()) {
			t.state = "pending"
			q.pending[t.name] = append(q.pending[t.name], id)
		}
	}
}

// take gives the oldest pending task of a queue to a process.
func (q *queue) take(p *process, name string) *queueTask {
	for len(q.pending[name]) > 0 {
		id := q.pending[name][0]
		q.pending[name] = q.pending[name][1:]
		if t, there := q.tasks[id]; there && t.state == "pending" {
			t.state, t.holder = "active", p
			return t
		}
	}
	return nil
}

// finish ends an active task, or sets it for another try.
func (q *queue) finish(t *queueTask, p *process, err error) {
	if q.tasks[t.task.ID()] != t || t.state != "active" || t.holder != p {
		return // it was taken over, or Redis was wiped
	}
	if err == nil {
		delete(q.tasks, t.task.ID())
		return
	}
	t.state, t.holder = "retry", nil
	t.retryAt = time.Now().Add(task.RetryDelay(t.retried))
	t.retried++
}

// client is the queue as one process has it.
type client struct {
	*queue
	process *process
}

func (c client) cross(ctx context.Context, quiet bool, what string, do func()) error {
	r := request{process: c.process, boundary: toQueue, name: c.process.name + " queue " + what, quiet: quiet}
	return c.world.cross(ctx, r, func() error {
		do()
		return nil
	})
}

func (c client) Enqueue(ctx context.Context, attempt task.Attempt) (queued bool, err error) {
	c.world.model.enters(attempt.Ref.DeliveryID, 1)
	defer c.world.model.enters(attempt.Ref.DeliveryID, -1)
	err = c.cross(ctx, false, "enqueue "+c.world.names.ref(attempt.Ref), func() {
		if _, there := c.tasks[attempt.ID()]; there {
			return
		}
		name := queueName(attempt, c.shards)
		if c.world.scenario.has(oneLane) {
			name = fmt.Sprintf("deliver-%d", task.ShardOf(attempt.EndpointID, c.shards))
		}
		c.tasks[attempt.ID()] = &queueTask{task: attempt, state: "pending", name: name}
		c.pending[name] = append(c.pending[name], attempt.ID())
		queued = true
	})
	return queued, err
}

func queueName(attempt task.Attempt, shards int) string {
	return fmt.Sprintf("%s-%d", attempt.Lane(), task.ShardOf(attempt.EndpointID, shards))
}

func (c client) Takeover(ctx context.Context, attempt task.Attempt) (holder task.Holder, err error) {
	err = c.cross(ctx, false, "take over "+c.world.names.ref(attempt.Ref), func() {
		t, there := c.tasks[attempt.ID()]
		switch {
		case !there:
			holder = task.Nobody
		case t.state != "active":
			holder = task.Waiting
		case t.lease.IsZero() || !t.lease.Add(leaseGrace).Before(time.Now()):
			holder = task.Running
		default:
			delete(c.tasks, attempt.ID())
			holder = task.Nobody
		}
	})
	return holder, err
}

func (c client) Depth(ctx context.Context) (depth task.Depth, err error) {
	err = c.cross(ctx, true, "depth", func() {
		for shard := range c.shards {
			depth.Deliver = append(depth.Deliver, len(c.pending[fmt.Sprintf("deliver-%d", shard)]))
			depth.Retry = append(depth.Retry, len(c.pending[fmt.Sprintf("retry-%d", shard)]))
		}
	})
	return depth, err
}

func (c client) Epoch(ctx context.Context) (epoch string, err error) {
	err = c.cross(ctx, true, "epoch", func() { epoch = c.epoch })
	return epoch, err
}

func (c client) SetEpoch(ctx context.Context, epoch string) error {
	return c.cross(ctx, false, "set epoch", func() {
		if c.epoch == "" {
			c.epoch = epoch
		}
	})
}

func (c client) BeginRebuild(ctx context.Context) (mine bool, ago time.Duration, err error) {
	err = c.cross(ctx, false, "begin rebuild", func() {
		if left := time.Until(c.rebuild); left > 0 {
			ago = rebuildLease - left
			return
		}
		mine, c.rebuild = true, time.Now().Add(rebuildLease)
	})
	return mine, ago, err
}

// offer has every process with an idle worker look into the queues that hold
// something.
func (w *world) offer() {
	for _, name := range w.queueNames {
		if len(w.queue.pending[name]) == 0 {
			continue
		}
		for _, p := range w.processes {
			if !p.open() || p.booting || p.looking[name] || p.working(name) >= w.scenario.workers {
				continue
			}
			p.looking[name] = true
			w.looks++
			what := fmt.Sprintf("%s looks into %s %d", p.name, name, w.looks)
			w.in(w.chance.between(what, 100*time.Microsecond, pollAtMost), what, func() { w.take(p, name) })
		}
	}
}

// take has a worker of a process work on a task, if there is one still.
func (w *world) take(p *process, name string) {
	p.looking[name] = false
	if !p.open() || w.redisAway(p.name+name) {
		return
	}
	t := w.queue.take(p, name)
	if t == nil {
		return
	}
	carried, err := t.task.Carried(t.retried, p.now())
	if err != nil {
		panic(err)
	}
	w.note("%s takes %s from %s", p.name, w.names.ref(t.task.Ref), name)
	p.work(name, func() { w.handle(p, t, carried) })
}

// handle works on a task and tells the queue what came of it. When the queue
// does not hear it, nobody renews the lease any more.
func (w *world) handle(p *process, t *queueTask, carried task.Attempt) {
	err := p.worker.Handlers().Deliver(p.ctx, carried)
	r := request{process: p, boundary: toQueue, name: p.name + " queue done " + w.names.ref(t.task.Ref)}
	lost := w.cross(context.WithoutCancel(p.ctx), r, func() error {
		w.queue.finish(t, p, err)
		return nil
	})
	if lost != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		if t.lease.IsZero() {
			t.lease = p.now().Add(leaseTime)
		}
	}
}
