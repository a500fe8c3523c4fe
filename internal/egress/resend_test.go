package egress_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
)

type connKey struct{}

// breaker is a receiver that ends the connection of a request that asks for it,
// before any byte of an answer, if another request came that way before.
type breaker struct {
	*httptest.Server
	reset       bool
	connections atomic.Int32
	bodies      chan string
}

func newBreaker(t *testing.T, protocol string, reset bool) *breaker {
	t.Helper()
	b := &breaker{reset: reset, bodies: make(chan string, 100)}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(b.handle))
	quieten(b.Server)
	b.Config.ConnContext = func(ctx context.Context, accepted net.Conn) context.Context {
		b.connections.Add(1)
		return context.WithValue(ctx, connKey{}, &used{conn: accepted})
	}
	switch protocol {
	case "HTTP/1.1":
		b.Start()
	case "TLS":
		b.StartTLS()
	case "HTTP/2":
		b.EnableHTTP2 = true
		b.StartTLS()
	}
	t.Cleanup(b.Close)
	return b
}

type used struct {
	conn     net.Conn
	requests atomic.Int32
}

func (b *breaker) handle(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.bodies <- r.Method + " " + string(body)
	way, _ := r.Context().Value(connKey{}).(*used)
	before := way.requests.Add(1) - 1
	if always := r.Header.Get("Break") == "always"; always || before > 0 && r.Header.Get("Break") != "" {
		end(way.conn, b.reset)
		if r.ProtoMajor == 1 {
			panic(http.ErrAbortHandler)
		}
		<-r.Context().Done()
		return
	}
	fmt.Fprint(w, "ok")
}

func end(accepted net.Conn, reset bool) {
	if secure, ok := accepted.(*tls.Conn); ok {
		accepted = secure.NetConn()
	}
	if raw, ok := accepted.(*net.TCPConn); ok && reset {
		_ = raw.SetLinger(0)
	}
	accepted.Close()
}

func (b *breaker) client(t *testing.T) *egress.Client {
	if b.TLS == nil {
		return newClient(t, local())
	}
	return newClient(t, trusting(local(), b.Certificate()))
}

func ways(t *testing.T, run func(t *testing.T, b *breaker, request egress.Request)) {
	for _, protocol := range []string{"HTTP/1.1", "TLS", "HTTP/2"} {
		for _, reset := range []bool{false, true} {
			for _, request := range []egress.Request{
				{Method: http.MethodGet},
				{Method: http.MethodPost, Body: []byte("{}")},
				{Method: http.MethodPost},
				{Method: http.MethodPut, Body: []byte(strings.Repeat("a", 1<<20))},
			} {
				t.Run(fmt.Sprintf("%s %s %d reset %t", protocol, request.Method, len(request.Body), reset), func(t *testing.T) {
					t.Parallel()
					b := newBreaker(t, protocol, reset)
					request.URL = b.URL + "/"
					run(t, b, request)
				})
			}
		}
	}
}

// A connection that the receiver closes at the moment of its reuse used to cost
// an attempt, whatever the method.
func TestLostWithAKeptConnectionIsSentAgain(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, b *breaker, request egress.Request) {
		client := b.client(t)
		expectStatus(t, get(t, client, b.URL+"/"), http.StatusOK)
		request.Header = http.Header{"Break": {"once"}}
		result := client.Send(t.Context(), request, patient)
		expectStatus(t, result, http.StatusOK)
		if !result.Resent || !result.Sent || string(result.Body) != "ok" || b.connections.Load() != 2 {
			t.Errorf("resent %t, body %q, %d connections", result.Resent, result.Body, b.connections.Load())
		}
		<-b.bodies
		want := request.Method + " " + string(request.Body)
		if first, second := <-b.bodies, <-b.bodies; first != want || second != want {
			t.Error("what was sent again differs")
		}
	})
}

func TestSentAgainOnceAtMost(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, b *breaker, request egress.Request) {
		client := b.client(t)
		expectStatus(t, get(t, client, b.URL+"/"), http.StatusOK)
		request.Header = http.Header{"Break": {"always"}}
		result := client.Send(t.Context(), request, patient)
		if result.Failure == nil || result.Failure.Kind != egress.Failed || !result.Resent || !result.Sent {
			t.Errorf("got %+v", result)
		}
		if n := len(b.bodies); n != 3 {
			t.Errorf("one Send made %d requests", n-1)
		}
	})
}

func TestLostOnANewConnectionIsAFailure(t *testing.T) {
	t.Parallel()
	ways(t, func(t *testing.T, b *breaker, request egress.Request) {
		request.Header = http.Header{"Break": {"always"}}
		result := b.client(t).Send(t.Context(), request, patient)
		if result.Failure == nil || result.Failure.Kind != egress.Failed || result.Resent || !result.Sent {
			t.Errorf("got %+v", result)
		}
		if n := len(b.bodies); n != 1 {
			t.Errorf("one Send made %d requests", n)
		}
	})
}

// keeps answers the first request on each connection and does something else
// with the second. It tells how many requests came.
func keeps(t *testing.T, second func(*net.TCPConn)) (url string, requests *atomic.Int32) {
	requests = &atomic.Int32{}
	addr := listen(t, func(accepted *net.TCPConn) {
		reader := bufio.NewReader(accepted)
		for n := 0; ; n++ {
			if _, err := readHead(reader); err != nil {
				return
			}
			requests.Add(1)
			if n > 0 {
				second(accepted)
				return
			}
			_, _ = io.WriteString(accepted, answers200)
		}
	})
	return "http://" + addr + "/", requests
}

// Who has begun to answer has seen the request.
func TestBeginningOfAnAnswerIsAnAnswer(t *testing.T) {
	t.Parallel()
	for _, beginning := range []string{"H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n", "\r\n"} {
		url, requests := keeps(t, func(accepted *net.TCPConn) { _, _ = io.WriteString(accepted, beginning) })
		client := newClient(t, local())
		expectStatus(t, get(t, client, url), http.StatusOK)
		result := get(t, client, url)
		if result.Failure == nil || result.Resent || requests.Load() != 2 {
			t.Errorf("%q: resent %t, %d requests, %v", beginning, result.Resent, requests.Load(), result.Failure)
		}
	}
}

func TestSilenceOnAKeptConnectionIsATimeout(t *testing.T) {
	t.Parallel()
	came := make(chan struct{})
	url, requests := keeps(t, func(accepted *net.TCPConn) {
		close(came)
		_, _ = io.Copy(io.Discard, accepted)
	})
	client := newClient(t, local())
	expectStatus(t, get(t, client, url), http.StatusOK)
	result := client.Send(t.Context(), egress.Request{Method: http.MethodGet, URL: url}, 50*time.Millisecond)
	expectFailure(t, result, egress.Failed, egress.CodeTimeout)
	<-came
	if result.Resent || requests.Load() != 2 {
		t.Errorf("resent %t, %d requests", result.Resent, requests.Load())
	}
}

func TestCallerWhoGaveUpSendsNothingAgain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url, requests := keeps(t, func(*net.TCPConn) { cancel() })
	client := newClient(t, local())
	expectStatus(t, get(t, client, url), http.StatusOK)
	result := client.Send(ctx, egress.Request{Method: http.MethodGet, URL: url}, patient)
	expectFailure(t, result, egress.Infrastructure, egress.CodeCanceled)
	if result.Resent || requests.Load() != 2 {
		t.Errorf("resent %t, %d requests", result.Resent, requests.Load())
	}
}

// The transport would repeat a GET by itself, and dials for it before it looks
// at what was said.
func TestALostRequestDialsOnce(t *testing.T) {
	t.Parallel()
	url, _ := keeps(t, func(accepted *net.TCPConn) { _ = accepted.SetLinger(0) })
	for range 50 {
		var dials atomic.Int32
		options := local()
		options.Dialer = func(ctx context.Context, network string, _ netip.Addr, target netip.AddrPort) (net.Conn, error) {
			dials.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, target.String())
		}
		client := newClient(t, options)
		expectStatus(t, get(t, client, url), http.StatusOK)
		if result := get(t, client, url); !result.Resent {
			t.Fatalf("got %+v", result)
		}
		client.Close()
		if dials.Load() != 2 {
			t.Fatalf("%d dials for two requests, of which one was lost with its connection", dials.Load())
		}
	}
}

// Receivers that close after each answer, without saying so, lost one request
// in thirty.
func TestReceiverThatClosesAfterEachAnswer(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(accepted *net.TCPConn) {
		if _, err := readHead(bufio.NewReader(accepted)); err == nil {
			_, _ = io.WriteString(accepted, answers200)
		}
	})
	client := newClient(t, local())
	for i := range 200 {
		request := egress.Request{Method: http.MethodGet, URL: "http://" + addr + "/"}
		if i%2 > 0 {
			request.Method = http.MethodPost
		}
		expectStatus(t, client.Send(t.Context(), request, patient), http.StatusOK)
	}
}

// A connection whose end has arrived is not used, even if nobody has read it.
func TestClosedConnectionsAreSeen(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(*net.TCPConn){
		"closed":         func(accepted *net.TCPConn) { _ = accepted.Close() },
		"half closed":    func(accepted *net.TCPConn) { _ = accepted.CloseWrite() },
		"reset":          func(accepted *net.TCPConn) { _ = accepted.SetLinger(0); _ = accepted.Close() },
		"spoken to":      func(accepted *net.TCPConn) { _, _ = accepted.Write([]byte("x")) },
		"open and quiet": func(*net.TCPConn) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			acted, done := make(chan struct{}), make(chan struct{})
			addr := listen(t, func(accepted *net.TCPConn) {
				_, _ = accepted.Read(make([]byte, 1))
				act(accepted)
				close(acted)
				<-done
			})
			defer close(done)
			var dialer net.Dialer
			dialed, err := dialer.DialContext(t.Context(), "tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer dialed.Close()
			_, _ = dialed.Write([]byte("x"))
			<-acted
			if got := egress.Readable(dialed); got != (name != "open and quiet") {
				t.Errorf("readable is %t", got)
			}
		})
	}
}

// A kept connection tells nothing of the way to the receiver until it answers.
func TestAKeptConnectionIsNamed(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	server := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			<-hang
		}
	})
	t.Cleanup(func() { close(hang) })
	client := newClient(t, local())
	if result := get(t, client, server.URL+"/"); result.Reused {
		t.Error("the first connection was there before")
	}
	if result := get(t, client, server.URL+"/"); !result.Reused {
		t.Error("the connection was not kept")
	}
	result := client.Send(t.Context(), egress.Request{Method: http.MethodGet, URL: server.URL + "/hang"}, 50*time.Millisecond)
	expectFailure(t, result, egress.Failed, egress.CodeTimeout)
	if !result.Reused {
		t.Error("the silence is that of a new connection")
	}
}
