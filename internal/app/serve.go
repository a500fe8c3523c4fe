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
	"github.com/waybillhq/waybill/internal/task"
)

// serve runs the roles until ctx ends or the API cannot go on, and drains.
func (s *server) serve(ctx context.Context, roles Roles, ready func(net.Addr)) error {
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	defer group.Wait()
	defer stopBackground()
	group.Go(func() { s.registry.Follow(background, followInterval, s.log) })
	group.Go(func() { s.dispatcher.Run(background) })
	group.Go(func() { s.retention.Run(background) })

	if roles.Worker {
		servers, err := s.startWorkers()
		if err != nil {
			return err
		}
		defer servers.Shutdown()
	}
	if !roles.API {
		if ready != nil {
			ready(nil)
		}
		<-ctx.Done()
		s.log.InfoContext(background, "draining")
		return nil
	}
	return s.serveAPI(ctx, ready)
}

func (s *server) startWorkers() (*task.Servers, error) {
	servers, err := s.queue.Serve(s.worker.Handlers(), task.Options{
		Deliver: s.cfg.DeliverConcurrency,
		Retry:   s.cfg.RetryConcurrency,
		Events:  s.cfg.RetryConcurrency,
		Drain:   s.cfg.DrainTimeout,
		Logger:  s.log,
	})
	if err != nil {
		return nil, fmt.Errorf("start workers: %w", err)
	}
	return servers, nil
}

// serveAPI answers HTTP until ctx ends, then finishes the requests under way.
func (s *server) serveAPI(ctx context.Context, ready func(net.Addr)) error {
	handler, err := s.handler()
	if err != nil {
		return err
	}
	var listenConfig net.ListenConfig
	listener, err := listenConfig.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s (another address: --listen): %w", s.cfg.Listen, err)
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	s.log.InfoContext(ctx, "listening", slog.String("address", "http://"+listener.Addr().String()))
	if ready != nil {
		ready(listener.Addr())
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	s.log.InfoContext(context.WithoutCancel(ctx), "draining")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.DrainTimeout)
	defer cancel()
	err = server.Shutdown(drain)
	if serveErr := <-failed; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(server.Close(), nil) // requests that outlast the drain are cut
	}
	if err != nil {
		return fmt.Errorf("stop HTTP: %w", err)
	}
	return nil
}

func (s *server) handler() (http.Handler, error) {
	var addresses []string
	for _, addr := range advertised(s.cfg) {
		addresses = append(addresses, addr.String())
	}
	handler, err := api.New(api.Options{
		Intake: s.dispatcher, EndpointManager: s.endpoints, EndpointSwitch: s.endpoints, EndpointReader: s.ledger,
		History: s.ledger, Exports: s.ledger, Replayer: s.dispatcher, Examples: s.worker, Diagnoser: s.worker, Keys: s.keys, Schemes: s.schemes,
		Ready: s.ledger.Ping, Metrics: s.telemetry.Handler(), Egress: addresses,
		Logger: s.log, Tracer: s.telemetry.Tracer(), Now: time.Now, Version: Version(),
	})
	if err != nil {
		return nil, fmt.Errorf("make API: %w", err)
	}
	return handler, nil
}
