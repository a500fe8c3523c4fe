package task

import (
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis lets tests look into the queue, the embedded one too.
func (q *Queue) Redis() redis.UniversalClient { return q.redis }

// RetryDelay lets tests see the pauses between tries.
func RetryDelay(failed int, err error) time.Duration { return retryDelay(failed, err, nil) }

// MaxInlineData is how much of an event's data travels in a task.
const MaxInlineData = maxInlineData

// NeverGiveUp is asynq's retry limit.
const NeverGiveUp = neverGiveUp
