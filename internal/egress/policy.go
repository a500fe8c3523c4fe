package egress

import (
	"net/netip"
	"slices"
)

// policy decides which addresses may be reached.
type policy struct {
	reserved []reserved
	allow    []netip.Prefix
	own      *own
}

// reserved is a range that no publisher's endpoint lives in.
type reserved struct {
	prefix netip.Prefix
	name   string
}

func newPolicy(allow []netip.Prefix, own *own) *policy {
	return &policy{reserved: reservedRanges(), allow: allow, own: own}
}

// deny says why a target may not be reached; empty when it may.
//
// Allowed prefixes open what is reserved. They open what is our own only when
// they name that address alone, so that allowing a private network does not let
// publishers aim at the engine itself.
func (p *policy) deny(addr netip.Addr, port uint16) string {
	if addr.Zone() != "" {
		return "has a zone"
	}
	if why := p.own.says(addr, port); why != "" {
		if p.allowed(addr, true) {
			return ""
		}
		return why
	}
	if p.allowed(addr, false) {
		return ""
	}
	for _, r := range p.reserved {
		if r.prefix.Contains(addr) {
			return "is in " + r.prefix.String() + " (" + r.name + ")"
		}
	}
	return ""
}

func (p *policy) allowed(addr netip.Addr, alone bool) bool {
	return slices.ContainsFunc(p.allow, func(prefix netip.Prefix) bool {
		return prefix.Contains(addr) && (!alone || prefix.IsSingleIP())
	})
}

// loopback returns the addresses that "localhost" stands for, as far as they
// may be reached at a port. No resolver is asked: RFC 6761, section 6.3.
func (p *policy) loopback(port uint16) []netip.Addr {
	both := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	return slices.DeleteFunc(both, func(addr netip.Addr) bool { return p.deny(addr, port) != "" })
}

// reservedRanges lists what is not globally reachable, by the IANA
// special-purpose registries, and the ranges that embed an IPv4 address.
func reservedRanges() []reserved {
	table := []struct{ prefix, name string }{
		{"0.0.0.0/8", "this network"},
		{"10.0.0.0/8", "private"},
		{"100.64.0.0/10", "shared address space"},
		{"127.0.0.0/8", "loopback"},
		{"168.63.129.16/32", "cloud platform"},
		{"169.254.0.0/16", "link-local"},
		{"172.16.0.0/12", "private"},
		{"192.0.0.0/24", "protocol assignments"},
		{"192.0.2.0/24", "documentation"},
		{"192.168.0.0/16", "private"},
		{"198.18.0.0/15", "benchmarking"},
		{"198.51.100.0/24", "documentation"},
		{"203.0.113.0/24", "documentation"},
		{"224.0.0.0/4", "multicast"},
		{"240.0.0.0/4", "reserved"},
		{"::/96", "unspecified, loopback, IPv4-compatible"},
		{"::ffff:0:0/96", "IPv4-mapped"},
		{"::ffff:0:0:0/96", "IPv4-translated"},
		{"64:ff9b::/96", "NAT64"},
		{"64:ff9b:1::/48", "local NAT64"},
		{"100::/64", "discard"},
		{"2001::/32", "Teredo"},
		{"2001:db8::/32", "documentation"},
		{"2002::/16", "6to4"},
		{"3fff::/20", "documentation"},
		{"5f00::/16", "segment routing"},
		{"fc00::/7", "unique local"},
		{"fe80::/10", "link-local"},
		{"fec0::/10", "site-local"},
		{"ff00::/8", "multicast"},
	}
	ranges := make([]reserved, len(table))
	for i, row := range table {
		ranges[i] = reserved{prefix: netip.MustParsePrefix(row.prefix), name: row.name}
	}
	return ranges
}
