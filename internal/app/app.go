package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/circuit"
	"github.com/waybillhq/waybill/internal/clock"
	"github.com/waybillhq/waybill/internal/config"
	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/keys"
	"github.com/waybillhq/waybill/internal/limit"
	"github.com/waybillhq/waybill/internal/notice"
	"github.com/waybillhq/waybill/internal/outage"
	"github.com/waybillhq/waybill/internal/registry"
	"github.com/waybillhq/waybill/internal/retention"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/internal/seal"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/telemetry"
	"github.com/waybillhq/waybill/internal/traffic"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

const (
	// followInterval is how late a process may learn of another's change.
	followInterval = 500 * time.Millisecond
	// embeddedBacklog and redisBacklog bound the attempts in the queue; the
	// rest waits in the ledger. The embedded Redis slows down with more.
	embeddedBacklog = 5_000
	redisBacklog    = 20_000
	// flushTimeout is how long the last spans may take on the way out.
	flushTimeout = time.Second
)

// server is a process with all its parts.
type server struct {
	cfg        config.Config
	roles      Roles
	log        *slog.Logger
	telemetry  *telemetry.Telemetry
	ledger     ledger
	clock      *clock.Follower
	registry   *registry.Registry
	breaker    *circuit.Breaker
	traffic    *traffic.Recorder
	schemes    *schemes.Live
	keyring    *seal.Keyring
	egress     *egress.Client
	queue      *task.Queue
	limits     *limit.Limiter
	holds      *limit.Holds
	endpoints  *endpoints.Manager
	keys       *keys.Keys
	dispatcher *dispatcher.Dispatcher
	worker     *worker.Worker
	retention  *retention.Keeper
	disabler   *circuit.Disabler
	notifier   *notice.Notifier
	egressPath *outage.Monitor
	outages    *outage.Keeper
	draining   atomic.Bool // it stops: others should turn away from it

	cleanups []func() error // in the order of the start
}

// Run starts the parts of the roles, calls ready (which may be nil) once
// everything listens, with the addresses of the API and of the health checks,
// nil for what there is not, and blocks until ctx ends. Then it drains and
// returns nil.
func Run(ctx context.Context, cfg config.Config, roles Roles, log *slog.Logger, ready func(api, health net.Addr)) (err error) {
	if err := checkRoles(cfg, roles); err != nil {
		return err
	}
	s := &server{cfg: cfg, roles: roles, log: log}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.build(ctx); err != nil {
		return err
	}
	return s.serve(ctx, ready)
}

// build makes every part, in the order of their needs.
func (s *server) build(ctx context.Context) error {
	if err := os.MkdirAll(s.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	steps := []func(context.Context) error{
		s.buildTelemetry, s.buildLedger, s.buildClock, s.buildBreaker, s.buildSchemes, s.buildKeyring, s.buildEgress, s.buildQueue, s.buildDispatcher, s.buildAlerts, s.buildWorker, s.buildParts, s.buildRetention,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if s.roles.API {
		return s.ensureAdminKey(ctx)
	}
	return nil
}

func (s *server) buildTelemetry(ctx context.Context) (err error) {
	telemetry.LogTo(s.log) //nolint:contextcheck // what it installs is called without one
	task.LogTo(s.log)
	if s.telemetry, err = telemetry.New(ctx, Version(), s.log); err != nil {
		return fmt.Errorf("set up telemetry: %w", err)
	}
	s.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		return s.telemetry.Close(ctx)
	})
	return nil
}

func (s *server) buildSchemes(ctx context.Context) error {
	loaded, err := schemes.Load(s.cfg.Schemes...)
	if err != nil {
		return fmt.Errorf("load schemes: %w", err)
	}
	s.schemes = schemes.NewLive(loaded, s.ledger)
	if err := s.schemes.Refresh(ctx); err != nil {
		return fmt.Errorf("load schemes: %w", err)
	}
	for _, warning := range s.schemes.Warnings() {
		s.log.WarnContext(ctx, "stored scheme hides another, or is unusable",
			slog.String("scheme", warning.Scheme), slog.Any("error", warning.Err))
	}
	s.warnOfMissingSchemes(ctx)
	return nil
}

// warnOfMissingSchemes names the endpoints whose declaration is not there any
// more: their deliveries wait until it is.
func (s *server) warnOfMissingSchemes(ctx context.Context) {
	for _, endpoint := range s.registry.All() {
		_, err := s.schemes.Define(endpoint.Scheme) //nolint:contextcheck // a look-up, which reads the ledger only for an unknown name
		if err != nil && endpoint.State != postback.EndpointDeleted {
			s.log.WarnContext(ctx, "scheme missing, deliveries of the endpoint wait",
				slog.String("endpoint", endpoint.ID), slog.String("scheme", endpoint.Scheme))
		}
	}
}

func (s *server) buildLedger(ctx context.Context) (err error) {
	if s.ledger, err = openLedger(ctx, s.cfg, s.log); err != nil {
		return err
	}
	s.onClose(s.ledger.Close)
	if found, remedy := exposed(s.cfg); found != "" {
		s.log.WarnContext(ctx, "every user may read the ledger", slog.String("found", found), slog.String("remedy", remedy))
	}
	s.registry = registry.New(s.ledger)
	if err := s.registry.Refresh(ctx); err != nil {
		return fmt.Errorf("load endpoints: %w", err)
	}
	return nil
}

// buildClock makes the clock that counts: the ledger's.
func (s *server) buildClock(ctx context.Context) (err error) {
	if s.clock, err = clock.New(clock.Options{Ledger: s.ledger, Host: clock.Host(), Logger: s.log}); err != nil {
		return err //nolint:wrapcheck // it says what it makes
	}
	return s.clock.Measure(ctx) //nolint:wrapcheck // it says what it was doing
}

func (s *server) buildBreaker(ctx context.Context) (err error) {
	s.breaker, err = circuit.NewBreaker(circuit.Options{
		Ledger: s.ledger, Prober: s.ledger,
		Policy: circuit.Default(), Random: rand.Float64, Logger: s.log,
	})
	if err != nil {
		return err //nolint:wrapcheck // it says what it makes
	}
	return s.breaker.Refresh(ctx) //nolint:wrapcheck // it says what it was doing
}

func (s *server) buildEgress(context.Context) (err error) {
	s.egress, err = egress.New(egress.Options{ //nolint:contextcheck // binding an address waits for nothing
		Addresses:  s.cfg.EgressIPs,
		Advertised: s.cfg.EgressAdvertise,
		Proxy:      s.cfg.EgressProxy,
		Allow:      s.cfg.EgressAllow,
		UserAgent:  "Waybill/" + Version(),
	})
	if err != nil {
		return fmt.Errorf("set up egress: %w", err)
	}
	s.onClose(func() error { s.egress.Close(); return nil })
	return nil
}

func (s *server) buildQueue(ctx context.Context) (err error) {
	if s.queue, err = openQueue(ctx, s.cfg); err != nil {
		return err
	}
	s.onClose(s.queue.Close)
	s.limits, s.holds = limit.New(s.queue.Scripter()), limit.NewHolds(s.queue.Scripter())
	s.warnOfRedis(ctx)
	if ownsQueue(s.cfg) {
		s.log.WarnContext(ctx, "queue is embedded: a second process on this ledger, even one that replaces this one, would send its deliveries again; set --redis to run several")
	}
	epoch, err := s.queue.Epoch(ctx)
	if err != nil {
		return fmt.Errorf("check queue: %w", err)
	}
	identity, err := s.ledger.Identity(ctx)
	if err != nil {
		return fmt.Errorf("check ledger: %w", err)
	}
	return dispatcher.CheckEpoch(epoch, identity) //nolint:wrapcheck // it says all
}

func openQueue(ctx context.Context, cfg config.Config) (*task.Queue, error) {
	if cfg.Redis == "" {
		return task.OpenEmbedded(), nil
	}
	return task.Open(ctx, cfg.Redis) //nolint:wrapcheck // it says what failed
}

func (s *server) buildDispatcher(context.Context) (err error) {
	s.endpoints = endpoints.New(endpoints.Options{
		Ledger: s.ledger, Registry: s.registry, Sealer: s.keyring, Reach: s.egress, Schemes: s.schemes, Past: s.ledger, Most: s.cfg.EndpointsPerPublisher, Now: s.clock.Now,
	})
	s.keys = keys.New(s.ledger)
	backlog := redisBacklog
	if s.cfg.Redis == "" {
		backlog = embeddedBacklog
	}
	s.dispatcher, err = dispatcher.New(dispatcher.Options{ //nolint:contextcheck // it sets counters to zero
		Accept:  dispatcher.AcceptOptions{Ledger: s.ledger, Rules: schemes.Rules{Schemes: s.schemes}},
		Lanes:   dispatcher.LaneOptions{MaxQueued: backlog},
		Enqueue: dispatcher.EnqueueOptions{Queue: s.queue},
		Requeue: dispatcher.RequeueOptions{Ledger: s.ledger},
		Release: dispatcher.ReleaseOptions{
			Ledger: s.ledger, Groups: s.ledger, Circuits: s.breaker, Limits: s.limits, Holds: s.holds,
			InFlight: dispatcher.InFlightLimits(s.inFlightLimits()),
		},
		Replay:    dispatcher.ReplayOptions{Ledger: s.ledger, Jobs: s.ledger, MaxPerPublisher: s.cfg.ReplaysPerPublisher, Rate: s.cfg.ReplayRate},
		Rebuild:   dispatcher.RebuildOptions{Epochs: s.queue, Embedded: s.cfg.Redis == ""},
		Endpoints: s.registry,
		Tracer:    s.telemetry.Tracer(), Meter: s.telemetry.Meter(), Logger: s.log, Now: s.clock.Now,
	})
	return err //nolint:wrapcheck // it says what it makes
}

func (s *server) buildWorker(context.Context) (err error) {
	s.traffic = traffic.NewRecorder(s.ledger, s.clock.Now, s.log)
	if err := traffic.Gauge(s.telemetry.Meter(), s.ledger, s.log); err != nil {
		return err //nolint:wrapcheck // it says what it makes
	}
	s.worker, err = worker.New(worker.Options{
		Load: s.ledger,
		Gate: worker.GateOptions{
			Endpoints: s.registry, Circuits: s.breaker, Holds: s.holds, Limits: s.limits,
			InFlight: s.inFlightLimits(),
		},
		Sign:    worker.SignOptions{Schemes: s.schemes, Secrets: s.keyring},
		Send:    s.egress,
		Decide:  worker.DecideOptions{Disabler: s.endpoints, Alerts: s.notifier, Holder: s.holds, Random: rand.Float64},
		Record:  worker.RecordOptions{Ledger: s.ledger, StoredBody: s.cfg.StoredBody},
		Observe: worker.ObserveOptions{Traffic: s.traffic, Circuits: s.breaker, Sweeper: s.dispatcher, Uses: s.ledger},
		Egress:  s.egressPath, Events: s.dispatcher, Examples: s.ledger,
		Tracer: s.telemetry.Tracer(), Meter: s.telemetry.Meter(), Logger: s.log, Now: s.clock.Now,
	})
	return err //nolint:wrapcheck // it says what it makes
}

// inFlightLimits are what worker and dispatcher keep to.
func (s *server) inFlightLimits() worker.InFlightLimits {
	return worker.InFlightLimits{
		PerEndpoint: s.cfg.MaxInFlight, MaxPerEndpoint: s.mostInFlight(), PerPublisher: s.publisherShare(), Shards: s.queue.Shards(),
	}
}

// publisherShare is how many attempts to a publisher's endpoints may be in flight
// in each shard: its part of the setting, and no more than half of the workers of
// the lane that has fewer.
func (s *server) publisherShare() int {
	return max(1, min(s.cfg.MaxInFlightPublisher/s.queue.Shards(), s.mostInFlight()))
}

// mostInFlight is how many attempts an endpoint may ask to have in flight: half
// of those of the lane that has fewer, so that one that hangs leaves the others
// of its shard as many.
func (s *server) mostInFlight() int {
	return max(1, min(s.cfg.DeliverConcurrency, s.cfg.RetryConcurrency)/s.queue.Shards()/2)
}

func (s *server) buildRetention(context.Context) (err error) {
	s.retention, err = retention.New(retention.Options{
		Ledger: s.ledger, Keep: s.cfg.Retention, Meter: s.telemetry.Meter(), Logger: s.log, Random: rand.Float64, Now: s.clock.Now,
	})
	return err //nolint:wrapcheck // it says what it makes
}

// advertised are the addresses that publishers see requests from.
func advertised(cfg config.Config) []netip.Addr {
	if len(cfg.EgressAdvertise) > 0 {
		return cfg.EgressAdvertise
	}
	return cfg.EgressIPs
}

func (s *server) onClose(cleanup func() error) { s.cleanups = append(s.cleanups, cleanup) }

func (s *server) close() error {
	var errs []error
	for _, cleanup := range slices.Backward(s.cleanups) {
		errs = append(errs, cleanup())
	}
	return errors.Join(errs...)
}
