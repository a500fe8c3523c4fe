package egress

import (
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"net/netip"
	"sync/atomic"
)

// exchange watches one request on its way through the transport.
//
// The transport repeats some requests by itself when a kept-alive HTTP/1
// connection breaks before the first byte of the answer: GETs, as often as
// there are such connections. The exchange lets it try another connection only
// as long as nothing was written; what was written and is lost, Send repeats,
// whatever the method, and once. HTTP/2 says which requests were not processed,
// and those the transport repeats (RFC 9113, section 8.7).
type exchange struct {
	abort       context.CancelCauseFunc
	conn        *conn
	reused      bool
	multiplexed bool
	before      int64
	sent        bool
	source      netip.Addr
	answered    atomic.Bool
}

// cause says why a Send ended its own request.
type cause string

const (
	// deadlinePassed: the total deadline of the Send.
	deadlinePassed cause = "the total deadline has passed"
	// wouldRepeat: the transport would repeat the request by itself.
	wouldRepeat cause = "the connection was closed before the status"
	// bodyLate: the rest of the body is not worth waiting for.
	bodyLate cause = "the body takes too long"
)

func (c cause) Error() string { return string(c) }

func (e *exchange) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:              e.getConn,
		GotConn:              e.gotConn,
		GotFirstResponseByte: func() { e.answered.Store(true) },
	}
}

// getConn stops the transport from waiting for another connection.
func (e *exchange) getConn(string) {
	if e.repeats() {
		e.abort(wouldRepeat)
	}
}

// gotConn stops it from using one that was there already: the transport does
// not look at the context between getting a connection and writing to it. A
// kept connection that the receiver has closed meanwhile is given back closed,
// so that the transport takes another.
func (e *exchange) gotConn(info httptrace.GotConnInfo) {
	raw, multiplexed := unwrap(info.Conn)
	if e.repeats() {
		info.Conn.Close()
		return
	}
	// One that was dialled for another request and never used was kept as well.
	e.reused = info.Reused || info.WasIdle
	if e.reused && !multiplexed && !raw.idle() {
		info.Conn.Close()
		return
	}
	e.sent = e.maySent()
	e.conn, e.multiplexed = raw, multiplexed
	e.before = raw.writes.Load()
	e.source = localAddr(raw)
}

func (e *exchange) repeats() bool { return !e.multiplexed && e.maySent() }

// maySent reports whether any byte of the request may have left this host. On a
// shared HTTP/2 connection another request's bytes count too.
func (e *exchange) maySent() bool {
	return e.sent || e.conn != nil && e.conn.writes.Load() > e.before
}

// lost reports whether a request failed because it was given to a kept connection
// that ended before any byte of an answer: the receiver closed it, most likely
// before it saw the request. On HTTP/2 a failure may be that of the one request
// alone. An error of the dial means that there was no such connection any more.
func (e *exchange) lost(err error) bool {
	var dial *Failure
	return e.reused && !e.answered.Load() && !errors.As(err, &dial) && (!e.multiplexed || e.conn.ended.Load())
}

func closedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
