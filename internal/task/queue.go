package task

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/waybillhq/waybill/postback"
)

// Types of task.
const (
	typeDeliver    = "deliver"
	TypeConversion = "event:conversion"
	TypeExchange   = "event:exchange"
)

// lane is a kind of queue with servers of its own, so that one kind of work
// never starves another.
type lane string

const (
	laneDeliver lane = "deliver" // first attempts of new deliveries
	laneRetry   lane = "retry"   // later ones, replays, and first ones that had to wait
	laneEvents  lane = "events"  // events that producers put into Redis
)

const (
	// neverGiveUp is asynq's retry limit. Its counter counts crashes alone;
	// whether a delivery ends is the ledger's business.
	neverGiveUp = 1 << 30
	// timeout of a task: the longest attempt, and time to record it while the
	// ledger is slow.
	timeout = postback.MaxTimeout + 2*time.Minute
)

// Queue is the run queue. It is safe for concurrent use.
type Queue struct {
	redis    redis.UniversalClient
	servers  redis.UniversalClient // what asynq's servers take tasks through
	asynq    *asynq.Client
	nudges   *nudges
	topology topology
	pace     pace
	describe func(context.Context) (State, error) // nil for the embedded one
	close    func() error
}

// mostServers is how many servers of a process take tasks from one queue at most.
const mostServers = 2

// topology is how the lanes are spread. Every process on one Redis must use the
// same number of shards.
type topology struct {
	shards  int
	cluster bool // each queue is on one of several masters
	// servers take first attempts from each shard. A server has one dequeue in
	// flight, so more of them hide more round trips, and cost more when idle.
	servers int
}

func newQueue(client redis.UniversalClient, spread topology, n *nudges, closeAll func() error) *Queue {
	return &Queue{redis: client, servers: client, asynq: asynq.NewClientFromRedisClient(client), nudges: n, topology: spread, pace: usualPace(), close: closeAll}
}

// Close gives the connections back. Servers must have stopped before.
func (q *Queue) Close() error {
	q.nudges.close()
	return q.close()
}

// Enqueue queues one attempt, to be made now. That the same attempt is queued
// already is no error: queued is then false.
func (q *Queue) Enqueue(ctx context.Context, task Attempt) (queued bool, err error) {
	return q.put(ctx, asynq.NewTaskWithHeaders(typeDeliver, task.encode(), task.Headers),
		task.id(), q.name(laneOf(task), task.EndpointID))
}

// EnqueueEvent queues an event for acceptance. The same payload again, while the
// first is waiting, is no error; another one under the same id is queued, so
// that the conflict is seen. taskType is TypeConversion or TypeExchange.
func (q *Queue) EnqueueEvent(ctx context.Context, taskType, eventID string, payload []byte, headers map[string]string) error {
	_, err := q.put(ctx, asynq.NewTaskWithHeaders(taskType, payload, headers),
		eventTaskID(payload), q.name(laneEvents, eventID))
	return err
}

func eventTaskID(payload []byte) string {
	digest := sha256.Sum256(payload)
	return "event." + hex.EncodeToString(digest[:16])
}

func (q *Queue) put(ctx context.Context, t *asynq.Task, id, queue string) (bool, error) {
	_, err := q.asynq.EnqueueContext(ctx, t,
		asynq.TaskID(id), asynq.Queue(queue), asynq.MaxRetry(neverGiveUp), asynq.Timeout(timeout))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("enqueue task: %w", err)
	}
	q.nudges.queued(queue)
	return true, nil
}

// Fresh reports whether an attempt is a new delivery's first. A task that was
// queued without its delivery is judged by its attempt number.
func (a Attempt) Fresh() bool {
	if a.Due == nil {
		return a.Ref.Attempt == 1
	}
	return Fresh(a.Due.Delivery)
}

// Fresh reports whether a delivery's next attempt is the first of a new one. Those
// that were parked, put off or replayed, or stand aside by being due a moment later,
// are not new: what one publisher has much of must not stand before what others get.
func Fresh(delivery postback.Delivery) bool {
	return delivery.Ref().Attempt == 1 && delivery.Generation == 1 && !delivery.NextAttemptAt.After(delivery.OpenedAt)
}

// laneOf gives fresh attempts a lane of their own.
func laneOf(task Attempt) lane {
	if task.Fresh() {
		return laneDeliver
	}
	return laneRetry
}

// name is the queue of an endpoint on a lane. It has no braces: asynq puts
// them around it, so that a queue is one slot of a Redis Cluster.
func (q *Queue) name(l lane, key string) string {
	return q.shard(l, ShardOf(key, q.topology.shards))
}

func (q *Queue) shard(l lane, shard int) string { return string(l) + "-" + strconv.Itoa(shard) }

// Shards is over how many queues of a lane the endpoints are spread, each with
// its part of the workers.
func (q *Queue) Shards() int { return q.topology.shards }

// Depth is how many attempts are queued and due on each lane, active ones
// excluded.
type Depth struct{ Deliver, Retry []int } // by shard

// Shard is where an endpoint's attempts are, on either lane.
func (d Depth) Shard(endpointID string) int { return ShardOf(endpointID, len(d.Deliver)) }

// Total is how many there are on all lanes.
func (d Depth) Total() int {
	total := 0
	for shard := range d.Deliver {
		total += d.Deliver[shard] + d.Retry[shard]
	}
	return total
}

// Depth counts the attempts that are queued.
func (q *Queue) Depth(ctx context.Context) (Depth, error) {
	pipe := q.redis.Pipeline()
	var deliver, retry []*redis.IntCmd
	for shard := range q.topology.shards {
		deliver = append(deliver, pipe.LLen(ctx, key(q.shard(laneDeliver, shard), "pending")))
		retry = append(retry, pipe.LLen(ctx, key(q.shard(laneRetry, shard), "pending")))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return Depth{}, fmt.Errorf("count queued tasks: %w", err)
	}
	var depth Depth
	for shard := range q.topology.shards {
		depth.Deliver = append(depth.Deliver, int(deliver[shard].Val()))
		depth.Retry = append(depth.Retry, int(retry[shard].Val()))
	}
	return depth, nil
}

// key is the name that asynq gives to a part of a queue in Redis.
func key(queue, part string) string { return "asynq:{" + queue + "}:" + part }

// epochKeys mark the queue as filled. A master of a Cluster may lose its part
// alone, so there each queue has a mark beside it.
func (q *Queue) epochKeys() []string {
	if !q.topology.cluster {
		return []string{"waybill:epoch"}
	}
	var keys []string
	for shard := range q.topology.shards {
		for _, l := range []lane{laneDeliver, laneRetry, laneEvents} {
			keys = append(keys, "waybill:{"+q.shard(l, shard)+"}:epoch")
		}
	}
	return keys
}

// Epoch is the identity of the ledger that the queue was filled from; empty
// when Redis, or a part of it, is new or was wiped. It fails while a part of it
// is away.
func (q *Queue) Epoch(ctx context.Context) (string, error) {
	pipe := q.redis.Pipeline()
	var marks []*redis.StringCmd
	for _, key := range q.epochKeys() {
		marks = append(marks, pipe.Get(ctx, key))
	}
	_, _ = pipe.Exec(ctx) // Each mark has its own error.
	epoch, missing := "", false
	for _, mark := range marks {
		switch text, err := mark.Result(); {
		case errors.Is(err, redis.Nil):
			missing = true
		case err != nil:
			return "", fmt.Errorf("read queue epoch: %w", err)
		case epoch != "" && text != epoch:
			return "", errors.New("read queue epoch: parts of the Cluster were filled from different ledgers; give each ledger a Cluster of its own")
		default:
			epoch = text
		}
	}
	if missing {
		return "", nil
	}
	return epoch, nil
}

// SetEpoch marks what bears no mark yet as filled from the ledger with this
// identity.
func (q *Queue) SetEpoch(ctx context.Context, epoch string) error {
	pipe := q.redis.Pipeline()
	for _, key := range q.epochKeys() {
		pipe.SetNX(ctx, key, epoch, 0)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("write queue epoch: %w", err)
	}
	return nil
}

// Scripter runs scripts in the queue's Redis.
func (q *Queue) Scripter() redis.Scripter { return q.redis }
