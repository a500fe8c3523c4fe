package worker

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/postback"
)

// heed leaves the endpoint alone for as long as an answer asks for by which it
// has too much to do. What other processes cannot be told they learn from an
// answer of their own.
func (w *Worker) heed(ctx context.Context, endpoint postback.Endpoint, status int, given verdict) {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return
	}
	now := w.now()
	wait, asked := retry.RetryAfter(given.retryAfter, now, maxRetryAfter)
	if !asked {
		return
	}
	if err := w.Holds.Hold(ctx, endpoint, now, wait); err != nil {
		w.holdAway.Do(func() {
			w.Logger.WarnContext(ctx, "cannot tell other processes that an endpoint asks to be left alone",
				slog.String("endpoint", endpoint.ID), slog.Any("error", err))
		})
	}
}
