package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// startTimeout and stopTimeout bound a child's start and its drain.
	startTimeout = 30 * time.Second
	stopTimeout  = 45 * time.Second
	// announcement stands before the address in the line that a server prints.
	announcement = "listens on "
	// shownLog is how much of the log of an engine that failed is shown, in bytes.
	shownLog = 2 << 10
)

// engine is what is measured: a child process, or a server that runs anyway.
type engine struct {
	url string
	key string
	pid int // 0 when it is unknown

	command *exec.Cmd     // nil for a server that runs anyway
	held    io.Closer     // the child's standard input
	dir     string        // its data
	log     *os.File      // what it says
	ended   chan struct{} // closed when the child is gone
}

// startEngine starts a child with a ledger of its own in dir, and waits until
// it listens.
func startEngine(ctx context.Context, options Options, dir string) (*engine, error) {
	e := &engine{dir: dir, ended: make(chan struct{})}
	var err error
	if e.log, err = os.OpenFile(filepath.Join(dir, "engine.log"), os.O_CREATE|os.O_RDWR|os.O_EXCL, 0o600); err != nil {
		return nil, fmt.Errorf("make log of engine: %w", err)
	}
	if err := e.start(ctx, options); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *engine) start(ctx context.Context, options Options) error {
	arguments := append(options.Program[1:len(options.Program):len(options.Program)],
		"--listen", "127.0.0.1:0", "--data-dir", e.dir, "--egress-allow", "127.0.0.0/8",
		"--max-connections-per-address", strconv.Itoa(MaxConcurrency))
	if options.Redis != "" {
		arguments = append(arguments, "--redis", options.Redis)
	}
	if options.Database != "" {
		arguments = append(arguments, "--database", options.Database)
	}
	arguments = append(arguments, options.Settings...)
	// close ends the child, in its own time.
	command := exec.CommandContext(context.WithoutCancel(ctx), options.Program[0], arguments...) //nolint:gosec // the caller's own program
	command.Env = plainEnvironment()
	command.Stderr = e.log
	out, err := command.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	if e.held, err = command.StdinPipe(); err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	e.command, e.pid = command, command.Process.Pid
	address := make(chan string, 1)
	go e.follow(out, address)
	return e.await(ctx, address)
}

// follow reads what the child prints, until its end.
func (e *engine) follow(out io.Reader, address chan<- string) {
	defer close(e.ended)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, found := strings.Cut(lines.Text(), announcement); found {
			select {
			case address <- url:
			default:
			}
		}
	}
	_ = e.command.Wait() // how it ended is in its log
}

func (e *engine) await(ctx context.Context, address <-chan string) error {
	late := time.NewTimer(startTimeout)
	defer late.Stop()
	select {
	case e.url = <-address:
	case <-e.ended:
		return fmt.Errorf("the engine ended before it listened: %s", e.lastWords())
	case <-late.C:
		return fmt.Errorf("the engine does not listen after %s: %s", startTimeout, e.lastWords())
	case <-ctx.Done():
		return ctx.Err()
	}
	key, err := os.ReadFile(filepath.Join(e.dir, "admin.key"))
	if err != nil {
		return fmt.Errorf("read admin key: %w", err)
	}
	e.key = strings.TrimSpace(string(key))
	return nil
}

// plainEnvironment is this process's without Waybill's settings and without
// telemetry: the settings of a run are all in its report.
func plainEnvironment() []string {
	var kept []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "WAYBILL_") && !strings.HasPrefix(pair, "OTEL_") {
			kept = append(kept, pair)
		}
	}
	return kept
}

// lastWords is the end of the child's log.
func (e *engine) lastWords() string {
	info, err := e.log.Stat()
	if err != nil {
		return ""
	}
	text := make([]byte, min(info.Size(), shownLog))
	count, err := e.log.ReadAt(text, info.Size()-int64(len(text)))
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	return strings.TrimSpace(string(text[:count]))
}

// failure is why a child is gone before close, nil when it is not.
func (e *engine) failure() error {
	if e.command == nil {
		return nil
	}
	select {
	case <-e.ended:
		return fmt.Errorf("the engine ended: %s", e.lastWords())
	default:
		return nil
	}
}

// close drains a child and waits for its end.
func (e *engine) close() error {
	if e.log == nil {
		return nil // it was there before
	}
	var err error
	if e.command != nil {
		err = e.stop()
	}
	if e.held != nil {
		_ = e.held.Close() // closed already when the child has ended
	}
	if err := errors.Join(err, e.log.Close()); err != nil {
		return fmt.Errorf("stop engine: %w", err)
	}
	return nil
}

func (e *engine) stop() error {
	if err := e.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err //nolint:wrapcheck // close says what it does
	}
	late := time.NewTimer(stopTimeout)
	defer late.Stop()
	select {
	case <-e.ended:
		return nil
	case <-late.C:
	}
	err := e.command.Process.Kill()
	<-e.ended
	return errors.Join(fmt.Errorf("it did not drain within %s and was killed", stopTimeout), err)
}

// ledgerSize is what the child's ledger takes on disk, in bytes.
func (e *engine) ledgerSize() int64 {
	if e.dir == "" {
		return 0
	}
	files, err := filepath.Glob(filepath.Join(e.dir, "waybill.db*"))
	if err != nil {
		return 0
	}
	size := int64(0)
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	return size
}
