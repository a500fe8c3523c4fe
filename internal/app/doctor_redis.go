package app

import (
	"context"
	"log/slog"

	"github.com/waybillhq/waybill/internal/config"
)

func checkRedis(ctx context.Context, cfg config.Config) []Check {
	const name = "redis"
	queue, err := openQueue(ctx, cfg)
	if err != nil {
		return []Check{bad(name, err, "")}
	}
	defer func() { _ = queue.Close() }()
	state, err := queue.Describe(ctx)
	if err != nil {
		return []Check{bad(name, err, "")}
	}
	checks := []Check{good(name, "%s", state)}
	for _, risk := range state.Risks() {
		checks = append(checks, risky(risk.Name, risk.Detail, risk.Remedy))
	}
	return checks
}

// warnOfRedis logs what the state of Redis puts at risk. That it cannot be
// asked keeps nobody from starting.
func (s *server) warnOfRedis(ctx context.Context) {
	state, err := s.queue.Describe(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "redis does not tell what state it is in", slog.Any("error", err))
		return
	}
	for _, risk := range state.Risks() {
		s.log.WarnContext(ctx, "redis works, with a risk",
			slog.String("name", risk.Name), slog.String("risk", risk.Detail), slog.String("remedy", risk.Remedy))
	}
}
