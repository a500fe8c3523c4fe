package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Switch takes endpoints out of use.
type Switch interface {
	// Disable stops sending to an endpoint that was seen in this revision, until
	// somebody has mended it. It is nil too when that was done before.
	// CodeConflict when the endpoint was changed since.
	Disable(ctx context.Context, endpointID string, seen int64, reason string) error
}

// maxDisabling bounds how long an attempt waits for its endpoint to be disabled.
const maxDisabling = 5 * time.Second

// disable takes the endpoint out of use and holds the delivery until it is
// back. When that cannot be done the delivery is tried again as after any other
// failure, and the next such answer may do it.
func (w *Worker) disable(ctx context.Context, endpoint postback.Endpoint, given verdict) verdict {
	ctx, cancel := context.WithTimeout(ctx, maxDisabling)
	defer cancel()
	err := w.Switch.Disable(ctx, endpoint.ID, endpoint.Revision, postback.DisabledGone)
	if err != nil {
		w.Logger.WarnContext(ctx, "an endpoint that is gone was not disabled",
			slog.String("endpoint", endpoint.ID), slog.Any("error", err))
		given.next = tryAgain
		return given
	}
	given.next, given.reason = hold, postback.ReasonDisabled
	return given
}
