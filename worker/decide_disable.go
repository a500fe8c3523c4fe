package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Disabler disables endpoints.
type Disabler interface {
	// Disable stops sending to an endpoint that was seen in this revision, until
	// somebody has mended it. It is nil too when that was done before.
	// CodeConflict when the endpoint was changed since.
	Disable(ctx context.Context, endpointID string, seen int64, reason string) error
}

// maxDisabling bounds how long an attempt waits for its endpoint to be disabled.
const maxDisabling = 5 * time.Second

// goneEndpoints disables endpoints that answered that they are gone.
type goneEndpoints struct {
	disabler Disabler
	logger   *slog.Logger
}

// disable disables the endpoint, and holds the delivery until it is enabled. When
// that fails the delivery is retried as after any other failure, and the next such
// answer may do it.
func (g *goneEndpoints) disable(ctx context.Context, d *delivery) verdict {
	ctx, cancel := context.WithTimeout(ctx, maxDisabling)
	defer cancel()
	v := d.verdict
	err := g.disabler.Disable(ctx, d.endpoint.ID, d.endpoint.Revision, postback.DisabledGone)
	if err != nil {
		g.logger.WarnContext(ctx, "endpoint not disabled after 410",
			slog.String("endpoint", d.endpoint.ID), slog.Any("error", err))
		v.next = tryAgain
		return v
	}
	v.next, v.reason = hold, postback.ReasonDisabled
	return v
}
