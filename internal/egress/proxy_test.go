package egress_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
)

func through(t *testing.T, scheme, proxy string) egress.Options {
	t.Helper()
	options := local()
	u, err := url.Parse(scheme + "://" + proxy)
	if err != nil {
		t.Fatal(err)
	}
	options.Proxy = u
	return options
}

// splice joins two connections until one of them ends.
func splice(left, right net.Conn) {
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(left, right)
		left.Close()
	})
	_, _ = io.Copy(right, left)
	right.Close()
	both.Wait()
}

// httpProxy tunnels to what it is asked for, and tells.
func httpProxy(t *testing.T, asked chan<- string) string {
	return listen(t, func(accepted *net.TCPConn) {
		request, err := http.ReadRequest(bufio.NewReader(accepted))
		if err != nil {
			return
		}
		asked <- request.Method + " " + request.Host + " " + request.Header.Get("Proxy-Authorization")
		upstream, err := net.Dial("tcp", request.Host)
		if err != nil {
			fmt.Fprint(accepted, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
			return
		}
		fmt.Fprint(accepted, "HTTP/1.1 200 Connection established\r\n\r\n")
		splice(accepted, upstream)
	})
}

// socksProxy does the same in SOCKS 5, with the user name and password "u" and
// "p" if the client offers them.
func socksProxy(t *testing.T, asked chan<- string) string {
	return listen(t, func(accepted *net.TCPConn) {
		method := exactly(accepted, 3)[2]
		_, _ = accepted.Write([]byte{5, method})
		if method == 2 {
			verdict := byte(1)
			if string(exactly(accepted, 5)) == "\x01\x01u\x01p" {
				verdict = 0
			}
			_, _ = accepted.Write([]byte{1, verdict})
		}
		length := 4
		if exactly(accepted, 4)[3] == 4 {
			length = 16
		}
		addr, _ := netip.AddrFromSlice(exactly(accepted, length))
		port := exactly(accepted, 2)
		target := netip.AddrPortFrom(addr, uint16(port[0])<<8|uint16(port[1])).String()
		asked <- target
		upstream, err := net.Dial("tcp", target)
		if err != nil {
			_, _ = accepted.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
			return
		}
		// A name as the bound address: its length is in the answer.
		_, _ = accepted.Write([]byte{5, 0, 0, 3, 2, 'a', 'b', 0, 0})
		splice(accepted, upstream)
	})
}

// exactly returns zeros when the peer hangs up.
func exactly(r io.Reader, n int) []byte {
	read := make([]byte, n)
	_, _ = io.ReadFull(r, read)
	return read
}

func TestProxyGetsCheckedAddresses(t *testing.T) {
	t.Parallel()
	certificate := issue(t, time.Now().Add(time.Hour))
	plain := receiver(t, ok)
	encrypted := secure(t, tlsWith(certificate), ok)
	for _, server := range []string{plain.URL, encrypted.URL} {
		u, err := url.Parse(server)
		if err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			scheme string
			start  func(*testing.T, chan<- string) string
			user   string
			want   string
		}{
			"http":         {"http", httpProxy, "", "CONNECT " + u.Host + " "},
			"http, user":   {"http", httpProxy, "u:p@", "CONNECT " + u.Host + " Basic " + base64.StdEncoding.EncodeToString([]byte("u:p"))},
			"socks5":       {"socks5", socksProxy, "", u.Host},
			"socks5, user": {"socks5", socksProxy, "u:p@", u.Host},
		} {
			t.Run(u.Scheme+" by "+name, func(t *testing.T) {
				t.Parallel()
				asked := make(chan string, 1)
				options := trusting(through(t, test.scheme, test.user+test.start(t, asked)), certificate.Leaf)
				expectStatus(t, get(t, newClient(t, options), named(t, server)), http.StatusOK)
				if got := <-asked; got != test.want {
					t.Errorf("asked %q, want %q", got, test.want)
				}
			})
		}
	}
}

// The proxy has the addresses of both families, whatever the source address.
func TestProxyReachesTheOtherFamily(t *testing.T) {
	t.Parallel()
	server := receiverOn(t, "::1", ok)
	asked := make(chan string, 1)
	options := through(t, "socks5", socksProxy(t, asked))
	options.Addresses = addrs("127.0.0.2")
	target := server.Listener.Addr().String()
	result := get(t, newClient(t, options), server.URL+"/")
	expectStatus(t, result, http.StatusOK)
	if got := <-asked; got != target || result.SourceIP.String() != "127.0.0.2" {
		t.Errorf("asked %s, from %s", got, result.SourceIP)
	}
}

func TestPolicyHoldsBehindAProxy(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(*net.TCPConn) { t.Error("the proxy was asked") })
	for _, scheme := range []string{"http", "socks5"} {
		options := through(t, scheme, addr)
		options.Resolver = names{"receiver.example.com": addrs("8.8.8.8", "10.0.0.1")}
		client := newClient(t, options)
		for _, target := range []string{"http://receiver.example.com/", "https://169.254.169.254/", "http://[::ffff:1.1.1.1]/"} {
			expectFailure(t, get(t, client, target), egress.Refused, egress.CodeDenied)
		}
	}
}

func TestBrokenProxies(t *testing.T) {
	t.Parallel()
	say := func(text string) func(*net.TCPConn) {
		return func(accepted *net.TCPConn) {
			_, _ = accepted.Read(make([]byte, 1024))
			fmt.Fprint(accepted, text)
			_, _ = io.Copy(io.Discard, accepted)
		}
	}
	for name, test := range map[string]struct {
		scheme string
		handle func(*net.TCPConn)
	}{
		"http hangs up":           {"http", func(*net.TCPConn) {}},
		"http wants a password":   {"http", say("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")},
		"http forbids":            {"http", say("HTTP/1.1 403 Forbidden\r\n\r\n")},
		"http talks first":        {"http", say("HTTP/1.1 200 OK\r\n\r\nhello")},
		"http talks nonsense":     {"http", say("nonsense\r\n\r\n")},
		"socks5 hangs up":         {"socks5", func(*net.TCPConn) {}},
		"socks5 talks nonsense":   {"socks5", say("HTTP/1.1 400 Bad Request\r\n\r\n")},
		"socks5 wants a password": {"socks5", say("\x05\xff")},
		"socks5 fails":            {"socks5", say("\x05\x00\x05\x01\x00\x01\x00\x00\x00\x00\x00\x00")},
		"socks5 forbids":          {"socks5", say("\x05\x00\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00")},
		"socks5 odd address":      {"socks5", say("\x05\x00\x05\x00\x00\x09\x00\x00\x00\x00\x00\x00")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, through(t, test.scheme, listen(t, test.handle)))
			result := get(t, client, "http://127.0.0.1:1/")
			expectFailure(t, result, egress.Infrastructure, egress.CodeProxy)
			if result.Sent {
				t.Error("the request was sent")
			}
		})
	}
	for _, scheme := range []string{"http", "socks5"} {
		client := newClient(t, through(t, scheme, closedPort(t)))
		expectFailure(t, get(t, client, "http://127.0.0.1:1/"), egress.Infrastructure, egress.CodeProxy)
		client = newClient(t, through(t, scheme, "missing.example.com:1080"))
		expectFailure(t, get(t, client, "http://127.0.0.1:1/"), egress.Infrastructure, egress.CodeProxy)
	}
}

func TestReceiverIsDownBehindAProxy(t *testing.T) {
	t.Parallel()
	target := "http://" + closedPort(t) + "/"
	asked := make(chan string, 2)
	client := newClient(t, through(t, "http", httpProxy(t, asked)))
	expectFailure(t, get(t, client, target), egress.Failed, egress.CodeConnect)
	client = newClient(t, through(t, "socks5", socksProxy(t, asked)))
	expectFailure(t, get(t, client, target), egress.Failed, egress.CodeConnectRefused)
}

// A proxy that was told the receiver and is silent is waiting for it.
func TestReceiverIsSilentBehindAProxy(t *testing.T) {
	t.Parallel()
	options := through(t, "http", listen(t, func(accepted *net.TCPConn) { _, _ = io.Copy(io.Discard, accepted) }))
	options.ConnectTimeout = 100 * time.Millisecond
	expectFailure(t, get(t, newClient(t, options), "http://127.0.0.1:1/"), egress.Failed, egress.CodeConnectTimeout)
}

func TestProxyOption(t *testing.T) {
	t.Parallel()
	for _, proxy := range []*url.URL{
		{Scheme: "https", Host: "proxy.example.com"}, {Scheme: "http"}, {Host: "proxy.example.com"},
	} {
		if client, err := egress.New(egress.Options{Proxy: proxy}); err == nil {
			client.Close()
			t.Errorf("%s was accepted", proxy)
		}
	}
}

// Not parallel: the environment is the whole process's.
func TestEnvironmentIsIgnored(t *testing.T) {
	proxy := "http://" + listen(t, func(*net.TCPConn) { t.Error("the environment's proxy was used") })
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, proxy)
	}
	certificate := issue(t, time.Now().Add(time.Hour))
	client := newClient(t, trusting(local(), certificate.Leaf))
	for _, server := range []string{
		receiver(t, ok).URL, secure(t, tlsWith(certificate), ok).URL,
	} {
		expectStatus(t, get(t, client, named(t, server)), http.StatusOK)
	}
}
