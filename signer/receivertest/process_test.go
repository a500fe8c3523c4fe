package receivertest_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is longer than a program takes to start on a busy machine.
const patience = 30 * time.Second

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

// String is the end of it.
func (j *journal) String() string {
	const shown = 4 << 10
	j.mu.Lock()
	defer j.mu.Unlock()
	text := j.text.Bytes()
	return string(text[max(0, len(text)-shown):])
}

// process is a program that listens, with its children.
type process struct {
	command *exec.Cmd
	log     *journal
	done    chan struct{} // closed when it has ended
}

func launch(t *testing.T, command *exec.Cmd) *process {
	t.Helper()
	p := &process{command: command, log: &journal{}, done: make(chan struct{})}
	if command.Stdout == nil {
		command.Stdout = p.log
	}
	command.Stderr = p.log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that its children end with it
	if err := command.Start(); err != nil {
		t.Fatalf("start %s (.ci/install installs what is missing): %v", command.Path, err)
	}
	go func() {
		defer close(p.done)
		_ = command.Wait()
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		<-p.done
	})
	return p
}

// freePort finds a port for a receiver, below the range from which the system
// takes ports for connections.
func freePort(t *testing.T, host string) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20_000 + rand.IntN(10_000))
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(host, port))
		if err == nil && listener.Close() == nil {
			return port
		}
	}
	t.Fatal("there is no free port")
	return ""
}

// startReceiver runs a receiver that publishers' senders find at the host, and
// returns the address at which it listens.
func startReceiver(t *testing.T, r receiver, host, secret string) string {
	t.Helper()
	at := "127.0.0.1"
	if r.ownAddress {
		at = host
	}
	dir := t.TempDir()
	for _, file := range r.files {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, filepath.Base(file)), string(text))
	}
	if r.page != "" {
		recipe, err := codeBlock(r.page, r.language)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "recipe."+r.language), recipe)
	}
	port := freePort(t, at)
	fill := strings.NewReplacer("$HOST", at, "$PORT", port)
	var arguments []string
	for _, argument := range r.command {
		arguments = append(arguments, fill.Replace(argument))
	}
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Dir = dir
	modules, err := filepath.Abs("testdata/npm/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	command.Env = append(os.Environ(), append(r.env,
		"HOST="+at, "PORT="+port, "POSTBACK_SECRET="+secret, "POSTBACK_ORIGIN=http://"+host,
		"NODE_PATH="+modules, "PHP_CLI_SERVER_WORKERS=2")...)
	address := net.JoinHostPort(at, port)
	awaitListener(t, r.name, launch(t, command), address)
	return address
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func awaitListener(t *testing.T, name string, p *process, address string) {
	t.Helper()
	eventually(t, patience, 10*time.Millisecond, fmt.Sprintf("%s listens on %s", name, address), func() bool {
		select {
		case <-p.done:
			t.Fatalf("%s ended:\n%s", name, p.log)
		default:
		}
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

// eventually waits until the condition holds.
func eventually(t *testing.T, patience, glance time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
