package testkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cluster is a PostgreSQL data directory and the server that runs over it.
type cluster struct {
	databases databases
	addr      string
	port      string
	directory string // the data, the settings and the server's log
	binaries  string // the directory of initdb and postgres
	as        *syscall.Credential
	settings  []string

	running *exec.Cmd
	ended   chan struct{} // closed when running has ended
}

// logins lets the superuser in without a password and nobody else.
const logins = "host all postgres 127.0.0.1/32 trust\nhost replication postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"

func newCluster(settings []string) (*cluster, error) {
	c := &cluster{settings: settings}
	var err error
	if c.binaries, err = findPostgres(); err != nil {
		return nil, err
	}
	if c.as, err = unprivileged(); err != nil {
		return nil, err
	}
	// A test's own directory is closed to the user that the server runs as.
	if c.directory, err = os.MkdirTemp("", "waybill-postgres-"); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	if err := c.initialize(); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	if err := c.startSomewhere(); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

// findPostgres is the directory of the server's programs: Debian keeps them off
// the path.
func findPostgres() (string, error) {
	if found, err := exec.LookPath("initdb"); err == nil {
		if resolved, err := filepath.EvalSymlinks(found); err == nil {
			found = resolved // The other programs are beside it.
		}
		return filepath.Dir(found), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("there is no initdb on the path or under /usr/lib/postgresql; is postgresql installed?")
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return majorOf(a) - majorOf(b) })), nil
}

func majorOf(initdb string) int {
	major, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	if err != nil {
		return 0
	}
	return major
}

// unprivileged is whom the server runs as when the tests run as root, which
// PostgreSQL refuses; nil is the same user.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nobody else is what exec takes too
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("find the user that PostgreSQL runs as: %w", err)
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read user id: %w", err)
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read group id: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// initialize makes the data directory. The default collation is a natural
// language's, as in most databases in production.
func (c *cluster) initialize() error {
	if c.as != nil {
		if err := os.Chown(c.directory, int(c.as.Uid), int(c.as.Gid)); err != nil {
			return fmt.Errorf("give data directory away: %w", err)
		}
	}
	initdb := c.command("initdb", "--pgdata", c.data(), "--username=postgres", "--auth=trust", "--no-sync",
		"--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US")
	if output, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("run initdb: %w: %s", err, output)
	}
	if err := os.WriteFile(filepath.Join(c.data(), "pg_hba.conf"), []byte(logins), 0o600); err != nil {
		return fmt.Errorf("write logins: %w", err)
	}
	return nil
}

func (c *cluster) data() string { return filepath.Join(c.directory, "data") }

func (c *cluster) log() string { return filepath.Join(c.directory, "log") }

func (c *cluster) command(program string, args ...string) *exec.Cmd {
	// The server ends when it is stopped, not with a test's context.
	//nolint:gosec // Tests write the arguments.
	command := exec.CommandContext(context.Background(), filepath.Join(c.binaries, program), args...)
	command.Dir = c.directory
	command.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	command.SysProcAttr = attributes(c.as)
	return command
}

// startSomewhere starts the server on a port that nobody uses.
func (c *cluster) startSomewhere() error {
	var err error
	for range 10 {
		// Below the range from which the system takes ports for connections:
		// the port stays free while the server is stopped.
		c.port = strconv.Itoa(10_000 + rand.IntN(10_000)) //nolint:gosec // any port will do
		c.addr = net.JoinHostPort("127.0.0.1", c.port)
		if !free(context.Background(), c.addr) {
			continue
		}
		if err = c.launch(); err == nil {
			return nil
		}
	}
	return err
}

// start launches the server; the kernel may need a moment to take away what a
// killed one left.
func (c *cluster) start() error {
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	deadline := time.After(patience)
	for {
		err := c.launch()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-deadline:
			return err
		}
	}
}

func (c *cluster) launch() error {
	args := []string{
		"-D", c.data(), "-p", c.port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200",
	}
	for _, setting := range c.settings {
		args = append(args, "-c", setting)
	}
	output, err := os.OpenFile(c.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open server log: %w", err)
	}
	defer func() { _ = output.Close() }() // The server has its own.
	server := c.command("postgres", args...)
	server.Stdout, server.Stderr = output, output
	if err := server.Start(); err != nil {
		return fmt.Errorf("run postgres: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Wait() // It says only how it was ended.
	}()
	c.running, c.ended = server, ended
	if !c.answered(ended) {
		return errors.Join(fmt.Errorf("the server does not answer; its log says: %s", c.lastWords()), c.kill())
	}
	return nil
}

func (c *cluster) lastWords() []byte {
	text, err := os.ReadFile(c.log())
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(text[max(0, len(text)-2000):])
}

// stop shuts the server down, fast.
func (c *cluster) stop() error { return c.end(syscall.SIGINT) }

// kill ends every process of the server.
func (c *cluster) kill() error { return c.end(syscall.SIGKILL) }

// end signals the server and waits for its end. What is killed cannot end its
// own processes: they are killed too, as the server itself would have done.
func (c *cluster) end(signal syscall.Signal) error {
	if c.running == nil {
		return nil
	}
	children := childrenOf(c.running.Process.Pid)
	_ = c.running.Process.Signal(signal) // It may have ended by itself.
	if signal == syscall.SIGKILL {
		for _, child := range children {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
	}
	select {
	case <-c.ended:
	case <-time.After(patience):
		if signal == syscall.SIGKILL {
			return errors.New("postgres does not end when it is killed")
		}
		return errors.Join(errors.New("postgres does not shut down"), c.kill())
	}
	c.running = nil
	return nil
}

// pause stops every process of the server where it is, and returns what lets
// them go on. The first one goes first: it makes no more of them then.
func (c *cluster) pause() (resume func()) {
	pids := []int{c.running.Process.Pid}
	_ = syscall.Kill(pids[0], syscall.SIGSTOP)
	pids = append(pids, childrenOf(pids[0])...)
	for _, pid := range pids[1:] {
		_ = syscall.Kill(pid, syscall.SIGSTOP) // It may have ended.
	}
	return func() {
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	}
}

// childrenOf are the processes that a process started.
func childrenOf(pid int) []int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil // They end by themselves when they see that the server is gone.
	}
	var children []int
	for field := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// remove ends the server and removes its data.
func (c *cluster) remove() error {
	// There is nothing to save: the data go too.
	if err := c.kill(); err != nil {
		return err
	}
	// Processes that are just ending may still write.
	var err error
	for range 100 {
		if err = os.RemoveAll(c.directory); err == nil {
			return nil
		}
	}
	return fmt.Errorf("remove data directory: %w", err)
}
