package egress

import (
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
		if err := bindable(addr); err != nil {
			return fmt.Errorf("egress address %s is not assigned to this host (--egress-ip): %w", addr, err)
		}
		*family = addr
	}
	return nil
}

// bindable binds the address for a moment.
func bindable(addr netip.Addr) error {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
	if err != nil {
		return fmt.Errorf("bind %s: %w", addr, err)
	}
	if err := conn.Close(); err != nil {
		return fmt.Errorf("release %s: %w", addr, err)
	}
	return nil
}

// ownAddresses returns the addresses that requests may leave from: the
// configured ones, or all of this host. Loopback is not among the latter: it is
// reserved anyhow.
func ownAddresses(configured []netip.Addr) ([]netip.Addr, error) {
	var own []netip.Addr
	for _, addr := range configured {
		own = append(own, addr.Unmap())
	}
	if len(own) > 0 {
		return own, nil
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list this host's addresses: %w", err)
	}
	for _, entry := range interfaces {
		if prefix, err := netip.ParsePrefix(entry.String()); err == nil && !prefix.Addr().IsLoopback() {
			own = append(own, prefix.Addr().WithZone("").Unmap())
		}
	}
	return own, nil
}
