package worker

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/postback"
)

// Holder has nothing sent to endpoints for a while, by any process.
type Holder interface {
	// Hold holds the endpoint, as it is known here, from a time on, for so long.
	Hold(ctx context.Context, endpoint postback.Endpoint, at time.Time, wait time.Duration) error
}

// holdLogPause is how often the log says at most that other processes cannot
// learn of a hold.
const holdLogPause = 5 * time.Second

// retryAfterHolds honours the Retry-After of endpoints that have too much to do.
type retryAfterHolds struct {
	holder Holder
	now    func() time.Time
	logger *slog.Logger
	down   rate.Sometimes
}

func newRetryAfterHolds(holder Holder, now func() time.Time, logger *slog.Logger) *retryAfterHolds {
	return &retryAfterHolds{holder: holder, now: now, logger: logger, down: rate.Sometimes{Interval: holdLogPause}}
}

// honour holds the endpoint for as long as a 429 or 503 asks for. Processes that
// have not heard of it learn it from an answer of their own.
func (h *retryAfterHolds) honour(ctx context.Context, d *delivery) {
	if status := d.result.StatusCode; status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return
	}
	now := h.now()
	wait, asked := retry.RetryAfter(d.verdict.retryAfter, now, maxRetryAfter)
	if !asked {
		return
	}
	if err := h.holder.Hold(ctx, d.endpoint, now, wait); err != nil {
		h.down.Do(func() {
			h.logger.WarnContext(ctx, "retry-after hold not shared with other processes",
				slog.String("endpoint", d.endpoint.ID), slog.Any("error", err))
		})
	}
}
