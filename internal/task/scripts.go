package task

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// What Redis knows the scripts by that asynq runs for every task: the SHA-1 of
// their text. Another version of asynq may bring others; those run in Lua like
// the rest, which is right and slow, and a test says so.
const (
	enqueueScript = "98d28b42650870a743450ffda9791e9e19c6991b"
	dequeueScript = "a8153319360adc71cdc370107f8ab9786f204765"
	doneScript    = "1241eaa1c73409baaf1fea0c08d203a4911bda15"
)

// scripts is a hook of the embedded Redis's only client. The embedded Redis
// makes a new Lua interpreter for each run of a script, which was most of what
// a delivery cost. So the hook does in Go what the scripts of every task say,
// one at a time. Other commands may come between the steps of a script: each
// step is whole, and their order is such that nobody takes a task that is on
// its way for one that is lost.
//
// Commands do not wait for a script. One that did, while it holds a connection
// that others wait for, could stop them all.
type scripts struct {
	server *miniredis.Miniredis
	turn   sync.Mutex
}

// script is one that a command asks for, with the rest of the client to send
// plain commands through.
type script func(ctx context.Context, next redis.ProcessHook) (any, error)

// DialHook changes nothing.
func (s *scripts) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook changes nothing.
func (s *scripts) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook runs a script that it knows.
func (s *scripts) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		answer, run := s.known(cmd)
		if run == nil {
			return next(ctx, cmd)
		}
		s.turn.Lock()
		defer s.turn.Unlock()
		value, err := run(context.WithoutCancel(ctx), next) // no script stops half way
		if err != nil {
			return err
		}
		answer.SetVal(value)
		return nil
	}
}

// known returns what to run instead of a command, nil for one that is not known.
func (s *scripts) known(cmd redis.Cmder) (*redis.Cmd, script) {
	const before = 3 // evalsha, the script and the number of keys
	answer, isScript := cmd.(*redis.Cmd)
	if !isScript || cmd.Name() != "evalsha" || len(cmd.Args()) < before {
		return nil, nil
	}
	args := texts(cmd.Args())
	count, err := strconv.Atoi(args[2])
	if err != nil || count < 0 || len(args) < before+count {
		return nil, nil
	}
	keys, values := args[before:before+count], args[before+count:]
	switch {
	case args[1] == enqueueScript && len(keys) == 2 && len(values) == 3:
		return answer, func(context.Context, redis.ProcessHook) (any, error) { return s.enqueue(keys, values) }
	case args[1] == dequeueScript && len(keys) == 4 && len(values) == 2:
		return answer, func(context.Context, redis.ProcessHook) (any, error) { return s.dequeue(keys, values) }
	case args[1] == doneScript && len(keys) == 5 && len(values) == 3:
		return answer, func(ctx context.Context, next redis.ProcessHook) (any, error) {
			return s.done(ctx, next, keys, values)
		}
	case len(keys) == takeoverKeys && len(values) == 2 && isTakeover(args[1]):
		// It runs in Lua, but not between the steps of another script: a task that
		// is just being done would look like one that its worker left behind.
		return answer, func(ctx context.Context, next redis.ProcessHook) (any, error) {
			err := next(ctx, answer)
			return answer.Val(), err
		}
	default:
		return nil, nil
	}
}

// enqueue adds a task, unless there is one with its id: then the answer is 0.
func (s *scripts) enqueue(keys, values []string) (any, error) {
	task, pending := keys[0], keys[1]
	message, id, now := values[0], values[1], values[2]
	if s.server.Exists(task) {
		return int64(0), nil
	}
	s.server.HSet(task, "msg", message, "state", "pending", "pending_since", now)
	if _, err := s.server.Lpush(pending, id); err != nil {
		return nil, fmt.Errorf("add to pending tasks: %w", err)
	}
	return int64(1), nil
}

// dequeue makes the oldest pending task active and answers with its message.
func (s *scripts) dequeue(keys, values []string) (any, error) {
	pending, paused, active, lease := keys[0], keys[1], keys[2], keys[3]
	until, err := strconv.ParseFloat(values[0], 64)
	if err != nil {
		return nil, fmt.Errorf("read end of lease: %w", err)
	}
	if s.server.Exists(paused) || !s.server.Exists(pending) {
		return nil, redis.Nil
	}
	id, err := s.server.Pop(pending)
	if err != nil {
		return nil, fmt.Errorf("take pending task: %w", err)
	}
	if _, err := s.server.Lpush(active, id); err != nil {
		return nil, fmt.Errorf("add to active tasks: %w", err)
	}
	// The lease comes first: an active task without one counts as orphaned.
	if _, err := s.server.ZAdd(lease, until, id); err != nil {
		return nil, fmt.Errorf("add lease: %w", err)
	}
	task := values[1] + id
	s.server.HSet(task, "state", "active")
	s.server.HDel(task, "pending_since")
	message := s.server.HGet(task, "msg")
	if message == "" {
		return nil, redis.Nil
	}
	return message, nil
}

// done forgets an active task and counts it, for the day and in all.
func (s *scripts) done(ctx context.Context, next redis.ProcessHook, keys, values []string) (any, error) {
	active, lease, task, today, total := keys[0], keys[1], keys[2], keys[3], keys[4]
	id := values[0]
	removal := redis.NewIntCmd(ctx, "lrem", active, 0, id)
	if err := next(ctx, removal); err != nil {
		return nil, fmt.Errorf("remove from active tasks: %w", err)
	}
	if removal.Val() == 0 {
		return nil, notFound{}
	}
	if removed, err := s.server.ZRem(lease, id); err != nil || !removed {
		return nil, notFound{}
	}
	if !s.server.Del(task) {
		return nil, notFound{}
	}
	count, err := s.server.Incr(today, 1)
	if err != nil {
		return nil, fmt.Errorf("count task: %w", err)
	}
	if count == 1 {
		until, err := strconv.ParseInt(values[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read end of count: %w", err)
		}
		s.server.SetTTL(today, time.Until(time.Unix(until, 0)))
	}
	if reached, err := s.server.Get(total); err == nil && reached == strconv.Itoa(math.MaxInt) {
		s.server.Del(total) // and begins again at 1
	}
	if _, err := s.server.Incr(total, 1); err != nil {
		return nil, fmt.Errorf("count task: %w", err)
	}
	return "OK", nil
}

// notFound is the scripts' own error.
type notFound struct{}

// Error is the error as a Redis words it.
func (notFound) Error() string { return "NOT FOUND" }

// RedisError marks an answer of a Redis, unlike one of the network.
func (notFound) RedisError() {}

// texts are a command's arguments as they go over the wire.
func texts(args []any) []string {
	all := make([]string, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			all[i] = arg
		case []byte:
			all[i] = string(arg)
		default:
			all[i] = fmt.Sprint(arg)
		}
	}
	return all
}
