package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Dialer opens a socket from a source address, which is invalid when the system
// chooses; network is tcp4, tcp6, udp4 or udp6.
type Dialer func(ctx context.Context, network string, source netip.Addr, target netip.AddrPort) (net.Conn, error)

// dial connects to one of the checked addresses of the host, within the
// connect timeout. Errors are of type *Failure.
func (c *Client) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	ctx, done := c.dials.bound(ctx, c.connectTimeout)
	defer done()
	raw, failure := c.open(ctx, addr)
	if failure != nil {
		return nil, failure
	}
	return raw, nil
}

// dialTLS does the same and the handshake.
func (c *Client) dialTLS(ctx context.Context, _, addr string) (net.Conn, error) {
	ctx, done := c.dials.bound(ctx, c.connectTimeout)
	defer done()
	raw, failure := c.open(ctx, addr)
	if failure != nil {
		return nil, failure
	}
	host, _, _ := net.SplitHostPort(addr)
	secure, failure := c.handshake(ctx, raw, host)
	if failure != nil {
		return nil, failure
	}
	return secure, nil
}

// open resolves, checks and connects.
func (c *Client) open(ctx context.Context, hostPort string) (*conn, *Failure) {
	if ctx.Err() != nil {
		return nil, canceled()
	}
	host, service, _ := net.SplitHostPort(hostPort)
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, invalidURL("has an invalid port").failure()
	}
	addrs, failure := c.targets(ctx, host, uint16(port))
	if failure != nil {
		return nil, failure
	}
	targets := make([]netip.AddrPort, len(addrs))
	for i, addr := range addrs {
		targets[i] = netip.AddrPortFrom(addr, uint16(port))
	}
	raw, failure := dialFirst(ctx, targets, c.connect)
	if failure != nil {
		return nil, failure
	}
	return &conn{Conn: raw}, nil
}

// targets returns the addresses to try, in order. One forbidden address among
// them refuses all: an attacker who controls the zone controls their order.
func (c *Client) targets(ctx context.Context, host string, port uint16) ([]netip.Addr, *Failure) {
	addrs, failure := c.resolve(ctx, host, port)
	if failure != nil {
		return nil, failure
	}
	for _, addr := range addrs {
		if refusal := c.checkAddr(host, addr, port); refusal != nil {
			return nil, refusal.failure()
		}
	}
	if c.proxy == nil {
		addrs, failure = c.reachable(host, addrs)
	}
	if failure != nil {
		return nil, failure
	}
	addrs = interleave(addrs)
	return addrs[:min(len(addrs), maxTried)], nil
}

func (c *Client) resolve(ctx context.Context, host string, port uint16) ([]netip.Addr, *Failure) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	if localhost(host) {
		if addrs := c.policy.loopback(port); len(addrs) > 0 {
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
	source := c.sourceFor(target.Addr())
	raw, err := c.dialer(ctx, "tcp"+family(target.Addr()), source, target)
	switch {
	case err == nil:
		return raw, nil
	case unreachable(err, source):
		return nil, c.unreachableFailure(ctx, source, target, err)
	default:
		return nil, connectFailure(ctx, source, target, err)
	}
}

// unreachableFailure tells whose failure it is that a target cannot be reached.
// When the system has a route to it, a router further on has said so. When it
// has none, this host is off the network, or was never on that of IPv6 or IPv4.
func (c *Client) unreachableFailure(ctx context.Context, source netip.Addr, target netip.AddrPort, cause error) *Failure {
	what := "connect to " + target.String() + ": "
	// Connecting a UDP socket looks the route up and sends nothing.
	if probe, err := c.dialer(ctx, "udp"+family(target.Addr()), source, target); err == nil {
		probe.Close()
		return routedFailure(target, cause)
	}
	if source.IsValid() || c.policy.own.hadFamilyOf(target.Addr()) {
		return infrastructure(CodeNoRoute, what+"this host has no route: "+errno(cause))
	}
	return failed(CodeFamily, what+"this host has no IPv"+family(target.Addr())+" address to send from")
}

func routedFailure(target netip.AddrPort, cause error) *Failure {
	what := "connect to " + target.String() + ": "
	if errors.Is(cause, syscall.EADDRNOTAVAIL) {
		return infrastructure(CodeExhausted, what+"no local port is left")
	}
	return failed(CodeConnectUnreachable, what+errno(cause))
}

func family(addr netip.Addr) string {
	if addr.Is4() {
		return "4"
	}
	return "6"
}

// dialSystem opens a socket of the system's.
func dialSystem(ctx context.Context, network string, source netip.Addr, target netip.AddrPort) (net.Conn, error) {
	dialer := &net.Dialer{}
	if source.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
		dialer.Control = bindWithoutPort
		if strings.HasPrefix(network, "udp") {
			dialer.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
		}
	}
	return dialer.DialContext(ctx, network, target.String()) //nolint:wrapcheck // classified by the caller
}

func remaining(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Minute
	}
	return time.Until(deadline)
}
