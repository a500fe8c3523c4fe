package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// serverPatience is how long one server of the system's may take for one
	// question: one that is dead must leave time for the next.
	serverPatience = 2 * time.Second
	// probePatience is how long a lookup that failed may take to find out
	// whether the resolver is at fault.
	probePatience = time.Second
)

// ErrResolverDown is what a [Resolver] wraps when it resolves nothing at all,
// so that a failed lookup says nothing about the name.
var ErrResolverDown = errors.New("the resolver does not answer")

// dialFunc opens a socket to a server of names.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// systemResolver asks the system's servers. When a lookup fails, it asks them
// for the servers of the root, which no receiver has a say in, to tell a broken
// resolver from a broken name.
type systemResolver struct {
	resolver *net.Resolver
	heard    atomic.Int64 // how many sockets brought an answer
	knowRoot atomic.Bool  // the servers have answered for the root
	learned  atomic.Bool  // they were asked once
}

func newSystemResolver(dial dialFunc) *systemResolver {
	s := &systemResolver{}
	s.resolver = &net.Resolver{PreferGo: true, Dial: s.dialer(dial)}
	return s
}

// LookupNetIP gives IPv4 addresses in their plain form, but for those that come
// mapped from the DNS, in an AAAA record.
func (s *systemResolver) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	before := s.heard.Load()
	lookup, cancel := context.WithTimeout(ctx, remaining(ctx)-min(probePatience, remaining(ctx)/4))
	defer cancel()
	addrs, err := s.resolver.LookupNetIP(lookup, network, strings.TrimSuffix(host, "."))
	if err != nil {
		return nil, s.explain(ctx, err, before)
	}
	if slices.ContainsFunc(addrs, netip.Addr.Is4In6) {
		s.unmapHosts(lookup, host, addrs)
	}
	if !s.learned.Swap(true) {
		_ = s.root(ctx) // to know whether it can be asked when a lookup fails
	}
	return addrs, nil
}

// unmapHosts gives the plain form to addresses of the hosts file, which come
// mapped whatever is asked for. IPv4 addresses of the DNS never do.
func (s *systemResolver) unmapHosts(ctx context.Context, host string, addrs []netip.Addr) {
	known, err := s.resolver.LookupNetIP(ctx, "ip4", strings.TrimSuffix(host, "."))
	for i, addr := range addrs {
		if err == nil && addr.Is4In6() && slices.Contains(known, addr) {
			addrs[i] = addr.Unmap()
		}
	}
}

// explain tells a name that does not resolve from a resolver that is down: one
// that is silent, or that does not even know the root any more. Networks of
// their own may never have known it.
func (s *systemResolver) explain(ctx context.Context, err error, before int64) error {
	if notFound(err) || ctx.Err() != nil || s.root(ctx) {
		return err
	}
	if s.heard.Load() == before || s.knowRoot.Load() {
		return fmt.Errorf("%w: %w", ErrResolverDown, err)
	}
	return err
}

// root reports whether the servers know the root.
func (s *systemResolver) root(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	_, err := s.resolver.LookupNS(ctx, ".")
	if err == nil {
		s.knowRoot.Store(true)
	}
	return err == nil
}

func (s *systemResolver) dialer(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		opened, err := dial(ctx, network, address)
		if udp, ok := opened.(*net.UDPConn); ok && err == nil {
			return &question{UDPConn: udp, heard: &s.heard}, nil
		}
		return opened, err
	}
}

// question is a socket to one server.
type question struct {
	*net.UDPConn
	heard *atomic.Int64
}

// SetDeadline leaves time for another server.
func (q *question) SetDeadline(deadline time.Time) error {
	if latest := time.Now().Add(serverPatience); deadline.After(latest) {
		deadline = latest
	}
	return q.UDPConn.SetDeadline(deadline) //nolint:wrapcheck // the resolver looks at the error as it is
}

func (q *question) Read(p []byte) (int, error) {
	n, err := q.UDPConn.Read(p)
	if n > 0 {
		q.heard.Add(1)
	}
	return n, err //nolint:wrapcheck // the resolver looks at the error as it is
}

func notFound(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}
