package egress_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/waybillhq/waybill/internal/egress"
)

func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		reset  bool
		code   string
	}{
		"reset before the status":  {"", true, egress.CodeReset},
		"closed before the status": {"", false, egress.CodeClosed},
		"closed in the status":     {"HTTP/1.1 20", false, egress.CodeInvalidResponse},
		"closed in a header":       {"HTTP/1.1 200 OK\r\nContent-Le", false, egress.CodeInvalidResponse},
		"closed between headers":   {"HTTP/1.1 200 OK\r\nX-A: a\r\n", false, egress.CodeClosed},
		"not HTTP":                 {"SSH-2.0-Server\r\n\r\n", false, egress.CodeInvalidResponse},
		"bad length":               {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", false, egress.CodeInvalidResponse},
		"headers over 64 KiB": {
			"HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 65<<10) + "\r\n\r\n", false, egress.CodeInvalidResponse,
		},
		"many headers": {
			"HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: a\r\n", 9000) + "\r\n", false, egress.CodeInvalidResponse,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := listen(t, answerOnce(t, test.answer, test.reset))
			result := get(t, newClient(t, local()), "http://"+addr+"/?user=1")
			expectFailure(t, result, egress.Failed, test.code)
			if !result.Sent || !result.SourceIP.IsLoopback() || strings.Contains(result.Failure.Message, "user") {
				t.Errorf("%+v", result)
			}
		})
	}
}

func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	for name, reset := range map[string]bool{"closed": false, "reset": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := listen(t, answerOnce(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", reset))
			result := get(t, newClient(t, local()), "http://"+addr+"/")
			expectStatus(t, result, http.StatusOK)
			// A reset may discard what was on its way.
			if !result.Truncated || !reset && string(result.Body) != "half" {
				t.Errorf("truncated %t, body %q", result.Truncated, result.Body)
			}
		})
	}
}

// The connection of a switched protocol would be the caller's, without a deadline.
func TestSwitchedProtocolEnds(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(accepted *net.TCPConn) {
		_, _ = readHead(bufio.NewReader(accepted))
		fmt.Fprint(accepted, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_, _ = io.Copy(io.Discard, accepted)
	})
	result := get(t, newClient(t, local()), "http://"+addr+"/")
	expectStatus(t, result, http.StatusSwitchingProtocols)
	if len(result.Body) > 0 || result.Duration > patient/2 {
		t.Errorf("%d bytes after %s", len(result.Body), result.Duration)
	}
}

// Answers that are none yet may come without end; they are no progress.
func TestInterimAnswersWithoutEnd(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"100 Continue", "102 Processing", "103 Early Hints"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			addr := listen(t, func(accepted *net.TCPConn) {
				_, _ = readHead(bufio.NewReader(accepted))
				for {
					if _, err := fmt.Fprintf(accepted, "HTTP/1.1 %s\r\nX-A: %s\r\n\r\n", status, strings.Repeat("a", 1000)); err != nil {
						return
					}
				}
			})
			result := get(t, newClient(t, local()), "http://"+addr+"/")
			expectFailure(t, result, egress.Failed, egress.CodeInvalidResponse)
		})
	}
}

// answerOnce reads a request, answers and hangs up.
func answerOnce(t *testing.T, text string, reset bool) func(*net.TCPConn) {
	return func(accepted *net.TCPConn) {
		if _, err := readHead(bufio.NewReader(accepted)); err != nil {
			return
		}
		if reset {
			if err := accepted.SetLinger(0); err != nil {
				t.Error(err)
			}
		}
		fmt.Fprint(accepted, text)
	}
}

func TestConnectFailures(t *testing.T) {
	t.Parallel()
	options := local()
	options.Resolver = names{"empty.example.com": nil}
	client := newClient(t, options)
	for target, code := range map[string]string{
		"http://" + closedPort(t) + "/":  egress.CodeConnectRefused,
		"https://" + closedPort(t) + "/": egress.CodeConnectRefused,
		"http://missing.example.com/":    egress.CodeDNS,
		"http://empty.example.com/":      egress.CodeDNS,
	} {
		result := get(t, client, target)
		expectFailure(t, result, egress.Failed, code)
		if result.Sent || result.SourceIP.IsValid() {
			t.Errorf("%s: %+v", target, result)
		}
	}
}

func TestSecondAddressIsTried(t *testing.T) {
	t.Parallel()
	server := receiver(t, ok)
	options := local()
	options.Resolver = names{"receiver.example.com": addrs("127.0.0.9", "::1", "127.0.0.1")}
	expectStatus(t, get(t, newClient(t, options), named(t, server.URL)), http.StatusOK)
}

func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	addr := listen(t, func(accepted *net.TCPConn) {
		_, _ = readHead(bufio.NewReader(accepted))
		cancel()
		_, _ = io.Copy(io.Discard, accepted)
	})
	result := newClient(t, local()).Send(ctx, egress.Request{Method: http.MethodGet, URL: "http://" + addr + "/"}, patient)
	expectFailure(t, result, egress.Infrastructure, egress.CodeCanceled)
	if !result.Sent {
		t.Error("the request was sent")
	}
}

func TestResolverWithoutDescriptors(t *testing.T) {
	t.Parallel()
	options := local()
	options.Resolver = lookup(func(context.Context) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "socket: " + syscall.EMFILE.Error()}
	})
	expectFailure(t, get(t, newClient(t, options), "http://receiver.example.com/"),
		egress.Infrastructure, egress.CodeExhausted)
}
