package listen

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// conn is a connection of the server: it has a deadline for each write and
// knows whether anybody works for it.
type conn struct {
	net.Conn
	gate   *gate
	from   netip.Prefix
	write  time.Duration
	closed sync.Once

	// Of the gate, under its lock.
	arriving bool          // a request has begun, and its body is not here yet
	waits    *list.Element // among all that wait for a request; nil for one that does not
	waitsFor *list.Element // among those of the same address
}

// Write gives the client its time for what is written.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.write)); err != nil {
		return 0, err //nolint:wrapcheck // net/http looks at it
	}
	return c.Conn.Write(p) //nolint:wrapcheck // net/http looks at it
}

// Close closes the connection; the gate forgets it.
func (c *conn) Close() error {
	c.closed.Do(func() { c.gate.leave(c) })
	return c.Conn.Close() //nolint:wrapcheck // net/http looks at it
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}

// follow notes when a request has begun and when the next one may.
func follow(of net.Conn, state http.ConnState) {
	c, ok := of.(*conn)
	if !ok {
		return
	}
	switch state {
	case http.StateActive:
		c.gate.busy(c)
	case http.StateIdle:
		c.gate.wait(c)
	default: // A new one waits already, and a closed one has left.
	}
}

// Site is what counts as one client at a remote host:port: an address, or of
// IPv6 the network that is given to one site.
func Site(remote string) netip.Prefix {
	port, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr, bits := port.Addr().Unmap().WithZone(""), 32
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
