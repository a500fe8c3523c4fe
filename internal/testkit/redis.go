package testkit

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

// IgnoreRedisDials is for the tests of packages that stop a Redis: the client
// looks for one that is away once a second, also for a second after it was
// closed.
func IgnoreRedisDials() goleak.Option {
	return goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial")
}

// Redis is a redis-server process on a loopback port. What it keeps on disk is
// gone when the test ends.
type Redis struct {
	Addr string

	t        testing.TB
	options  []string
	args     []string // all of them
	password string
	tls      *tls.Config // nil without TLS
	running  *os.Process
	ended    chan struct{} // closed when the process is gone
}

// StartRedis starts a Redis, with more command line options if there are any.
// It keeps nothing on disk unless they say so.
func StartRedis(t testing.TB, options ...string) *Redis {
	t.Helper()
	r := &Redis{t: t, options: options}
	r.start(func(port string) []string { return []string{"--port", port} })
	return r
}

// start finds a port that is free and launches the server there. listen are the
// arguments that make it listen, and come first.
func (r *Redis) start(listen func(port string) []string) {
	r.t.Helper()
	r.t.Cleanup(r.Stop)
	common := []string{
		"--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", r.t.TempDir(), "--loglevel", "warning",
	}
	for range 10 {
		port := freePort(r.t)
		r.Addr = net.JoinHostPort("127.0.0.1", port)
		r.args = slices.Concat(listen(port), common, r.options)
		if r.launch() {
			return
		}
	}
	r.t.Fatal("redis-server does not start; is it installed?")
}

// Start starts the server again on the same port, with what it kept on disk.
func (r *Redis) Start() {
	r.t.Helper()
	if !r.launch() {
		r.t.Fatalf("redis-server does not start again on %s", r.Addr)
	}
}

// Stop kills the server, if it runs, and waits for its end.
func (r *Redis) Stop() {
	if r.running == nil {
		return
	}
	_ = r.running.Kill()
	<-r.ended
	r.running = nil
}

// URL is what Waybill's setting for the queue takes.
func (r *Redis) URL() string { return "redis://" + r.Addr + "/0" }

// Client is a client of its own, to look at what is in the server and to
// change it.
func (r *Redis) Client() *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: r.Addr, Password: r.password, TLSConfig: r.tls})
	r.t.Cleanup(func() { _ = client.Close() })
	return client
}

// Wipe empties the server.
func (r *Redis) Wipe() {
	r.t.Helper()
	if err := r.Client().FlushAll(r.t.Context()).Err(); err != nil {
		r.t.Fatal(err)
	}
}

// launch starts the process and waits until it answers.
func (r *Redis) launch() bool {
	// Stop is the end of the process, not the test's context.
	//nolint:gosec // Tests write the options.
	command := exec.CommandContext(context.Background(), "redis-server", r.args...)
	if err := command.Start(); err != nil {
		r.t.Fatalf("start redis-server: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // It says only that it was killed.
	}()
	r.running, r.ended = command.Process, ended
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !r.answers() {
		select {
		case <-ticker.C:
		case <-ended:
			return false
		case <-deadline:
			r.Stop()
			return false
		}
	}
	return true
}

// answers reports whether our process answers on the port, and not another that
// was faster to take it. One whose password is not known here is believed.
func (r *Redis) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := r.dial(ctx)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	asked := "INFO server\r\n"
	if r.password != "" {
		asked = "AUTH " + r.password + "\r\n" + asked
	}
	if _, err := io.WriteString(conn, asked); err != nil {
		return false
	}
	ours := "process_id:" + strconv.Itoa(r.running.Pid)
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if line := lines.Text(); line == ours || strings.HasPrefix(line, "-NOAUTH") {
			return true
		}
	}
	return false
}

func (r *Redis) dial(ctx context.Context) (net.Conn, error) {
	if r.tls != nil {
		return (&tls.Dialer{Config: r.tls}).DialContext(ctx, "tcp", r.Addr) //nolint:wrapcheck // it is only asked whether
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", r.Addr) //nolint:wrapcheck // it is only asked whether
}

// busOffset is how far above its port a node of a Cluster has its second one.
const busOffset = 10_000

// freePort is one below the range from which the system takes ports for
// connections, so that it stays free while the server is stopped, and so is
// the second port of a Cluster's node.
func freePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := 20_000 + rand.IntN(2_700) //nolint:gosec // any port will do
		if free(t.Context(), loopback(port)) && free(t.Context(), loopback(port+busOffset)) {
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no port is free")
	return ""
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func free(ctx context.Context, addr string) bool {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
