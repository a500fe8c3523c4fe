package task

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// leaseCheck is how long a measured offset of a clock is believed.
const leaseCheck = 5 * time.Second

// redisTime asks the Redis with a key for its clock, in seconds and microseconds.
const redisTime = `
local time = redis.call("TIME")
return {tonumber(time[1]), tonumber(time[2])}`

// leases is the client of asynq's servers. asynq writes and compares the ends of
// leases by its host's clock; here they become times of Redis' clock on their
// way, so that processes whose clocks differ agree on who is dead. Everything
// else passes as it is.
type leases struct {
	redis.UniversalClient

	time *redis.Script
	now  func() time.Time

	mu      sync.Mutex
	offsets map[string]offset // by lease key: each is on one master
}

// offset is how far Redis' clock is ahead of this host's.
type offset struct {
	ahead time.Duration
	at    time.Time // when it was measured
}

func newLeases(client redis.UniversalClient, now func() time.Time) *leases {
	return &leases{UniversalClient: client, time: redis.NewScript(redisTime), now: now, offsets: map[string]offset{}}
}

// EvalSha runs a script that Redis knows.
func (l *leases) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return l.UniversalClient.EvalSha(ctx, sha, keys, l.shifted(ctx, keys, args)...)
}

// Eval runs a script.
func (l *leases) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return l.UniversalClient.Eval(ctx, script, keys, l.shifted(ctx, keys, args)...)
}

// ZAddXX extends leases, among others.
func (l *leases) ZAddXX(ctx context.Context, key string, members ...redis.Z) *redis.IntCmd {
	if isLease(key) {
		members = slices.Clone(members)
		ahead := l.ahead(ctx, key).Seconds()
		for i := range members {
			members[i].Score += ahead
		}
	}
	return l.UniversalClient.ZAddXX(ctx, key, members...)
}

// shifted are the arguments of a script. Two of asynq's begin with a time that
// is compared with leases: the one that takes a task, whose last of four keys is
// that of the leases, and the one that lists tasks whose lease is over, which has
// no other key.
func (l *leases) shifted(ctx context.Context, keys []string, args []any) []any {
	if len(keys) != 1 && len(keys) != 4 || len(args) == 0 || !isLease(keys[len(keys)-1]) {
		return args
	}
	at, isTime := args[0].(int64)
	if !isTime {
		return args
	}
	args = slices.Clone(args)
	args[0] = at + int64(l.ahead(ctx, keys[len(keys)-1]).Round(time.Second)/time.Second)
	return args
}

func isLease(key string) bool { return strings.HasSuffix(key, "}:lease") }

// ahead is how far the clock of the Redis with a key is ahead. While it does not
// answer, what it said last holds.
func (l *leases) ahead(ctx context.Context, key string) time.Duration {
	l.mu.Lock()
	known, measured := l.offsets[key]
	l.mu.Unlock()
	asked := l.now()
	if measured && !known.old(asked) {
		return known.ahead
	}
	stamp, err := l.time.Run(ctx, l.UniversalClient, []string{key}).Int64Slice()
	if err != nil || len(stamp) != 2 {
		return known.ahead
	}
	answered := l.now()
	middle := asked.Add(answered.Sub(asked) / 2)
	known = offset{ahead: time.Unix(stamp[0], stamp[1]*1000).Sub(middle.Round(0)), at: answered}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offsets[key] = known
	return known.ahead
}

// old reports whether an offset is to be measured again: some time has passed, or
// this host's clock was set.
func (o offset) old(now time.Time) bool {
	passed := now.Round(0).Sub(o.at.Round(0))
	return passed < 0 || passed >= leaseCheck
}
