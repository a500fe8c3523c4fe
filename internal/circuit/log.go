package circuit

import (
	"context"
	"log/slog"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// LogAlerts writes alerts to the log.
type LogAlerts struct{ Logger *slog.Logger }

// Failing logs that an endpoint's circuit opened.
func (l LogAlerts) Failing(ctx context.Context, trouble postback.Trouble) {
	l.Logger.WarnContext(ctx, "an endpoint keeps failing; its deliveries wait while it is probed",
		slog.String("endpoint", trouble.EndpointID), slog.String("error", trouble.LastError), slog.Time("since", trouble.Since))
}

// Recovered logs that it is well again.
func (l LogAlerts) Recovered(ctx context.Context, trouble postback.Trouble, at time.Time) {
	l.Logger.InfoContext(ctx, "an endpoint is well again; its deliveries go on",
		slog.String("endpoint", trouble.EndpointID), slog.Duration("after", at.Sub(trouble.Since).Round(time.Second)))
}
