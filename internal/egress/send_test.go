package egress_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
)

func TestStatusesAreResults(t *testing.T) {
	t.Parallel()
	server := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(r.URL.Query().Get("status"))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
	})
	client := newClient(t, local())
	for _, status := range []int{200, 201, 202, 204, 206, 400, 404, 410, 429, 500, 503, 599} {
		result := get(t, client, fmt.Sprintf("%s/?status=%d", server.URL, status))
		expectStatus(t, result, status)
		if result.Header.Get("Retry-After") != "7" || result.Truncated || !result.Sent || result.Duration <= 0 {
			t.Errorf("%d: %+v", status, result)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	target := listen(t, func(*net.TCPConn) { t.Error("the target of a redirect was reached") })
	server := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Query().Get("to"))
		status, _ := strconv.Atoi(r.URL.Query().Get("status"))
		w.WriteHeader(status)
	})
	client := newClient(t, local())
	for _, status := range []int{301, 302, 303, 304, 307, 308} {
		for _, to := range []string{"http://" + target + "/", "http://169.254.169.254/latest/"} {
			result := get(t, client, fmt.Sprintf("%s/?status=%d&to=%s", server.URL, status, to))
			expectStatus(t, result, status)
			if result.Header.Get("Location") != to {
				t.Errorf("%d: %v", status, result.Header)
			}
		}
	}
}

// The request line, Host and body on the wire are what was signed.
func TestBytesOnTheWire(t *testing.T) {
	t.Parallel()
	heads, bodies := make(chan string, 1), make(chan string, 1)
	addr := listen(t, func(accepted *net.TCPConn) {
		reader := bufio.NewReader(accepted)
		for {
			head, err := readHead(reader)
			if err != nil {
				return
			}
			heads <- head
			body := ""
			if _, after, found := strings.Cut(head, "Content-Length: "); found {
				length, _ := strconv.Atoi(after[:strings.Index(after, "\r")])
				raw := make([]byte, length)
				if _, err := io.ReadFull(reader, raw); err != nil {
					t.Error(err)
				}
				body = string(raw)
			}
			bodies <- body
			fmt.Fprint(accepted, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	options := local()
	options.UserAgent = "Waybill/1.2.3"
	client := newClient(t, options)
	_, port, _ := net.SplitHostPort(addr)
	host := "receiver.example.com:" + port
	for _, path := range []string{
		"/", "//", "/a//b/../c/./d", "/%7Euser/%2F%2f/a;b=c,d", "/?", "/?a=b&a=b&&=&c", "/p?x=a+b%20c~d*'()!:@/?[%25]\"<>{}|^`",
		"/p?verifier=" + strings.Repeat("a1", 4000),
	} {
		result := get(t, client, "http://"+host+path)
		expectStatus(t, result, http.StatusOK)
		want := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: Waybill/1.2.3\r\n\r\n"
		if head := <-heads; head != want {
			t.Errorf("got  %q\nwant %q", head, want)
		}
		if <-bodies != "" || string(result.Body) != "ok" {
			t.Errorf("body %q", result.Body)
		}
	}

	body := "{\"n\": 1.50,\n\"nul\": \"\x00\"}"
	result := client.Send(t.Context(), egress.Request{
		Method: http.MethodPost, URL: "http://" + host + "/hook", Body: []byte(body),
		Header: http.Header{"Content-Type": {"application/json"}, "user-agent": {"Custom"}, "x-nowpayments-sig": {"1f"}},
	}, patient)
	expectStatus(t, result, http.StatusOK)
	want := "POST /hook HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: Custom\r\nContent-Length: 23\r\n" +
		"Content-Type: application/json\r\nx-nowpayments-sig: 1f\r\n\r\n"
	if head, sent := <-heads, <-bodies; head != want || sent != body {
		t.Errorf("got %q and %q", head, sent)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	server := receiver(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Method", r.Method) })
	client := newClient(t, local())
	for method, sent := range map[string]bool{
		"GET": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true,
		"": false, "HEAD": false, "CONNECT": false, "TRACE": false, "get": false, "GET / HTTP/1.1\r\nX:": false,
	} {
		result := client.Send(t.Context(), egress.Request{Method: method, URL: server.URL + "/"}, patient)
		if !sent {
			expectFailure(t, result, egress.Refused, egress.CodeInvalidMethod)
			continue
		}
		expectStatus(t, result, http.StatusOK)
		if got := result.Header.Get("Method"); got != method {
			t.Errorf("%s arrived as %s", method, got)
		}
	}
}

func TestSlowHeadersEndAtTheDeadline(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(accepted *net.TCPConn) {
		_, _ = readHead(bufio.NewReader(accepted))
		fmt.Fprint(accepted, "HTTP/1.1 200 OK\r\n")
		tick(accepted, "X-A: a\r\n")
	})
	expectTimeout(t, newClient(t, local()), "http://"+addr+"/", egress.CodeTimeout, true)
}

func TestSilenceEndsAtTheDeadline(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(accepted *net.TCPConn) { _, _ = io.Copy(io.Discard, accepted) })
	expectTimeout(t, newClient(t, local()), "http://"+addr+"/", egress.CodeTimeout, true)
	expectTimeout(t, newClient(t, local()), "https://"+addr+"/", egress.CodeConnectTimeout, false)
}

func TestHangingLookupEndsAtTheDeadline(t *testing.T) {
	t.Parallel()
	options := local()
	options.Resolver = lookup(func(ctx context.Context) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	expectTimeout(t, newClient(t, options), "http://receiver.example.com/", egress.CodeConnectTimeout, false)
	options.ConnectTimeout = 50 * time.Millisecond
	expectFailure(t, get(t, newClient(t, options), "http://receiver.example.com/"), egress.Failed, egress.CodeDNS)
}

func expectTimeout(t *testing.T, client *egress.Client, rawURL, code string, sent bool) {
	t.Helper()
	result := client.Send(t.Context(), egress.Request{Method: http.MethodGet, URL: rawURL}, 150*time.Millisecond)
	expectFailure(t, result, egress.Failed, code)
	if result.Sent != sent || result.Duration < 150*time.Millisecond || result.Duration > 3*time.Second {
		t.Errorf("sent %t after %s", result.Sent, result.Duration)
	}
}

// tick writes again and again until the peer is gone.
func tick(w io.Writer, text string) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for range ticker.C {
		if _, err := fmt.Fprint(w, text); err != nil {
			return
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("a"), 16<<10))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newClient(t, local())
	for range 20 {
		result := get(t, client, server.URL+"/")
		expectStatus(t, result, http.StatusOK)
		if len(result.Body) != 16<<10 || result.Truncated {
			t.Fatalf("%d bytes, truncated %t", len(result.Body), result.Truncated)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
