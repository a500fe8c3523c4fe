package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// listener is an HTTP server that listens. A nil one is none at all.
type listener struct {
	server *http.Server
	at     net.Addr
	ended  chan error // takes why it ended
}

// listen serves HTTP at the address of a setting.
func (s *server) listen(ctx context.Context, setting, address string, handler http.Handler) (*listener, error) {
	var config net.ListenConfig
	opened, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (another address: --%s): %w", address, setting, err)
	}
	if at, err := netip.ParseAddrPort(opened.Addr().String()); err == nil {
		s.egress.Listens(at)
	}
	l := &listener{
		server: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		},
		at:    opened.Addr(),
		ended: make(chan error, 1),
	}
	go func() { l.ended <- l.server.Serve(opened) }() // stop waits for it
	s.log.InfoContext(ctx, "listening", slog.String("setting", setting), slog.String("address", "http://"+l.at.String()))
	return l, nil
}

func (l *listener) address() net.Addr {
	if l == nil {
		return nil
	}
	return l.at
}

// failed takes the error of a listener that ended by itself.
func (l *listener) failed() <-chan error {
	if l == nil {
		return nil
	}
	return l.ended
}

// turnAway asks clients to connect again, to somebody else.
func (l *listener) turnAway() {
	if l != nil {
		l.server.SetKeepAlivesEnabled(false)
	}
}

// stop takes no more connections and finishes the requests under way; those
// that outlast the patience are cut.
func (l *listener) stop(ctx context.Context, patience time.Duration) error {
	if l == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := l.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = l.server.Close()
	}
	if err != nil {
		return fmt.Errorf("stop HTTP: %w", err)
	}
	return nil
}
