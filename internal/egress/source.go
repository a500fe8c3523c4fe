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
		if err := bindable(context.Background(), addr); err != nil {
			return err
		}
		*family = addr
	}
	return nil
}

// Available tells whether every source address is on this host now, by asking
// the system each time. Without source addresses there is nothing to miss.
func (c *Client) Available(ctx context.Context) error {
	for _, source := range []netip.Addr{c.source4, c.source6} {
		if !source.IsValid() {
			continue
		}
		if err := bindable(ctx, source); err != nil {
			return err
		}
	}
	return nil
}

// bindable binds the address for a moment.
func bindable(ctx context.Context, addr netip.Addr) error {
	var config net.ListenConfig
	conn, err := config.ListenPacket(ctx, "udp", netip.AddrPortFrom(addr, 0).String())
	if err != nil {
		return fmt.Errorf("egress address %s is not assigned to this host (--egress-ip): %w", addr, err)
	}
	if err := conn.Close(); err != nil {
		return fmt.Errorf("release egress address %s: %w", addr, err)
	}
	return nil
}
