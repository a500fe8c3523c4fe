package egress

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// ownAge is how old the list of the host's addresses may be.
const ownAge = time.Second

// own knows which addresses are this host's, and follows them. Loopback is not
// among them: it is reserved anyhow, and only the ports on which this process
// listens are its own there.
type own struct {
	named []netip.Addr // sources and advertised ones, whatever the host has
	list  func() ([]netip.Addr, error)

	mu        sync.Mutex
	listed    []netip.Addr
	at        time.Time
	had4      bool // some address, ever
	had6      bool
	listening []netip.AddrPort
}

func newOwn(named []netip.Addr, list func() ([]netip.Addr, error)) (*own, error) {
	if list == nil {
		list = interfaceAddresses
	}
	o := &own{list: list}
	for _, addr := range named {
		o.named = append(o.named, addr.Unmap())
	}
	listed, err := list()
	if err != nil {
		return nil, fmt.Errorf("list this host's addresses: %w", err)
	}
	o.take(listed)
	return o, nil
}

// take takes a list of the host's addresses. A unique local one says nothing of
// IPv6: no receiver outside of the private network is reached from it.
func (o *own) take(listed []netip.Addr) {
	o.listed, o.at = listed, time.Now()
	for _, addr := range listed {
		if addr.IsGlobalUnicast() {
			o.had4 = o.had4 || addr.Is4()
			o.had6 = o.had6 || addr.Is6() && !addr.IsPrivate()
		}
	}
}

// hadFamilyOf reports whether this host can be expected to reach such an address:
// it has or had one of that family, or none at all since it started.
func (o *own) hadFamilyOf(addr netip.Addr) bool {
	o.addresses()
	o.mu.Lock()
	defer o.mu.Unlock()
	if addr.Is4() {
		return o.had4 || !o.had6
	}
	return o.had6 || !o.had4
}

// says why a target is this host's own; empty when it is not. The system takes
// the unspecified address for loopback, whatever listens there.
func (o *own) says(addr netip.Addr, port uint16) string {
	addr = addr.Unmap()
	switch {
	case addr.IsUnspecified():
		return "is this host"
	case slices.Contains(o.named, addr), !addr.IsLoopback() && slices.Contains(o.addresses(), addr):
		return "is this host's own address"
	case addr.IsLoopback() && o.listensAt(addr, port):
		return "is where this server listens"
	default:
		return ""
	}
}

// addresses are those of the host's interfaces. While they cannot be read, the
// ones that were read last count.
func (o *own) addresses() []netip.Addr {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.at) >= ownAge {
		if listed, err := o.list(); err == nil {
			o.take(listed)
		}
	}
	return o.listed
}

func (o *own) listensAt(addr netip.Addr, port uint16) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.listening, func(at netip.AddrPort) bool {
		return at.Port() == port && (at.Addr().IsUnspecified() || at.Addr().Unmap() == addr)
	})
}

func (o *own) listen(at netip.AddrPort) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.listening = append(o.listening, at)
}

// Listens tells the client of an address on which this process listens: it is
// refused as a target even where its range is allowed.
func (c *Client) Listens(at netip.AddrPort) { c.policy.own.listen(at) }

func interfaceAddresses() ([]netip.Addr, error) {
	entries, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says what was asked for
	}
	var addrs []netip.Addr
	for _, entry := range entries {
		if prefix, err := netip.ParsePrefix(entry.String()); err == nil {
			addrs = append(addrs, prefix.Addr().WithZone("").Unmap())
		}
	}
	return addrs, nil
}
