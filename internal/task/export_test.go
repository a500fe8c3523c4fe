package task

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// Redis lets tests look into the queue, the embedded one too.
func (q *Queue) Redis() redis.UniversalClient { return q.redis }

// SetClock has the queue's servers believe a clock that is not that of asynq.
func (q *Queue) SetClock(now func() time.Time) { q.servers = newLeases(q.redis, now) }

// LookNever has servers look for a task only when they are nudged.
func (q *Queue) LookNever() { q.pace = pace{look: time.Hour, poll: time.Hour} }

// PutTogether puts attempts of one endpoint into Redis before the other processes
// are notified of any.
func (q *Queue) PutTogether(ctx context.Context, attempts ...Attempt) error {
	var queues []string
	for _, one := range attempts {
		queues = append(queues, q.name(laneOf(one), one.EndpointID))
		_, err := q.asynq.EnqueueContext(ctx, asynq.NewTask(typeDeliver, one.encode()), asynq.TaskID(one.id()), asynq.Queue(queues[0]))
		if err != nil {
			return err
		}
	}
	q.nudges.notify(queues...)
	return nil
}

// Peers counts the processes that listen for nudges.
func (q *Queue) Peers(ctx context.Context) (int64, error) {
	err := q.nudges.count(ctx)
	return q.nudges.peers.Load(), err
}

// Heard reports whether nudges of other processes arrive.
func (q *Queue) Heard() bool { return q.nudges.heard.Load() }

// PutEvent puts an event into Redis as asynq's own client does.
func (q *Queue) PutEvent(ctx context.Context, id string) error {
	_, err := q.asynq.EnqueueContext(ctx, asynq.NewTask(TypeConversion, []byte(id)), asynq.Queue(q.name(laneEvents, id)))
	return err
}

// Looking makes a server's look at an empty queue of a lane.
func Looking(t testing.TB, client redis.UniversalClient, heard bool, peers int64) (look func()) {
	t.Helper()
	n := newNudges(nil, "")
	n.redis = client // notifies nobody
	n.heard.Store(heard)
	n.peers.Store(peers)
	p := newPatient(client, n, usualPace())
	p.attend("q", laneDeliver, 1)
	keys := []string{key("q", "pending"), key("q", "paused"), key("q", "active"), key("q", "lease")}
	return func() { p.EvalSha(t.Context(), "", keys) }
}

// Leases is what asynq's servers take tasks through.
type Leases struct{ *leases }

// LeaseClient makes one for a process with another clock.
func LeaseClient(q *Queue, now func() time.Time) Leases { return Leases{newLeases(q.redis, now)} }

// Ahead is how far Redis' clock is ahead of that one.
func (l Leases) Ahead(ctx context.Context, key string) time.Duration { return l.ahead(ctx, key) }

// Names are the queues of all lanes.
func (q *Queue) Names() []string {
	var names []string
	for shard := range q.topology.shards {
		names = append(names, q.shard(laneDeliver, shard), q.shard(laneRetry, shard), q.shard(laneEvents, shard))
	}
	return names
}

// EpochKeys are the marks that say which ledger the queue was filled from.
func (q *Queue) EpochKeys() []string { return q.epochKeys() }

// Address tells what a URL says; nothing when it is malformed.
func Address(url string) string {
	a, err := parseAddress(url)
	if err != nil {
		return ""
	}
	text := fmt.Sprintf("%s %s user=%s password=%s db=%d", a.kind, a.hosts, a.user, a.password, a.db)
	if a.secure {
		text += " tls"
	}
	if a.master != "" {
		text += " master=" + a.master
	}
	if a.sentinelPassword != "" {
		text += " sentinels=" + a.sentinelUser + ":" + a.sentinelPassword
	}
	return text
}

// Pause lets tests see the pauses between tries.
func Pause(failed int, err error) time.Duration { return retryDelay(failed, err, nil) }

// MaxInlineData is how much of an event's data travels in a task.
const MaxInlineData = maxInlineData

// NeverGiveUp is asynq's retry limit.
const NeverGiveUp = neverGiveUp

// Encode makes a task's payload.
func Encode(a Attempt) []byte { return a.encode() }

// Decode reads it.
func Decode(payload []byte) (Attempt, error) { return decode(payload) }
