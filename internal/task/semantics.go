package task

import (
	"hash/fnv"
	"time"
)

// What a task is to the queue, for a queue that is not in Redis.

// ID is the task's id. While it exists in the queue the same attempt cannot be
// queued again.
func (a Attempt) ID() string { return a.id() }

// Lane is the kind of queue that the task goes to: its own kind has workers of
// its own.
func (a Attempt) Lane() string { return string(laneOf(a)) }

// Carried is the task as a worker gets it: what its payload holds, and with
// Recheck when it may be stale by then, because it came back before or is old.
func (a Attempt) Carried(retried int, now time.Time) (Attempt, error) {
	return received(a.encode(), a.Headers, retried, now)
}

// received reads a task that came so often before.
func received(payload []byte, headers map[string]string, retried int, now time.Time) (Attempt, error) {
	task, err := decode(payload)
	if err != nil {
		return Attempt{}, err
	}
	task.Recheck = task.Recheck || retried > 0 || old(task, now)
	task.Headers = headers
	return task, nil
}

// ShardOf is the shard of a lane, of so many, that an endpoint's tasks go to.
func ShardOf(endpointID string, shards int) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(endpointID))
	return int(hash.Sum32() % uint32(shards)) //nolint:gosec // a few shards
}

// RetryDelay paces tasks that could not be decided: half a second, doubling to
// half a minute.
func RetryDelay(failed int) time.Duration {
	return min(500*time.Millisecond<<min(failed, 10), 30*time.Second)
}
