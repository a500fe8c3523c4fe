package task

import (
	"context"
	"fmt"
	"time"
)

const (
	rebuildKey = "waybill:rebuild"
	// rebuildLease is how long one process has for filling the queue again
	// before another one may begin: longer than it takes, and short enough for
	// those who wait when it crashes.
	rebuildLease = 5 * time.Second
)

// BeginRebuild lets one process at a time fill the queue again. To the others
// it says how long ago that one began.
func (q *Queue) BeginRebuild(ctx context.Context) (mine bool, ago time.Duration, err error) {
	mine, err = q.redis.SetNX(ctx, rebuildKey, 1, rebuildLease).Result()
	if err != nil {
		return false, 0, fmt.Errorf("begin to fill the queue again: %w", err)
	}
	if mine {
		return true, 0, nil
	}
	left, err := q.redis.PTTL(ctx, rebuildKey).Result()
	if err != nil {
		return false, 0, fmt.Errorf("see who fills the queue again: %w", err)
	}
	return false, rebuildLease - max(left, 0), nil // it may just have gone
}
