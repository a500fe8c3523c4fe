package egress

import (
	"net"
	"net/netip"
)

// MoveSource stands for an address that was taken from the host after the start.
func (c *Client) MoveSource(addr netip.Addr) { c.source4 = addr }

// Readable tells whether a read would not block.
func Readable(c net.Conn) bool { return readable(c) }
