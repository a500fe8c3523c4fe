package task

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/waybillhq/waybill/internal/loop"
)

const (
	// longestLook bounds how long a queue is left alone where many processes share the
	// looking.
	longestLook = 5 * time.Second
	// eventsInterval is how often all queues of events are looked at: producers put
	// events into Redis by themselves, and notify nobody.
	eventsInterval = 50 * time.Millisecond
	// forwardInterval is how often the tasks that could not be decided are looked at.
	// Each server would do that.
	forwardInterval = 900 * time.Millisecond
)

// pace is how often an idle server looks at its queue by itself.
type pace struct {
	look time.Duration // for what it was not notified of: a nudge got lost, or asynq put a task back
	poll time.Duration // while nobody can notify it
}

func usualPace() pace { return pace{look: time.Second, poll: 25 * time.Millisecond} }

// patient is the client of asynq's servers. asynq looks at an empty queue again and
// again; here the answer that it is empty comes when there is something to look for.
// Everything else passes as it is.
type patient struct {
	redis.UniversalClient

	nudges  *nudges
	pace    pace
	served  map[string]attended // by the key of pending tasks
	stopped chan struct{}
	stop    func() // lets nobody wait any more

	mu        sync.Mutex
	forwarded map[string]time.Time // by the key of delayed tasks
}

// attended is a queue whose tasks servers wait for.
type attended struct {
	*waiter

	lane lane
}

func newPatient(client redis.UniversalClient, n *nudges, pace pace) *patient {
	stopped := make(chan struct{})
	return &patient{
		UniversalClient: client, nudges: n, pace: pace, served: map[string]attended{},
		stopped: stopped, stop: sync.OnceFunc(func() { close(stopped) }), forwarded: map[string]time.Time{},
	}
}

// attend has so many servers of a queue wait for its tasks.
func (p *patient) attend(queue string, l lane, servers int) {
	p.served[key(queue, "pending")] = attended{p.nudges.attend(queue, servers), l}
}

// EvalSha runs a script that Redis knows. The one by which asynq takes a task has four
// keys, of which the first is the list of pending tasks; the one that makes delayed
// tasks pending has two.
func (p *patient) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	if len(keys) == 4 {
		if queue, ok := p.served[keys[0]]; ok {
			return p.take(ctx, queue, sha, keys, args)
		}
	}
	if len(keys) == 2 {
		if queue, ok := p.served[keys[1]]; ok {
			return p.forward(ctx, queue, sha, keys, args)
		}
	}
	return p.UniversalClient.EvalSha(ctx, sha, keys, args...)
}

// take looks for a task. If there is none, it says so when it is time to look again.
func (p *patient) take(ctx context.Context, queue attended, sha string, keys []string, args []any) *redis.Cmd {
	answer := p.UniversalClient.EvalSha(ctx, sha, keys, args...)
	if errors.Is(answer.Err(), redis.Nil) {
		queue.wait(p.patience(), p.stopped)
	}
	return answer
}

// patience is how long an empty queue is left alone when nobody says that it has got
// a task.
func (p *patient) patience() time.Duration {
	if p.nudges.redis == nil || p.nudges.heard.Load() {
		return p.shared(p.pace.look)
	}
	return p.pace.poll
}

// watching has servers look for events that a producer put into Redis.
func (p *patient) watching(logger *slog.Logger) loop.Job {
	pause := func(loop.Turn) time.Duration { return p.shared(eventsInterval) }
	return loop.Job{Name: "look for events", Pause: pause, Do: p.lookForEvents, Logger: logger}
}

// lookForEvents asks for all queues at once. That it fails costs a moment.
func (p *patient) lookForEvents(ctx context.Context) error {
	pipe := p.Pipeline()
	found := map[*waiter]*redis.IntCmd{}
	for pending, queue := range p.served {
		if queue.lane == laneEvents {
			found[queue.waiter] = pipe.Exists(ctx, pending)
		}
	}
	_, _ = pipe.Exec(ctx) // Each answer has its own error.
	for queue, exists := range found {
		if exists.Val() > 0 {
			queue.wake()
		}
	}
	return nil
}

// shared is the interval of one of several processes that look in turns.
func (p *patient) shared(interval time.Duration) time.Duration {
	return min(interval*time.Duration(p.nudges.peers.Load()), max(interval, longestLook))
}

// forward makes delayed tasks pending, unless one of this process's servers just did.
func (p *patient) forward(ctx context.Context, queue attended, sha string, keys []string, args []any) *redis.Cmd {
	if !p.due(keys[0], time.Now()) {
		none := redis.NewCmd(ctx)
		none.SetVal(int64(0))
		return none
	}
	answer := p.UniversalClient.EvalSha(ctx, sha, keys, args...)
	moved, err := answer.Int()
	for range min(moved, mostServers) {
		queue.wake()
	}
	if moved > 0 || err != nil {
		p.again(keys[0]) // there may be more
	}
	return answer
}

// due reports whether delayed tasks are to be looked at, and notes that they are.
func (p *patient) due(delayed string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.forwarded[delayed]) < p.shared(forwardInterval) {
		return false
	}
	p.forwarded[delayed] = now
	return true
}

func (p *patient) again(delayed string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.forwarded, delayed)
}
