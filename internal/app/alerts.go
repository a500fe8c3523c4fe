package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"

	"github.com/waybillhq/waybill/internal/circuit"
	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/notice"
	"github.com/waybillhq/waybill/internal/outage"
)

// buildAlerts makes what disables failing endpoints, and alerts operators.
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
	s.notifier, err = notice.New(notice.Options{
		Ledger: s.ledger, Findings: s.ledger, Endpoints: s.registry, Circuits: s.breaker, Intake: s.dispatcher, Identity: identity,
		Window: s.cfg.AlertWindow, Meter: s.telemetry.Meter(), Logger: s.log, Now: s.clock.Now,
	})
	if err != nil {
		return err //nolint:wrapcheck // it says what it makes
	}
	return s.buildOutages()
}

// buildOutages makes what tells outages of our own from those of endpoints.
func (s *server) buildOutages() (err error) {
	s.egressPath = outage.NewMonitor(outage.Default())
	options := outage.Options{
		Monitor: s.egressPath, Ledger: s.ledger, Process: processName(), Meter: s.telemetry.Meter(), Logger: s.log, Now: s.clock.Now,
	}
	if s.roles.Worker {
		options.Check = s.missing
	}
	s.outages, err = outage.NewKeeper(options)
	return err //nolint:wrapcheck // it says what it makes
}

// missing says what nothing can be sent without.
func (s *server) missing(ctx context.Context) *outage.Missing {
	if err := s.egress.Available(ctx); err != nil {
		return &outage.Missing{Code: egress.CodeSource, Message: err.Error()}
	}
	return nil
}

// processName names this process, of all that ever ran, and says where it runs.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "/" + rand.Text()[:8]
}
