package app

import (
	"context"
	"fmt"

	"github.com/waybillhq/waybill/internal/circuit"
	"github.com/waybillhq/waybill/internal/notice"
)

// buildAlerts makes what gives failing endpoints up, and tells operators.
func (s *server) buildAlerts(ctx context.Context) (err error) {
	identity, err := s.ledger.Identity(ctx)
	if err != nil {
		return fmt.Errorf("set up alerts: %w", err)
	}
	s.disabler, err = circuit.NewDisabler(circuit.DisablerOptions{
		Breaker: s.breaker, Endpoints: s.registry, Switch: s.endpoints,
		Limit: circuit.Limit{After: s.cfg.DisableAfter, Failures: s.cfg.DisableFailures}, Logger: s.log,
	})
	if err != nil {
		return err //nolint:wrapcheck // it says what it makes
	}
	s.teller, err = notice.New(notice.Options{
		Ledger: s.ledger, Endpoints: s.registry, Circuits: s.breaker, Intake: s.dispatcher, Identity: identity,
		Window: s.cfg.AlertWindow, Meter: s.telemetry.Meter(), Logger: s.log, Now: s.clock.Now,
	})
	return err //nolint:wrapcheck // it says what it makes
}
