package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"net/netip"
	"sync/atomic"
)

// exchange watches one Send on its way through the transport.
//
// The transport repeats a request by itself when a kept-alive HTTP/1 connection
// breaks before the first byte of the answer, although the receiver may have
// acted on it. The exchange lets it try another connection only as long as
// nothing was written. HTTP/2 says which requests were not processed, and only
// those are repeated (RFC 9113, section 8.7).
type exchange struct {
	abort       context.CancelCauseFunc
	conn        *conn
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
	// wouldRepeat: the request would reach the receiver twice.
	wouldRepeat cause = "the connection was closed before the status"
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
// not look at the context between getting a connection and writing to it.
func (e *exchange) gotConn(info httptrace.GotConnInfo) {
	if e.repeats() {
		info.Conn.Close()
		return
	}
	e.sent = e.maySent()
	raw, multiplexed := unwrap(info.Conn)
	e.conn, e.multiplexed = raw, multiplexed
	e.before = raw.writes.Load()
	e.source = localAddr(raw)
}

func (e *exchange) repeats() bool { return !e.multiplexed && e.maySent() }

// maySent tells whether any byte of the request may have left this host. On a
// shared HTTP/2 connection another request's bytes count too.
func (e *exchange) maySent() bool {
	return e.sent || e.conn != nil && e.conn.writes.Load() > e.before
}

func unwrap(established net.Conn) (raw *conn, multiplexed bool) {
	if secure, ok := established.(*tls.Conn); ok {
		established = secure.NetConn()
		multiplexed = secure.ConnectionState().NegotiatedProtocol == "h2"
	}
	raw, _ = established.(*conn)
	return raw, multiplexed
}

func localAddr(established net.Conn) netip.Addr {
	local, ok := established.LocalAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return local.AddrPort().Addr().Unmap()
}

func closedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
