package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
)

// server is a running `waybill serve`, `waybill api` or `waybill worker`.
type server struct {
	t       *testing.T
	command *exec.Cmd
	log     *journal
	ready   chan struct{} // closed when it is ready
	done    chan struct{} // closed when the process has ended
	url     string        // of the API; empty for a worker
	health  string        // of the health checks; empty without
	key     string        // the admin key
	*client.Client
}

// journal collects what a process prints.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// start runs `waybill serve` on a free port with the data directory and waits
// until it listens. The test ends with the process gone.
func start(t *testing.T, dataDir string, args ...string) *server {
	t.Helper()
	return startWith(t, dataDir, nil, args...)
}

// startWith is start with more variables in the environment.
func startWith(t *testing.T, dataDir string, variables []string, args ...string) *server {
	t.Helper()
	return startBy(t, dataDir, func(command *exec.Cmd) { command.Env = append(command.Env, variables...) }, args...)
}

// startBy is start of a command that is changed before.
func startBy(t *testing.T, dataDir string, change func(*exec.Cmd), args ...string) *server {
	t.Helper()
	args = append([]string{"--data-dir", dataDir}, args...)
	s := launchBy(t, "serve", change, args...)
	s.awaitReady()
	key, err := os.ReadFile(filepath.Join(dataDir, "admin.key"))
	if err != nil {
		t.Fatal(err)
	}
	s.connect(strings.TrimSpace(string(key)))
	return s
}

// launch runs a role on free ports. The test ends with the process gone.
func launch(t *testing.T, role string, variables []string, args ...string) *server {
	t.Helper()
	return launchBy(t, role, func(command *exec.Cmd) { command.Env = append(command.Env, variables...) }, args...)
}

// launchBy is launch of a command that is changed before.
func launchBy(t *testing.T, role string, change func(*exec.Cmd), args ...string) *server {
	t.Helper()
	args = append([]string{role, "--listen", "127.0.0.1:0", "--egress-allow", "127.0.0.0/8"}, args...)
	command := exec.Command(binary(), args...)
	command.Env = environment()
	s := &server{t: t, command: command, log: &journal{}, ready: make(chan struct{}), done: make(chan struct{})}
	command.Stderr = s.log
	change(command)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go s.follow(out)
	t.Cleanup(s.kill)
	return s
}

// follow reads what the process prints, until its end.
func (s *server) follow(out io.Reader) {
	defer close(s.done)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), "health checks: "); ok {
			s.health = url
		}
		if _, url, ok := strings.Cut(lines.Text(), "listens on "); ok {
			s.url = url
			close(s.ready)
		}
		if lines.Text() == "waybill is ready" {
			close(s.ready)
		}
	}
	_, _ = io.Copy(io.Discard, out)
	_ = s.command.Wait()
}

// awaitReady waits until the process is ready.
func (s *server) awaitReady() {
	s.t.Helper()
	select {
	case <-s.ready:
	case <-s.done:
		s.t.Fatalf("waybill ended before it was ready:\n%s", s.log)
	case <-time.After(time.Minute):
		s.t.Fatalf("waybill does not get ready:\n%s", s.log)
	}
}

// connect makes the server's client.
func (s *server) connect(key string) {
	s.t.Helper()
	s.key = key
	var err error
	if s.Client, err = client.New(s.url, key); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.Close)
}

// environment is this process's, without settings of Waybill and telemetry.
func environment() []string {
	var kept []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "WAYBILL_") && !strings.HasPrefix(entry, "OTEL_") {
			kept = append(kept, entry)
		}
	}
	return kept
}

// kill ends the process as a power cut would.
func (s *server) kill() {
	_ = s.command.Process.Kill()
	<-s.done
}

// stop asks the process to drain and returns its exit code.
func (s *server) stop() int {
	s.t.Helper()
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Fatal(err)
	}
	select {
	case <-s.done:
	case <-time.After(60 * time.Second):
		s.t.Fatalf("waybill does not stop:\n%s", s.log)
	}
	return s.command.ProcessState.ExitCode()
}

// refuses runs the program, which must end by itself, and returns its exit code
// and what it said.
func refuses(t *testing.T, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // one that does not refuse runs on
	defer cancel()
	command := exec.CommandContext(ctx, binary(), args...)
	command.Env = environment()
	out, err := command.CombinedOutput()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(out)
}
