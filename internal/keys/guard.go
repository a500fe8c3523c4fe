package keys

import (
	"net/netip"
	"time"
)

const (
	// failures is how many failed logins a client has before it must wait.
	failures = 20
	// forgiven is how long a failed login counts: one more is possible then.
	forgiven = 5 * time.Second
	// maxClients bounds the memory of clients that failed.
	maxClients = 10_000
)

// guard counts failed logins by client.
type guard struct{ failed leaks[netip.Prefix] }

func newGuard() guard {
	return guard{newLeaks[netip.Prefix](failures, 1/forgiven.Seconds(), maxClients)}
}

// blocks reports whether a client must wait before it fails again.
func (g *guard) blocks(client netip.Prefix, now time.Time) bool { return g.failed.full(client, now) }

// fail counts a failed login.
func (g *guard) fail(client netip.Prefix, now time.Time) { g.failed.put(client, now) }
