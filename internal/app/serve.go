package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/waybillhq/waybill/api"
	"github.com/waybillhq/waybill/internal/keys"
	"github.com/waybillhq/waybill/internal/listen"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/traffic"
)

// serve runs the roles until ctx ends or something cannot go on, and drains.
func (s *server) serve(ctx context.Context, ready func(api, health net.Addr)) (err error) {
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	defer group.Wait()
	defer stopBackground()
	group.Go(func() { s.clock.Run(background) })
	group.Go(func() { s.registry.Follow(background, followInterval, s.log) })
	group.Go(func() { s.schemes.Follow(background, followInterval, s.log) })
	group.Go(func() { s.breaker.Follow(background, followInterval) })
	group.Go(func() { s.holds.Follow(background, followInterval, s.clock.Now, s.log) })
	group.Go(func() { s.dispatcher.Run(background) })
	group.Go(func() { s.worker.Run(background) })
	group.Go(func() { s.retention.Run(background) })
	group.Go(func() { s.disabler.Run(background, followInterval) })
	group.Go(func() { s.notifier.Run(background) })
	group.Go(func() { s.outages.Run(background) })
	group.Go(func() { s.traffic.Run(background) })
	group.Go(func() { s.collectRarely(background) })

	var front front
	defer func() { err = errors.Join(err, s.drain(background, &front, ctx.Err() != nil)) }()
	if err := s.open(ctx, &front); err != nil {
		return err
	}
	if ready != nil {
		ready(front.api.Address(), front.health.Address())
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-front.api.Failed():
		return err
	case err := <-front.health.Failed():
		return err
	}
}

// front is where work comes in.
type front struct {
	health  *listen.Server
	workers *task.Servers
	api     *listen.Server
}

// open opens what the roles and settings ask for.
func (s *server) open(ctx context.Context, front *front) (err error) {
	if s.cfg.HealthListen != "" {
		if front.health, err = s.listenHealth(ctx); err != nil {
			return err
		}
	}
	if s.roles.Worker {
		if front.workers, err = s.startWorkers(); err != nil { //nolint:contextcheck // the servers of the queue end by Shutdown
			return err
		}
	}
	if s.roles.API {
		if front.api, err = s.listenAPI(ctx); err != nil {
			return err
		}
	}
	return s.measure(front)
}

// drain takes no more work and finishes what is under way, requests and
// attempts at the same time, for as long as the settings allow. Health checks
// are answered to the end. A stop that was asked for is announced first.
func (s *server) drain(ctx context.Context, front *front, asked bool) error {
	s.draining.Store(true)
	s.log.InfoContext(ctx, "draining")
	if asked && s.cfg.DrainDelay > 0 {
		front.api.TurnAway()
		select {
		case <-time.After(s.cfg.DrainDelay):
		case err := <-front.api.Failed():
			s.log.WarnContext(ctx, "listener stopped early", slog.Any("error", err))
		}
	}
	var group sync.WaitGroup
	if front.workers != nil {
		group.Go(func() { front.workers.Shutdown(s.registry.LongestTimeout() + maxRecording) })
	}
	err := front.api.Stop(ctx, s.cfg.DrainTimeout)
	group.Wait()
	return errors.Join(err, front.health.Stop(ctx, time.Second))
}

// maxRecording is what a drain leaves an attempt for being recorded: one that is
// not recorded is made again.
const maxRecording = 5 * time.Second

// eventConcurrency is how many events that producers put into the queue are
// accepted at once: they share transactions, and more would only hold memory.
const eventConcurrency = 256

func (s *server) startWorkers() (*task.Servers, error) {
	servers, err := s.queue.Serve(s.worker.Handlers(), task.Options{
		Deliver: s.cfg.DeliverConcurrency,
		Retry:   s.cfg.RetryConcurrency,
		Events:  eventConcurrency,
		Drain:   s.cfg.DrainTimeout,
		Logger:  s.log,
		Now:     s.clock.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("start workers: %w", err)
	}
	return servers, nil
}

func (s *server) handler() (http.Handler, error) {
	var addresses []string
	for _, addr := range advertised(s.cfg) {
		addresses = append(addresses, addr.String())
	}
	handler, err := api.New(api.Options{
		Intake: s.dispatcher, Rematcher: s.dispatcher, EndpointManager: s.endpoints, EndpointSwitch: s.endpoints, EndpointReader: s.ledger, EndpointHealth: traffic.Reader{FailureStreaks: s.ledger, Deliveries: s.ledger, Impediments: s.ledger, Holds: s.holds, Now: s.clock.Now},
		History: s.ledger, Exports: s.ledger, Replayer: s.dispatcher, ReplayReader: s.ledger, Examples: s.worker, Diagnoser: s.worker, Keys: s.keys, Schemes: s.schemes, Pace: keys.NewPace(s.cfg.RequestsPerKey),
		Ready: s.ready, Metrics: s.telemetry.Handler(), Egress: addresses,
		Logger: s.log, Tracer: s.telemetry.Tracer(), Now: s.clock.Now, Version: Version(),
	})
	if err != nil {
		return nil, fmt.Errorf("make API: %w", err)
	}
	return handler, nil
}
