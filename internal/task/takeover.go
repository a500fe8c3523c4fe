package task

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Holder is who has the task of an attempt.
type Holder string

// Who may have it.
const (
	Nobody  Holder = "nobody"  // it can be queued
	Waiting Holder = "waiting" // the queue: a worker will take it
	Running Holder = "running" // a worker, which renews its lease
)

// takeover forgets a task that nobody works on, in one step: its state, its
// place among the active ones and its lease are in the same slot of a Cluster.
// An active task without a lease is one that asynq itself never recovers.
//
// Leases are times of Redis' clock, by which they are compared; the grace is for
// what processes are wrong in it, and for an earlier version's leases, which are
// times of its host's clock.
const takeover = `
local state = redis.call("HGET", KEYS[1], "state")
if not state then
	return "nobody"
end
if state ~= "active" then
	return "waiting"
end
local lease = redis.call("ZSCORE", KEYS[3], ARGV[1])
if lease and tonumber(lease) + tonumber(ARGV[2]) >= tonumber(redis.call("TIME")[1]) then
	return "running"
end
redis.call("LREM", KEYS[2], 1, ARGV[1])
redis.call("ZREM", KEYS[3], ARGV[1])
redis.call("DEL", KEYS[1])
return "nobody"`

// leaseGrace is for how long after its end a lease still counts, in seconds.
// With the 30 s of a lease it is less than what a task is given before somebody
// looks after it.
const leaseGrace = 10

// Takeover says who has the task of an attempt. It forgets the task first when
// the worker that holds it has died (it stopped renewing its lease): then nobody
// has it, and the attempt can be queued again.
func (q *Queue) Takeover(ctx context.Context, task Delivery) (Holder, error) {
	queue := q.name(laneOf(task), task.EndpointID)
	keys := []string{key(queue, "t:"+task.id()), key(queue, "active"), key(queue, "lease")}
	holder, err := redis.NewScript(takeover).Run(ctx, q.redis, keys, task.id(), leaseGrace).Text()
	if err != nil {
		return "", fmt.Errorf("take task over: %w", err)
	}
	return Holder(holder), nil
}

// isTakeover reports whether a script, by its SHA-1, is that of Takeover.
func isTakeover(script string) bool { return script == redis.NewScript(takeover).Hash() }
