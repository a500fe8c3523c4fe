package keys

import (
	"net/netip"
	"sync"
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
type guard struct {
	mu      sync.Mutex
	clients map[netip.Prefix]debt
}

// debt is what a client had failed at a time.
type debt struct {
	failed float64
	at     time.Time
}

func (d debt) left(now time.Time) float64 {
	return max(0, d.failed-float64(now.Sub(d.at))/float64(forgiven))
}

// blocks reports whether a client must wait before it fails again.
func (g *guard) blocks(client netip.Prefix, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.clients[client].left(now) > failures-1
}

// fail counts a failed login.
func (g *guard) fail(client netip.Prefix, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.clients[client]; !known && len(g.clients) >= maxClients {
		g.forget(now)
	}
	g.clients[client] = debt{failed: g.clients[client].left(now) + 1, at: now}
}

// forget makes room: of those that owe nothing, else of all.
func (g *guard) forget(now time.Time) {
	for client, owed := range g.clients {
		if owed.left(now) == 0 {
			delete(g.clients, client)
		}
	}
	if len(g.clients) >= maxClients {
		clear(g.clients)
	}
}
