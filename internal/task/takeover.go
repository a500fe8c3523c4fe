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

// takeover forgets a task that no worker will ever take or end, in one step: all
// of its queue is in the same slot of a Cluster. A task waits when it stands where
// its state says; one that was archived or evicted, or lost its place to somebody's
// hand, stands nowhere, and asynq never recovers it, nor an active one without a
// lease. A waiting task that is looked for is old, so it is near the end of the
// list at which workers take tasks.
//
// Leases are times of Redis' clock, by which they are compared; the grace is for
// what processes are wrong in it, and for an earlier version's leases, which are
// times of its host's clock.
const takeover = `
local state = redis.call("HGET", KEYS[1], "state")
if not state then
	return "nobody"
end
local waits = {retry = KEYS[5], scheduled = KEYS[6]}
if state == "pending" then
	if redis.call("LPOS", KEYS[2], ARGV[1], "RANK", -1) then
		return "waiting"
	end
elseif waits[state] then
	if redis.call("ZSCORE", waits[state], ARGV[1]) then
		return "waiting"
	end
elseif state == "active" then
	local lease = redis.call("ZSCORE", KEYS[4], ARGV[1])
	if lease and tonumber(lease) + tonumber(ARGV[2]) >= tonumber(redis.call("TIME")[1]) then
		return "running"
	end
end
redis.call("LREM", KEYS[3], 1, ARGV[1])
redis.call("ZREM", KEYS[4], ARGV[1])
redis.call("ZREM", KEYS[7], ARGV[1])
redis.call("DEL", KEYS[1])
return "nobody"`

// takeoverKeys is how many keys the script has.
const takeoverKeys = 7

// leaseGrace is for how long after its end a lease still counts, in seconds.
// With the 30 s of a lease it is less than what a task is given before somebody
// looks after it.
const leaseGrace = 10

// Takeover says who has the task of an attempt. It forgets the task first when
// the worker that holds it has crashed (it stopped renewing its lease), or when no
// worker will ever take it: then nobody has it, and the attempt can be queued
// again.
func (q *Queue) Takeover(ctx context.Context, task Attempt) (Holder, error) {
	queue := q.name(laneOf(task), task.EndpointID)
	keys := []string{key(queue, "t:"+task.id())}
	for _, part := range []string{"pending", "active", "lease", "retry", "scheduled", "archived"} {
		keys = append(keys, key(queue, part))
	}
	holder, err := redis.NewScript(takeover).Run(ctx, q.redis, keys, task.id(), leaseGrace).Text()
	if err != nil {
		return "", fmt.Errorf("take task over: %w", err)
	}
	return Holder(holder), nil
}

// isTakeover reports whether a script, by its SHA-1, is that of Takeover.
func isTakeover(script string) bool { return script == redis.NewScript(takeover).Hash() }
