package limit

import (
	"context"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// ErrLate is for an answer whose slot is lost.
var ErrLate = errLate

// Reserve takes a slot and tells its time by Redis' clock, in microseconds.
func (l *Limiter) Reserve(ctx context.Context, endpointID string, limit postback.RateLimit) (wait time.Duration, slot int64, err error) {
	return l.reserve(ctx, endpointID, limit)
}

// Key is where an endpoint's bucket is.
func Key(endpointID string) string { return keys(endpointID)[0] }
