package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// outageHook slows commands down while Redis is away or not ready, because
// asynq's servers ask again at once after an error.
type outageHook struct{ pause time.Duration }

// DialHook leaves dialling as it is.
func (outageHook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook slows a single command.
func (h outageHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		h.wait(ctx, err)
		return err
	}
}

// ProcessPipelineHook slows a pipeline.
func (h outageHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		h.wait(ctx, err)
		return err
	}
}

func (h outageHook) wait(ctx context.Context, err error) {
	if !outage(err) {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(h.pause):
	}
}

// outage reports whether an error says that Redis is away, or is there but
// cannot serve, for instance as a replica that was not promoted yet. Answers
// that are part of every day are none: nothing there, a script that is not
// loaded yet, a task that is not there any more.
func outage(err error) bool {
	if err == nil || errors.Is(err, redis.Nil) {
		return false
	}
	var reply redis.Error
	if !errors.As(err, &reply) {
		return true
	}
	for _, prefix := range []string{"NOSCRIPT", "NOT FOUND"} {
		if strings.HasPrefix(reply.Error(), prefix) {
			return false
		}
	}
	return true
}

// LogTo brings the lines of the Redis client, which prints them to the standard
// error, into the log. It is one for the whole process, so only a program whose
// log it is may call it. An outage is logged by those whose commands fail; of
// interest is who became master.
func LogTo(log *slog.Logger) { redis.SetLogger(clientLog{log}) }

type clientLog struct{ log *slog.Logger }

// Printf logs a line of the client.
func (l clientLog) Printf(ctx context.Context, format string, args ...any) {
	level := slog.LevelDebug
	if strings.HasPrefix(format, "sentinel: new master") {
		level = slog.LevelInfo
	}
	l.log.Log(ctx, level, "redis client", slog.String("detail", fmt.Sprintf(format, args...)))
}
