package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/waybillhq/waybill/internal/listen"
)

// healthConnections bounds those of the health checks, which have room of
// their own: probes are answered whatever happens at the API.
const healthConnections = 64

func (s *server) listenAPI(ctx context.Context) (*listen.Server, error) {
	handler, err := s.handler()
	if err != nil {
		return nil, err
	}
	room := listen.Share(s.cfg.Connections)
	if room < s.cfg.Connections {
		s.log.WarnContext(ctx, "open file limit is low, clients get half of it",
			slog.Int("descriptors", listen.Descriptors()), slog.Int("max_connections", room))
	}
	return s.listen(ctx, "listen", listen.Options{
		Address: s.cfg.Listen, Handler: handler, Connections: room, PerAddress: s.cfg.ConnectionsPerAddress,
	})
}

func (s *server) listenHealth(ctx context.Context) (*listen.Server, error) {
	return s.listen(ctx, "health-listen", listen.Options{
		Address: s.cfg.HealthListen, Handler: s.probes(), Connections: healthConnections,
	})
}

// listen serves HTTP at the address of a setting.
func (s *server) listen(ctx context.Context, setting string, options listen.Options) (*listen.Server, error) {
	identity, err := s.ledger.Identity(ctx)
	if err != nil {
		return nil, fmt.Errorf("open listener: %w", err)
	}
	options.Logger, options.Handler = s.log, named(options.Handler, identity)
	opened, err := listen.Open(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("open listener (another address: --%s): %w", setting, err)
	}
	if at, err := netip.ParseAddrPort(opened.Address().String()); err == nil {
		s.egress.Listens(at)
	}
	s.log.InfoContext(ctx, "listening", slog.String("setting", setting), slog.String("address", opened.URL()))
	return opened, nil
}

// measure makes metrics of the connections that clients have.
func (s *server) measure(front *front) error {
	meter := s.telemetry.Meter()
	open, err := meter.Int64ObservableGauge("waybill.connections", metric.WithDescription("Connections of clients, by listener"))
	if err != nil {
		return fmt.Errorf("make metric: %w", err)
	}
	refused, err := meter.Int64ObservableCounter("waybill.connections.refused",
		metric.WithDescription("Connections of clients that were turned away because too many were open, by listener"))
	if err != nil {
		return fmt.Errorf("make metric: %w", err)
	}
	_, err = meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		for name, server := range map[string]*listen.Server{"api": front.api, "health": front.health} {
			if server == nil {
				continue
			}
			labels := metric.WithAttributes(attribute.String("listener", name))
			stats := server.Stats()
			observer.ObserveInt64(open, stats.Open, labels)
			observer.ObserveInt64(refused, stats.Refused, labels)
		}
		return nil
	}, open, refused)
	if err != nil {
		return fmt.Errorf("watch connections: %w", err)
	}
	return nil
}
