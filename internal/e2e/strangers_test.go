package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// strangers are connections of clients without a key.
type strangers []net.Conn

// post opens connections on which a body is announced and never sent whole.
func post(t *testing.T, url, path string, count int) strangers {
	t.Helper()
	address := strings.TrimPrefix(url, "http://")
	var opened strangers
	for range count {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		opened = append(opened, conn)
		_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: waybill\r\nContent-Length: 1000\r\n\r\nx", path)
	}
	return opened
}

// expectClosed expects each connection to be answered, with a refusal, and
// closed: nobody waits for the body.
func (all strangers) expectClosed(t *testing.T) {
	t.Helper()
	for i, conn := range all {
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		reader := bufio.NewReader(conn)
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("connection %d has no answer: %v", i, err)
		}
		if answer.StatusCode < http.StatusBadRequest || !answer.Close {
			t.Fatalf("connection %d: got %s, close %t", i, answer.Status, answer.Close)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if _, err := reader.ReadByte(); err == nil || isTimeout(err) {
			t.Fatalf("connection %d stays open: %v", i, err)
		}
	}
}

func isTimeout(err error) bool {
	failed, ok := errors.AsType[net.Error](err)
	return ok && failed.Timeout()
}

// limited makes a command start with few descriptors.
func limited(descriptors int) func(*exec.Cmd) {
	return func(command *exec.Cmd) {
		script := fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, descriptors)
		command.Args = append([]string{"sh", "-c", script}, append([]string{binary()}, command.Args[1:]...)...)
		command.Path, command.Err = exec.LookPath("sh")
	}
}

func TestClientsWithoutAKeyHoldNothing(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, "bitlabs")
	s := startBy(t, t.TempDir(), limited(300), "--health-listen", "127.0.0.1:0", "--drain-timeout", "2m")
	register(t, s, r)

	// More of them than the process has descriptors.
	for _, path := range []string{"/v1/events", "/v1/endpoints", "/healthz", "/nowhere"} {
		post(t, s.url, path, 125).expectClosed(t)
	}
	post(t, s.health, "/healthz", 100).expectClosed(t)

	// All at once, and left open.
	post(t, s.url, "/v1/events", 500)
	dial(t, s.url, 100)
	p := &producer{}
	p.server.Store(s)
	p.produce(t.Context(), t, 50)
	r.waitFor(t, 50, time.Minute)

	dial(t, s.url, 20)
	began := time.Now()
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, s.log)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the stop took %s: it waited for clients that send nothing", took)
	}
}

// dial opens connections that send half a header.
func dial(t *testing.T, url string, count int) {
	t.Helper()
	for range count {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost")
	}
}
