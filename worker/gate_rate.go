package worker

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/waybillhq/waybill/postback"
)

// Limits gives out the slots of endpoints with a rate limit, for all processes
// together.
type Limits interface {
	// Take takes the next slot if it is due soon, and says how long it is until
	// then. Otherwise nothing is taken, and the time is until one would be due.
	Take(ctx context.Context, endpointID string, limit postback.RateLimit) (wait time.Duration, taken bool, err error)
}

const (
	// limitPause is how long a delivery waits while its endpoint's rate limit
	// cannot be asked for.
	limitPause = time.Second
	// limitLogPause is how often the log says so at most.
	limitLogPause = 5 * time.Second
)

// rateLimit keeps the rate limits of endpoints.
type rateLimit struct {
	limits Limits
	now    func() time.Time
	logger *slog.Logger
	down   rate.Sometimes // how often the log says that the limits cannot be asked for
}

func newRateLimit(limits Limits, now func() time.Time, logger *slog.Logger) *rateLimit {
	return &rateLimit{limits: limits, now: now, logger: logger, down: rate.Sometimes{Interval: limitLogPause}}
}

// wait takes the endpoint's next slot and waits for it. It reports false when none
// is due soon, or nobody knows.
func (l *rateLimit) wait(ctx context.Context, d *delivery) bool {
	_, taken, err := l.take(ctx, d.endpoint)
	switch {
	case err != nil:
		l.down.Do(func() {
			l.logger.WarnContext(ctx, "rate limits unavailable, deliveries of endpoints that have one wait", slog.Any("error", err))
		})
		d.putOff(l.now(), limitPause, "")
	case !taken:
		d.moveTo(l.now(), postback.Parked, postback.ReasonOverLimit)
	default:
		return true
	}
	return false
}

// take takes the endpoint's next slot, if its rate is limited, and waits for it.
// When none is due soon it is not taken, and the time is until one would be.
func (l *rateLimit) take(ctx context.Context, endpoint postback.Endpoint) (due time.Duration, taken bool, err error) {
	if endpoint.RateLimit == nil {
		return 0, true, nil
	}
	due, taken, err = l.limits.Take(ctx, endpoint.ID, *endpoint.RateLimit)
	if taken && due > 0 {
		<-time.After(due)
	}
	return due, taken, err //nolint:wrapcheck // it says what it was doing
}
