// Package listen serves HTTP to clients that nobody vouches for.
//
// It guarantees that a client that sends nothing, sends slowly or reads nothing
// holds no more than its connection, and that only for a bounded time: headers,
// bodies and writes have deadlines, and whoever is answered before the body has
// arrived is cut off. Connections are bounded in all and for each client
// address. One that waits for a request makes room for a new one, so that
// silent clients keep nobody out. A server that stops waits for the requests
// that it has got whole, and for nobody else.
package listen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Options are what a server is made of.
type Options struct {
	Address string // host:port; port 0 takes a free one
	Handler http.Handler
	Logger  *slog.Logger // takes what net/http has to say, and refused connections

	// Connections may be open at once; 0 for no limit.
	Connections int
	// PerAddress of them may come from one address, or from one /64 of IPv6; 0
	// for no limit.
	PerAddress int

	// Times replaces DefaultTimes, in tests.
	Times *Times
}

// Times are the deadlines of a connection.
type Times struct {
	Header time.Duration // from a request's first byte, or the connection's start, to the end of its header
	Body   time.Duration // from there to the end of its body
	Write  time.Duration // for each piece that is written, however long the answer is
	Idle   time.Duration // between two requests
	Linger time.Duration // after an answer that came before the whole body, for the client to read it
	Grace  time.Duration // for requests that are still arriving when the server stops
}

// DefaultTimes are those of every server of the program.
func DefaultTimes() Times {
	return Times{
		Header: 10 * time.Second, Body: time.Minute, Write: time.Minute, Idle: 2 * time.Minute,
		Linger: 500 * time.Millisecond, Grace: time.Second,
	}
}

// maxHeader bounds a request's header, in bytes.
const maxHeader = 64 << 10

// Server is an HTTP server that listens. A nil one is none at all.
type Server struct {
	http  *http.Server
	at    net.Addr
	gate  *gate
	times Times
	ended chan error    // takes why it ended
	done  chan struct{} // closed at its end
}

// Open listens and serves. Stop ends it.
func Open(ctx context.Context, options Options) (*Server, error) {
	if options.Handler == nil || options.Logger == nil {
		return nil, errors.New("listen options Handler and Logger are required")
	}
	times := DefaultTimes()
	if options.Times != nil {
		times = *options.Times
	}
	var config net.ListenConfig
	opened, err := config.Listen(ctx, "tcp", options.Address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", options.Address, err)
	}
	s := &Server{
		at: opened.Addr(), gate: newGate(opened, options, times.Write), times: times,
		ended: make(chan error, 1), done: make(chan struct{}),
	}
	s.http = &http.Server{
		Handler:           s.receive(options.Handler),
		ReadHeaderTimeout: times.Header,
		IdleTimeout:       times.Idle,
		MaxHeaderBytes:    maxHeader,
		ConnState:         follow,
		ConnContext:       withConn,
		ErrorLog:          slog.NewLogLogger(options.Logger.Handler(), slog.LevelWarn),
	}
	go func() { // Stop waits for it.
		defer close(s.done)
		s.ended <- s.http.Serve(s.gate)
	}()
	return s, nil
}

// Address is where the server listens.
func (s *Server) Address() net.Addr {
	if s == nil {
		return nil
	}
	return s.at
}

// URL is the server's origin.
func (s *Server) URL() string { return "http://" + s.at.String() }

// Failed takes the error of a server that ended by itself.
func (s *Server) Failed() <-chan error {
	if s == nil {
		return nil
	}
	return s.ended
}

// TurnAway asks clients to connect again, to somebody else.
func (s *Server) TurnAway() {
	if s != nil {
		s.http.SetKeepAlivesEnabled(false)
	}
}

// Stop takes no more connections and finishes the requests that have arrived.
// Those that are still arriving get Times.Grace; those that outlast the
// patience are cut.
func (s *Server) Stop(ctx context.Context, patience time.Duration) error {
	if s == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	grace := time.AfterFunc(s.times.Grace, s.gate.closeArriving)
	defer grace.Stop()
	err := s.http.Shutdown(ctx)
	if ctx.Err() != nil {
		err = s.http.Close()
	}
	<-s.done
	if err != nil {
		return fmt.Errorf("stop HTTP: %w", err)
	}
	return nil
}

// Stats are figures of a server since its start.
type Stats struct {
	Open    int64 // connections now
	Opened  int64 // connections that were taken
	Refused int64 // connections that were turned away because there were too many
	Evicted int64 // connections without a request that made room for others
}

// Stats returns the server's figures.
func (s *Server) Stats() Stats {
	if s == nil {
		return Stats{}
	}
	return s.gate.stats()
}
