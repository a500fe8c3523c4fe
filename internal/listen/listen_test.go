package listen_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/listen"
	"github.com/waybillhq/waybill/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waiting for what must come.
const patience = 2 * time.Minute

// unhurried are times that never pass in a test.
func unhurried() listen.Times {
	return listen.Times{Header: time.Hour, Body: time.Hour, Write: time.Hour, Idle: time.Hour, Linger: time.Hour, Grace: time.Hour}
}

func open(t *testing.T, times listen.Times, options listen.Options) *listen.Server {
	t.Helper()
	options.Address, options.Times = "127.0.0.1:0", &times
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	server, err := listen.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server, 0) })
	return server
}

func stop(t *testing.T, server *listen.Server, patience time.Duration) {
	t.Helper()
	if err := server.Stop(context.Background(), patience); err != nil {
		t.Error(err)
	}
}

// peer is the client's side of a connection.
type peer struct {
	net.Conn
	t      *testing.T
	reader *bufio.Reader
}

func dial(t *testing.T, server *listen.Server) *peer {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	return &peer{Conn: conn, t: t, reader: bufio.NewReader(conn)}
}

func (p *peer) send(lines ...string) {
	p.t.Helper()
	if _, err := io.WriteString(p, strings.Join(lines, "\r\n")); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) get() { p.t.Helper(); p.send("GET / HTTP/1.1", "Host: h", "", "") }

// post announces a body and sends its first byte.
func (p *peer) post() {
	p.t.Helper()
	p.send("POST / HTTP/1.1", "Host: h", "Content-Length: 1000", "", "x")
}

func (p *peer) expect(status int) answer {
	p.t.Helper()
	got, err := http.ReadResponse(p.reader, nil)
	if err != nil {
		p.t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = got.Body.Close() }()
	if _, err := io.Copy(io.Discard, got.Body); err != nil {
		p.t.Fatalf("no whole answer: %v", err)
	}
	if got.StatusCode != status {
		p.t.Fatalf("got %s, want %d", got.Status, status)
	}
	return answer{closes: got.Close, header: got.Header}
}

// answer is what a peer was told.
type answer struct {
	closes bool
	header http.Header
}

// expectClosed waits until the server has closed the connection.
func (p *peer) expectClosed() {
	p.t.Helper()
	_, err := io.Copy(io.Discard, p.reader)
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
		p.t.Fatal("the connection stays open")
	}
}

// refusing answers without a look at the body.
func refusing() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
}

// reading answers what became of the body.
func reading() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusRequestTimeout)
		}
	})
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	const soon = 10 * time.Millisecond
	for name, test := range map[string]struct {
		short   func(*listen.Times)
		handler http.Handler
		act     func(*peer)
	}{
		"a connection that sends nothing":    {func(l *listen.Times) { l.Header = soon }, refusing(), func(*peer) {}},
		"a header that does not end":         {func(l *listen.Times) { l.Header = soon }, refusing(), func(p *peer) { p.send("GET / HTTP/1.1", "Host") }},
		"a connection with no other request": {func(l *listen.Times) { l.Idle = soon }, reading(), func(p *peer) { p.get(); p.expect(http.StatusOK) }},
		"a body that does not come":          {func(l *listen.Times) { l.Body, l.Linger = soon, soon }, reading(), func(p *peer) { p.post(); p.expect(http.StatusRequestTimeout) }},
		"an answer before the body":          {func(l *listen.Times) { l.Linger = soon }, refusing(), func(p *peer) { p.post(); expectGoodbye(p) }},
		"no answer at all before the body":   {func(l *listen.Times) { l.Linger = soon }, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(p *peer) { p.post(); p.expect(http.StatusOK) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			times := unhurried()
			test.short(&times)
			p := dial(t, open(t, times, listen.Options{Handler: test.handler}))
			test.act(p)
			p.expectClosed()
		})
	}
}

func expectGoodbye(p *peer) {
	p.t.Helper()
	if answer := p.expect(http.StatusUnauthorized); !answer.closes {
		p.t.Error("the answer does not say that the connection closes")
	}
}

// The deadlines of header and body end with them: a handler may take longer.
func TestADeadlineEndsWithTheBody(t *testing.T) {
	t.Parallel()
	times := unhurried()
	times.Header, times.Body = 50*time.Millisecond, 50*time.Millisecond
	server := open(t, times, listen.Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
			w.WriteHeader(http.StatusGatewayTimeout)
		case <-time.After(200 * time.Millisecond):
		}
	})})
	p := dial(t, server)
	for range 2 { // the second on the same connection
		p.send("POST / HTTP/1.1", "Host: h", "Content-Length: 2", "", "xy")
		p.expect(http.StatusOK)
	}
}

func TestAReaderThatReadsNothingIsCut(t *testing.T) {
	t.Parallel()
	times := unhurried()
	times.Write = 10 * time.Millisecond
	cut := make(chan error, 1)
	server := open(t, times, listen.Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 1<<20)
		for {
			if _, err := w.Write(piece); err != nil {
				cut <- err
				return
			}
		}
	})})
	dial(t, server).get()
	select {
	case err := <-cut:
		if late, ok := errors.AsType[net.Error](err); !ok || !late.Timeout() {
			t.Errorf("the writes ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("a client that reads nothing holds its handler")
	}
}

// A whole answer may take longer than the deadline of one write.
func TestALongStreamIsNotCut(t *testing.T) {
	t.Parallel()
	times := unhurried()
	times.Write = 500 * time.Millisecond
	const pieces = 8
	server := open(t, times, listen.Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range pieces {
			<-time.After(100 * time.Millisecond)
			_, _ = io.WriteString(w, "piece\n")
			_ = http.NewResponseController(w).Flush()
		}
	})})
	p := dial(t, server)
	p.get()
	p.expect(http.StatusOK)
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]listen.Options{
		"in all":      {Connections: 2},
		"per address": {PerAddress: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			begun, release := make(chan struct{}), make(chan struct{})
			limits.Logger = slog.New(slog.NewTextHandler(&log, nil))
			limits.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { begun <- struct{}{}; <-release })
			server := open(t, unhurried(), limits)
			first, second := dial(t, server), dial(t, server)
			first.get()
			<-begun
			second.get()
			<-begun
			third := dial(t, server)
			if answer := third.expect(http.StatusServiceUnavailable); answer.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			third.expectClosed()
			close(release)
			first.expect(http.StatusOK)
			second.expect(http.StatusOK)
			expectStats(t, server, listen.Stats{Open: 2, Opened: 2, Refused: 1})
			stop(t, server, patience)
			if said := log.String(); strings.Count(said, "connections refused") != 1 || !strings.Contains(said, fmt.Sprintf("limit=%q", name)) {
				t.Errorf("it logged %s", said)
			}
		})
	}
}

func expectStats(t *testing.T, server *listen.Server, want listen.Stats) {
	t.Helper()
	if got := server.Stats(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Connections without a request keep nobody out: the one that waits longest
// makes room.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]listen.Options{
		"in all":      {Connections: 3},
		"per address": {PerAddress: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits.Handler = refusing()
			server := open(t, unhurried(), limits)
			allWait := func() {
				t.Helper()
				testkit.Eventually(t, "all to wait", func() bool { return server.Waiting() == 3 })
			}
			// answered returns when all three wait: an answer comes a little earlier.
			answered := func(p *peer) {
				t.Helper()
				p.expect(http.StatusUnauthorized)
				allWait()
			}
			idle, silent, refused := dial(t, server), dial(t, server), dial(t, server)
			allWait()
			idle.get() // It waits anew from here.
			answered(idle)
			refused.post() // Nobody waits for its body.
			answered(refused)
			for _, evicted := range []*peer{silent, idle, refused} {
				one := dial(t, server)
				evicted.expectClosed()
				one.get()
				answered(one)
			}
			expectStats(t, server, listen.Stats{Open: 3, Opened: 6, Evicted: 3})
		})
	}
}

func TestStopWaitsForRequestsThatHaveArrived(t *testing.T) {
	t.Parallel()
	times := unhurried()
	times.Grace = 10 * time.Millisecond
	begun, release := make(chan struct{}), make(chan struct{})
	server := open(t, times, listen.Options{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			<-release
		}
	})})
	whole, slow, silent, half := dial(t, server), dial(t, server), dial(t, server), dial(t, server)
	whole.send("POST / HTTP/1.1", "Host: h", "Content-Length: 2", "", "xy")
	<-begun
	slow.post()
	<-begun
	half.send("GET / HT")
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop(t, server, time.Hour)
	}()
	slow.expectClosed()
	silent.expectClosed()
	half.expectClosed()
	select {
	case <-stopped:
		t.Error("it did not wait for a request that had arrived")
	default:
	}
	close(release)
	whole.expect(http.StatusOK)
	<-stopped
}

func TestAPatienceThatEndsCutsRequests(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan struct{}), make(chan struct{})
	server := open(t, unhurried(), listen.Options{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(ended)
	})})
	p := dial(t, server)
	p.get()
	<-begun
	stop(t, server, 10*time.Millisecond)
	p.expectClosed()
	<-ended
}

func TestNoServerIsNone(t *testing.T) {
	t.Parallel()
	var none *listen.Server
	none.TurnAway()
	if none.Address() != nil || none.Failed() != nil || none.Stop(t.Context(), 0) != nil {
		t.Error("no server is something")
	}
}

func TestAnAddressInUseIsNamed(t *testing.T) {
	t.Parallel()
	server := open(t, unhurried(), listen.Options{Handler: refusing()})
	_, err := listen.Open(t.Context(), listen.Options{
		Address: server.Address().String(), Handler: refusing(), Logger: slog.New(slog.DiscardHandler),
	})
	if err == nil || !strings.Contains(err.Error(), server.Address().String()) {
		t.Errorf("got %v", err)
	}
}

func TestShareLeavesDescriptors(t *testing.T) {
	t.Parallel()
	limit := listen.Descriptors()
	if limit == 0 {
		t.Fatal("the limit of descriptors is not known")
	}
	if got := listen.Share(1); got != 1 {
		t.Errorf("got %d, want what was asked for", got)
	}
	if got := listen.Share(limit * 2); got != limit/2 {
		t.Errorf("got %d of %d, want half", got, limit)
	}
}
