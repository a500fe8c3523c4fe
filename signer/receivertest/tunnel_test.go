package receivertest_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// tunnel is the egress proxy of these tests. Receivers have addresses of their
// own, and URLs without a port, as publishers have: the tunnel leads port 80 of
// each to where its receiver could listen.
type tunnel struct {
	*httptest.Server

	mu        sync.Mutex
	addresses map[string]string // by "host:80"
	conns     sync.WaitGroup
}

func newTunnel(t *testing.T) *tunnel {
	t.Helper()
	n := &tunnel{addresses: map[string]string{}}
	n.Server = httptest.NewServer(n)
	t.Cleanup(func() {
		n.Close()
		n.conns.Wait()
	})
	return n
}

func (n *tunnel) lead(host, address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addresses[net.JoinHostPort(host, "80")] = address
}

func (n *tunnel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	to := n.addresses[r.Host]
	n.mu.Unlock()
	far, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", to)
	if r.Method != http.MethodConnect || err != nil {
		http.Error(w, "no such receiver", http.StatusBadGateway)
		return
	}
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		far.Close()
		return
	}
	_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	n.conns.Go(func() { relay(far, near) })
	n.conns.Go(func() { relay(near, far) })
}

// relay copies until one side ends, and ends both.
func relay(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	to.Close()
	from.Close()
}
