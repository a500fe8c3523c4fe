package egress

import "net/netip"

// MoveSource stands for an address that was taken from the host after the start.
func (c *Client) MoveSource(addr netip.Addr) { c.source4 = addr }
