package testkit

import (
	"bufio"
	"context"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a redis-server process on a loopback port. It keeps nothing on disk.
type Redis struct {
	Addr string

	t       testing.TB
	options []string
	running *exec.Cmd
}

// StartRedis starts a Redis, with more command line options if there are any.
func StartRedis(t testing.TB, options ...string) *Redis {
	t.Helper()
	r := &Redis{t: t, options: options}
	t.Cleanup(r.Stop)
	for range 10 {
		// Below the range from which the system takes ports for connections:
		// the port stays free while the server is stopped.
		port := strconv.Itoa(20_000 + rand.IntN(10_000)) //nolint:gosec // any port will do
		r.Addr = net.JoinHostPort("127.0.0.1", port)
		if free(t.Context(), r.Addr) && r.launch(port) {
			return r
		}
	}
	t.Fatal("redis-server does not start; is it installed?")
	return nil
}

// Start starts the server again, empty, on the same port.
func (r *Redis) Start() {
	r.t.Helper()
	_, port, err := net.SplitHostPort(r.Addr)
	if err != nil {
		r.t.Fatal(err)
	}
	if !r.launch(port) {
		r.t.Fatalf("redis-server does not start again on %s", r.Addr)
	}
}

// Stop kills the server, if it runs, and waits for its end.
func (r *Redis) Stop() {
	if r.running == nil {
		return
	}
	_ = r.running.Process.Kill()
	_ = r.running.Wait() // It says only that it was killed.
	r.running = nil
}

// URL is what Waybill's setting for the queue takes.
func (r *Redis) URL() string { return "redis://" + r.Addr + "/0" }

// Client is a client of its own, to look at what is in the server and to
// change it.
func (r *Redis) Client() *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: r.Addr})
	r.t.Cleanup(func() { _ = client.Close() })
	return client
}

func (r *Redis) launch(port string) bool {
	options := append([]string{
		"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
		"--dir", r.t.TempDir(), "--loglevel", "warning",
	}, r.options...)
	// Stop is the end of the process, not the test's context.
	//nolint:gosec // Tests write the options.
	command := exec.CommandContext(context.Background(), "redis-server", options...)
	if err := command.Start(); err != nil {
		r.t.Fatalf("start redis-server: %v", err)
	}
	r.running = command
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !answers(r.Addr) {
		select {
		case <-ticker.C:
		case <-deadline:
			r.Stop()
			return false
		}
	}
	return true
}

// answers reports whether a Redis answers there: with PONG, or that it wants a
// password.
func answers(addr string) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && (answer == "+PONG\r\n" || answer[0] == '-')
}

func free(ctx context.Context, addr string) bool {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
