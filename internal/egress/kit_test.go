package egress_test

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/egress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patient is a deadline that no test waits for.
const patient = 10 * time.Second

// names answers lookups; a name that is not there does not exist.
type names map[string][]netip.Addr

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if addrs, ok := n[host]; ok {
		return addrs, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// lookup is a resolver made of a function.
type lookup func(ctx context.Context) ([]netip.Addr, error)

func (l lookup) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) { return l(ctx) }

func addrs(texts ...string) []netip.Addr {
	list := make([]netip.Addr, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParseAddr(text)
	}
	return list
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// local may reach loopback, where the name is the test's receiver.
func local() egress.Options {
	return egress.Options{
		Allow:    prefixes("127.0.0.0/8", "::1/128"),
		Resolver: names{"receiver.example.com": addrs("127.0.0.1")},
	}
}

func newClient(t testing.TB, options egress.Options) *egress.Client {
	t.Helper()
	client, err := egress.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func get(t testing.TB, client *egress.Client, rawURL string) egress.Result {
	t.Helper()
	return client.Send(t.Context(), egress.Request{Method: http.MethodGet, URL: rawURL}, patient)
}

func expectFailure(t testing.TB, result egress.Result, kind egress.Kind, code string) {
	t.Helper()
	if result.Failure == nil {
		t.Fatalf("got status %d, want %s %s", result.StatusCode, kind, code)
	}
	if result.Failure.Kind != kind || result.Failure.Code != code {
		t.Fatalf("got %s %s (%s), want %s %s",
			result.Failure.Kind, result.Failure.Code, result.Failure.Message, kind, code)
	}
	if kind == egress.Refused && result.Sent {
		t.Error("a refused request was sent")
	}
}

func expectStatus(t testing.TB, result egress.Result, status int) {
	t.Helper()
	if result.Failure != nil {
		t.Fatalf("%s: %s", result.Failure.Code, result.Failure.Message)
	}
	if result.StatusCode != status {
		t.Fatalf("got status %d, want %d", result.StatusCode, status)
	}
}

// receiver serves HTTP on loopback and quietly.
func receiver(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	return receiverOn(t, "127.0.0.1", handler)
}

func receiverOn(t testing.TB, addr string, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Listener.Close()
	server.Listener = listener
	quieten(server)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// quieten is for servers whose clients misbehave on purpose.
func quieten(server *httptest.Server) {
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
}

// ok answers 200 without a body.
func ok(http.ResponseWriter, *http.Request) {}

// listen serves raw TCP on loopback; a connection is closed when its handler
// returns.
func listen(t testing.TB, handle func(*net.TCPConn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	running.Go(func() {
		for {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[accepted] = true
			mu.Unlock()
			running.Go(func() {
				defer accepted.Close()
				if conn, ok := accepted.(*net.TCPConn); ok {
					handle(conn)
				}
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for accepted := range open {
			accepted.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return listener.Addr().String()
}

// closedPort is an address on which nothing listens.
func closedPort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// readHead reads a request's line and headers as they are.
func readHead(r *bufio.Reader) (string, error) {
	head := ""
	for {
		line, err := r.ReadString('\n')
		head += line
		if err != nil || line == "\r\n" {
			return head, err
		}
	}
}

// named replaces the host of a local URL by the receiver's name.
func named(t testing.TB, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Scheme + "://receiver.example.com:" + u.Port() + "/"
}
