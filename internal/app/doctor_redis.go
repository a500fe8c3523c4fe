package app

import (
	"context"
	"log/slog"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/config"
	"github.com/waybillhq/waybill/internal/task"
)

func checkRedis(ctx context.Context, cfg config.Config) []Check {
	const name = "redis"
	const remedy = "start that Redis, or correct --redis"
	queue, err := openQueue(ctx, cfg)
	if err != nil {
		return []Check{bad(name, err, remedy)}
	}
	defer func() { _ = queue.Close() }()
	state, err := queue.Describe(ctx)
	if err != nil {
		return []Check{bad(name, err, remedy)}
	}
	checks := []Check{good(name, "%s", state)}
	if err := checkFilled(ctx, cfg, queue); err != nil {
		checks[0] = bad(name, err, "name another database of that Redis with --redis, or clear this one")
	}
	for _, risk := range state.Risks() {
		checks = append(checks, risky(risk.Name, risk.Detail, risk.Remedy))
	}
	return checks
}

// checkFilled refuses a queue that was filled from another ledger than the one
// that the settings name.
func checkFilled(ctx context.Context, cfg config.Config, queue *task.Queue) error {
	epoch, err := queue.Epoch(ctx)
	if err != nil || epoch == "" {
		return err //nolint:wrapcheck // it says what failed
	}
	identity, err := identityOf(ctx, cfg)
	if err != nil {
		return nil //nolint:nilerr // the ledger's check says so
	}
	return dispatcher.CheckEpoch(epoch, identity) //nolint:wrapcheck // it says all
}

// warnOfRedis logs what the state of Redis puts at risk. That it cannot be
// asked keeps nobody from starting.
func (s *server) warnOfRedis(ctx context.Context) {
	state, err := s.queue.Describe(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "redis state unknown", slog.Any("error", err))
		return
	}
	for _, risk := range state.Risks() {
		s.log.WarnContext(ctx, "redis risk found",
			slog.String("name", risk.Name), slog.String("risk", risk.Detail), slog.String("remedy", risk.Remedy))
	}
}
