package egress

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
)

// conn is a connection to a receiver. It counts writes, so that a Send knows
// whether anything may have left, and notes its end.
type conn struct {
	net.Conn
	writes atomic.Int64
	ended  atomic.Bool // by the peer, or on the way

	wantsCertificate atomic.Bool // the receiver asked for a client's
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.note(err)
	return n, err //nolint:wrapcheck // the transport looks at the error as it is
}

func (c *conn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	n, err := c.Conn.Write(p)
	c.note(err)
	return n, err //nolint:wrapcheck // the transport looks at the error as it is
}

func (c *conn) note(err error) {
	if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.ended.Store(true)
	}
}

// idle reports whether a kept connection can be used again: it is open, and the
// peer has said nothing unasked, such as that it closes it.
func (c *conn) idle() bool { return !c.ended.Load() && !readable(c.Conn) }

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
