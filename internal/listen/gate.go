package listen

import (
	"container/list"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// gate is a listener that lets in no more connections than it may.
type gate struct {
	net.Listener
	limit, perAddress int
	write             time.Duration
	logger            *slog.Logger

	mu       sync.Mutex
	open     map[*conn]struct{}
	clients  map[netip.Prefix]*client
	waiting  list.List // of *conn without a request, the longest waiting first
	counts   Stats
	logged   time.Time // when a refusal was logged last
	unlogged int64     // refusals since
}

// client is one address and its connections.
type client struct {
	open    int
	waiting list.List // of *conn without a request, the longest waiting first
}

func newGate(listener net.Listener, options Options, write time.Duration) *gate {
	return &gate{
		Listener: listener, limit: options.Connections, perAddress: options.PerAddress, write: write, logger: options.Logger,
		open: map[*conn]struct{}{}, clients: map[netip.Prefix]*client{},
	}
}

// Accept returns the next connection for which there is room.
func (g *gate) Accept() (net.Conn, error) {
	for {
		accepted, err := g.Listener.Accept()
		if err != nil {
			return nil, err //nolint:wrapcheck // net/http looks at it
		}
		c := &conn{Conn: accepted, gate: g, from: Site(accepted.RemoteAddr().String()), write: g.write}
		evicted, refused := g.enter(c)
		if evicted != nil {
			_ = evicted.Close()
		}
		if refused == "" {
			return c, nil
		}
		g.logRefused(c, refused)
		refuse(accepted)
	}
}

// enter counts a connection in. It may name another that is to be closed for
// it, or the limit for which there is no room.
func (g *gate) enter(c *conn) (evicted *conn, refused string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	from := g.clients[c.from]
	if from == nil {
		from = &client{}
	}
	switch {
	case g.perAddress > 0 && from.open >= g.perAddress:
		evicted, refused = oldest(&from.waiting), "per address"
	case g.limit > 0 && len(g.open) >= g.limit:
		evicted, refused = oldest(&g.waiting), "in all"
	}
	if refused != "" && evicted == nil {
		g.counts.Refused++
		return nil, refused
	}
	if evicted != nil {
		g.counts.Evicted++
		g.remove(evicted)
	}
	g.counts.Opened++
	g.clients[c.from] = from
	from.open++
	g.open[c] = struct{}{}
	g.enqueue(c)
	return evicted, ""
}

func oldest(waiting *list.List) *conn {
	front := waiting.Front()
	if front == nil {
		return nil
	}
	c, _ := front.Value.(*conn)
	return c
}

func (g *gate) leave(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(c)
}

// remove forgets a connection, which may have been forgotten before.
func (g *gate) remove(c *conn) {
	if _, known := g.open[c]; !known {
		return
	}
	g.dequeue(c)
	delete(g.open, c)
	from := g.clients[c.from]
	if from.open--; from.open == 0 {
		delete(g.clients, c.from)
	}
}

// wait notes that a connection has no request, or none that anybody works on.
func (g *gate) wait(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.open[c]; known {
		c.arriving = false
		g.dequeue(c)
		g.enqueue(c)
	}
}

// busy notes that the header of a request is here.
func (g *gate) busy(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dequeue(c)
}

// arrive notes whether a request's body is still on its way.
func (g *gate) arrive(c *conn, underWay bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.arriving = underWay
}

func (g *gate) enqueue(c *conn) {
	c.waits = g.waiting.PushBack(c)
	c.waitsFor = g.clients[c.from].waiting.PushBack(c)
}

func (g *gate) dequeue(c *conn) {
	if c.waits == nil {
		return
	}
	g.waiting.Remove(c.waits)
	g.clients[c.from].waiting.Remove(c.waitsFor)
	c.waits, c.waitsFor = nil, nil
}

// closeArriving closes every connection whose request is not here whole.
func (g *gate) closeArriving() {
	g.mu.Lock()
	var late []*conn
	for c := range g.open {
		if c.waits != nil || c.arriving {
			late = append(late, c)
		}
	}
	g.mu.Unlock()
	for _, c := range late {
		_ = c.Close()
	}
}

func (g *gate) stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	counts := g.counts
	counts.Open = int64(len(g.open))
	return counts
}

// logEvery is how often refused connections are logged at most.
const logEvery = time.Minute

// logRefused logs that connections are refused.
func (g *gate) logRefused(c *conn, limit string) {
	g.mu.Lock()
	g.unlogged++
	count := g.unlogged
	due := time.Since(g.logged) >= logEvery
	if due {
		g.logged, g.unlogged = time.Now(), 0
	}
	g.mu.Unlock()
	if due {
		g.logger.WarnContext(context.Background(), "connections refused: too many are open",
			slog.String("limit", limit), slog.String("last_from", c.from.String()), slog.Int64("refused", count))
	}
}

// refuse answers a client for which there is no room, without waiting for it.
func refuse(accepted net.Conn) {
	const body = `{"type":"about:blank","title":"Service Unavailable","status":503,"code":"unavailable",` +
		`"detail":"too many connections are open; try again in 1 s"}`
	answer := strings.Join([]string{
		"HTTP/1.1 503 Service Unavailable", "Content-Type: application/problem+json", "Retry-After: 1", "Connection: close", "", body,
	}, "\r\n")
	_ = accepted.SetWriteDeadline(time.Now().Add(time.Second)) // The buffer of a new connection takes it at once.
	_, _ = accepted.Write([]byte(answer))
	_ = accepted.Close()
}
