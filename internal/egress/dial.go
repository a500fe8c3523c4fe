package egress

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// maxTried bounds how many of a receiver's addresses one dial tries.
const maxTried = 4

// conn counts writes, so that a Send knows whether anything may have left.
type conn struct {
	net.Conn
	writes atomic.Int64
}

func (c *conn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p) //nolint:wrapcheck // the transport looks at the error as it is
}

// dial connects to one of the checked addresses of the host, within the
// connect timeout. Errors are of type *Failure.
func (c *Client) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	ctx, done := c.dials.bound(ctx, c.connectTimeout)
	defer done()
	return c.open(ctx, addr)
}

// dialTLS does the same and the handshake with the name in the URL, whatever
// address was dialed.
func (c *Client) dialTLS(ctx context.Context, _, addr string) (net.Conn, error) {
	ctx, done := c.dials.bound(ctx, c.connectTimeout)
	defer done()
	raw, err := c.open(ctx, addr)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(addr)
	config := c.tls.Clone()
	config.ServerName = host
	secure := tls.Client(raw, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, tlsFailure(ctx, host, err)
	}
	return secure, nil
}

// open resolves, checks and connects.
func (c *Client) open(ctx context.Context, hostPort string) (net.Conn, error) {
	host, service, _ := net.SplitHostPort(hostPort)
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, invalidURL("has an invalid port").failure()
	}
	addrs, failure := c.targets(ctx, host)
	if failure != nil {
		return nil, failure
	}
	for i, addr := range addrs {
		share, cancel := context.WithTimeout(ctx, remaining(ctx)/time.Duration(len(addrs)-i))
		var raw net.Conn
		raw, failure = c.connect(share, netip.AddrPortFrom(addr, uint16(port)))
		cancel()
		if failure == nil {
			return &conn{Conn: raw}, nil
		}
		if failure.Kind == Infrastructure {
			break
		}
	}
	return nil, failure
}

// targets returns the addresses to try, in order. One forbidden address among
// them refuses all: an attacker who controls the zone controls their order.
func (c *Client) targets(ctx context.Context, host string) ([]netip.Addr, *Failure) {
	addrs, failure := c.resolve(ctx, host)
	if failure != nil {
		return nil, failure
	}
	for _, addr := range addrs {
		if refusal := c.checkAddr(host, addr); refusal != nil {
			return nil, refusal.failure()
		}
	}
	if c.proxy == nil {
		addrs, failure = c.reachable(host, addrs)
	}
	return addrs[:min(len(addrs), maxTried)], failure
}

func (c *Client) resolve(ctx context.Context, host string) ([]netip.Addr, *Failure) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	if localhost(host) {
		if addrs := c.policy.loopback(); len(addrs) > 0 {
			return addrs, nil
		}
		return nil, denied(host + " is this host").failure()
	}
	addrs, err := c.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, dnsFailure(ctx, host, err)
	}
	if len(addrs) == 0 {
		return nil, failed(CodeDNS, host+" has no address")
	}
	return addrs, nil
}

// reachable leaves out the addresses of a family that has no source address.
func (c *Client) reachable(host string, addrs []netip.Addr) ([]netip.Addr, *Failure) {
	if !c.source4.IsValid() && !c.source6.IsValid() {
		return addrs, nil
	}
	var usable []netip.Addr
	for _, addr := range addrs {
		if c.sourceFor(addr).IsValid() {
			usable = append(usable, addr)
		}
	}
	switch {
	case len(usable) > 0:
		return usable, nil
	case c.source4.IsValid():
		return nil, failed(CodeFamily, host+" has IPv6 addresses only and the egress address is IPv4")
	default:
		return nil, failed(CodeFamily, host+" has IPv4 addresses only and the egress address is IPv6")
	}
}

// sourceFor is invalid when the system chooses, or nothing fits the target.
func (c *Client) sourceFor(target netip.Addr) netip.Addr {
	if target.Is4() {
		return c.source4
	}
	return c.source6
}

func (c *Client) connect(ctx context.Context, target netip.AddrPort) (net.Conn, *Failure) {
	if c.proxy != nil {
		return c.tunnel(ctx, target)
	}
	return c.connectDirectly(ctx, target)
}

func (c *Client) connectDirectly(ctx context.Context, target netip.AddrPort) (net.Conn, *Failure) {
	dialer, network := &net.Dialer{}, "tcp6"
	if target.Addr().Is4() {
		network = "tcp4"
	}
	source := c.sourceFor(target.Addr())
	if source.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
		dialer.Control = bindWithoutPort
	}
	raw, err := dialer.DialContext(ctx, network, target.String())
	if err != nil {
		return nil, connectFailure(ctx, source, target, err)
	}
	return raw, nil
}

func remaining(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Minute
	}
	return time.Until(deadline)
}

// systemResolver asks the system. Its IPv4 addresses may come in their mapped
// form, which says nothing about how the DNS spelled them.
type systemResolver struct{}

func (systemResolver) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, network, strings.TrimSuffix(host, "."))
	for i, addr := range addrs {
		addrs[i] = addr.Unmap()
	}
	return addrs, err //nolint:wrapcheck // a resolver's error is classified, not shown
}
