package egress

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

func (c *Client) useSources(addresses []netip.Addr) error {
	for _, addr := range addresses {
		family := &c.source6
		if addr = addr.Unmap(); addr.Is4() {
			family = &c.source4
		}
		switch {
		case !addr.IsValid() || addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast():
			return fmt.Errorf("egress address %q cannot be a source address (--egress-ip)", addr)
		case family.IsValid():
			return fmt.Errorf("egress addresses %s and %s are of one family: give at most one IPv4 and one IPv6 (--egress-ip)",
				family, addr)
		}
		if failure := bindable(context.Background(), addr); failure != nil {
			return failure
		}
		*family = addr
	}
	return nil
}

// Available reports whether every source address is on this host now, by asking
// the system each time: an error is the system's word that one is not. Without
// source addresses there is nothing to miss.
func (c *Client) Available(ctx context.Context) error {
	for _, source := range []netip.Addr{c.source4, c.source6} {
		if !source.IsValid() {
			continue
		}
		if failure := bindable(ctx, source); failure != nil && failure.Code == CodeSource {
			return failure
		}
	}
	return nil
}

// bindable binds the address for a moment.
func bindable(ctx context.Context, addr netip.Addr) *Failure {
	var config net.ListenConfig
	conn, err := config.ListenPacket(ctx, "udp", netip.AddrPortFrom(addr, 0).String())
	if err != nil {
		return sourceFailure(ctx, addr, err)
	}
	_ = conn.Close()
	return nil
}

// sourceFailure tells an address that is gone from one that cannot be asked for.
func sourceFailure(ctx context.Context, addr netip.Addr, err error) *Failure {
	what := fmt.Sprintf("egress address %s ", addr)
	switch {
	case exhausted(err):
		return infrastructure(CodeExhausted, what+"cannot be bound: "+errno(err))
	case ctx.Err() != nil:
		return infrastructure(CodeCanceled, what+"was not looked up: cancelled before")
	default:
		return infrastructure(CodeSource, what+"is not assigned to this host (--egress-ip): "+errno(err))
	}
}
