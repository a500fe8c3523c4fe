package limit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/waybillhq/waybill/postback"
)

const (
	// Patience is how far ahead slots are given away: who takes one may hold a
	// worker for so long.
	Patience = 200 * time.Millisecond
	// maxAnswer is how late an answer may come. A slot of an older one is lost:
	// used so late, it would come together with the slots after it.
	maxAnswer = time.Second
)

// errLate is for an answer whose slot is lost.
var errLate = errors.New("the answer came too late")

// Limiter gives slots away. It is safe for concurrent use.
type Limiter struct {
	redis       redis.Scripter
	take, grant *redis.Script
}

// New makes a Limiter over a Redis, which all processes must share.
func New(client redis.Scripter) *Limiter {
	return &Limiter{redis: client, take: redis.NewScript(bucket + take), grant: redis.NewScript(bucket + grant)}
}

// Take takes the endpoint's next slot if it is due within Patience, and says how
// long it is until then: the attempt is to be made at that time. Otherwise
// nothing is taken, and the time is until when a slot would be due as things
// stand. An error means that nobody knows: no attempt may be made.
func (l *Limiter) Take(ctx context.Context, endpointID string, limit postback.RateLimit) (wait time.Duration, taken bool, err error) {
	wait, _, err = l.reserve(ctx, endpointID, limit)
	return wait, err == nil && wait <= Patience, err
}

// reserve is Take, with the time of the slot by Redis' clock, in microseconds
// since 1970.
func (l *Limiter) reserve(ctx context.Context, endpointID string, limit postback.RateLimit) (wait time.Duration, slot int64, err error) {
	asked := time.Now()
	answer, err := l.take.Run(ctx, l.redis, keys(endpointID), settings(limit)...).Int64Slice()
	if err == nil && len(answer) != 2 {
		err = fmt.Errorf("unexpected answer %v", answer)
	}
	if err == nil && time.Since(asked) > maxAnswer {
		err = errLate
	}
	if err != nil {
		return 0, 0, fmt.Errorf("take slot: %w", err)
	}
	return time.Duration(answer[0]) * time.Microsecond, answer[1], nil
}

// Grant says how many of the endpoint's parked deliveries may be released now,
// up to most: as many as will find a slot within Patience. They are counted as
// released, so that no other process releases others for the same slots.
func (l *Limiter) Grant(ctx context.Context, endpointID string, limit postback.RateLimit, most int) (int, error) {
	granted, err := l.grant.Run(ctx, l.redis, keys(endpointID), append(settings(limit), most)...).Int()
	if err != nil {
		return 0, fmt.Errorf("ask for slots: %w", err)
	}
	return granted, nil
}

// GiveBack says that so many of those that Grant granted were not released.
func (l *Limiter) GiveBack(ctx context.Context, endpointID string, limit postback.RateLimit, unused int) error {
	if err := l.grant.Run(ctx, l.redis, keys(endpointID), append(settings(limit), -unused)...).Err(); err != nil {
		return fmt.Errorf("give slots back: %w", err)
	}
	return nil
}

// keys is what is kept of an endpoint, in one slot of a Cluster.
func keys(endpointID string) []string { return []string{"waybill:limit:{" + endpointID + "}"} }

// settings are the arguments of both scripts, in microseconds. The time between
// two attempts is rounded up to a quarter of one, which a double holds exactly
// beside the time since 1970 until 2041, so that rounding never adds up to more
// than the limit.
func settings(limit postback.RateLimit) []any {
	interval := math.Ceil(4e6/limit.PerSecond) / 4
	return []any{interval, max(limit.Burst, 1), Patience.Microseconds()}
}
