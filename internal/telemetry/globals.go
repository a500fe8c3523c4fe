package telemetry

import (
	"context"
	"log/slog"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
)

// LogTo brings what libraries print by themselves into the log: whatever uses
// Go's default loggers, such as net/http's client, which prints lines that the
// other side chose, and OpenTelemetry. It is one for the whole process, so only
// a program whose log it is may call it.
func LogTo(log *slog.Logger) {
	slog.SetDefault(log)
	slog.SetLogLoggerLevel(slog.LevelWarn)
	otel.SetLogger(logr.FromSlogHandler(log.Handler()))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.WarnContext(context.Background(), "telemetry failing", slog.Any("error", err))
	}))
}
