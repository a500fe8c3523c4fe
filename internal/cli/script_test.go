package cli_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds what a script waits for.
const patience = 30 * time.Second

// scriptCommands are what scripts can do beside running programs.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"status":     status,
		"serve":      serve,
		"receiver":   receiver,
		"receive":    receive,
		"capture":    capture,
		"eventually": eventually,
		"interrupt":  interrupt,
		"flaky":      flaky,
	}
}

// status runs a command and checks its exit code: status CODE COMMAND ARG...
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE COMMAND ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exited, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exited.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// serve starts "waybill serve ARG..." on a free port with its data in the
// script's directory, and lets the script's client commands find it. At the
// script's end SIGTERM must make it exit with 0.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: serve ARG...")
	}
	binary, err := exec.LookPath("waybill")
	ts.Check(err)
	data := ts.MkAbs("data")
	server := exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", data, "--egress-allow", "127.0.0.0/8"}, args...)...)
	server.Dir = ts.MkAbs(".")
	var log strings.Builder
	server.Stderr = &log
	out, err := server.StdoutPipe()
	ts.Check(err)
	ts.Check(server.Start())
	ts.Defer(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, out)
		if err := server.Wait(); err != nil {
			ts.Fatalf("serve after SIGTERM: %v\n%s", err, log.String())
		}
		ts.Logf("[log of serve]\n%s", log.String())
	})
	first, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = server.Wait()
		ts.Fatalf("serve did not start: %v\n%s", err, log.String())
	}
	_, address, found := strings.Cut(strings.TrimSpace(first), "listens on ")
	if !found {
		ts.Fatalf("serve printed %q", first)
	}
	ts.Setenv("WAYBILL_URL", address)
	ts.Setenv("WAYBILL_DATA_DIR", data)
}

// interrupt runs a command, sends SIGINT once it printed a line on standard
// error, and checks that it exits with 130 and an error that matches: interrupt
// REGEXP COMMAND ARG...
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: interrupt REGEXP COMMAND ARG...")
	}
	binary, err := exec.LookPath(args[1])
	ts.Check(err)
	command := exec.Command(binary, args[2:]...)
	command.Env = []string{"WAYBILL_URL=" + ts.Getenv("WAYBILL_URL"), "WAYBILL_DATA_DIR=" + ts.Getenv("WAYBILL_DATA_DIR")}
	out, err := command.StderrPipe()
	ts.Check(err)
	ts.Check(command.Start())
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	ts.Check(err)
	ts.Check(command.Process.Signal(syscall.SIGINT))
	rest, err := io.ReadAll(lines)
	ts.Check(err)
	if err := command.Wait(); command.ProcessState.ExitCode() != 130 || !regexp.MustCompile(args[0]).Match(rest) {
		ts.Fatalf("interrupted: %v, after %q:\n%s", err, first, rest)
	}
}

// receiver starts a publisher's server whose URL is in RECEIVER: /ok answers
// 200, /moved 301, /hostile 500 and a body that would draw on a terminal.
func receiver(ts *testscript.TestScript, _ bool, _ []string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "thank you") })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/moved/", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/hostile", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, "\x1b[2Jgone\nsecond line\u202e")
	})
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	ts.Setenv("RECEIVER", server.URL)
}

// receive starts "waybill receive ARG..." on a free port, with its URL in
// RECEIVER and what it prints in received.txt. At the script's end SIGTERM must
// make it exit with 0.
func receive(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: receive ARG...")
	}
	binary, err := exec.LookPath("waybill")
	ts.Check(err)
	received, err := os.Create(ts.MkAbs("received.txt"))
	ts.Check(err)
	command := exec.Command(binary, append([]string{"receive", "--listen", "127.0.0.1:0"}, args...)...)
	command.Env = []string{"WAYBILL_SECRET=" + ts.Getenv("WAYBILL_SECRET")}
	command.Stdout = received
	notes, err := command.StderrPipe()
	ts.Check(err)
	ts.Check(command.Start())
	ts.Defer(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, notes)
		ts.Check(errors.Join(command.Wait(), received.Close()))
	})
	first, err := bufio.NewReader(notes).ReadString('\n')
	ts.Check(err)
	_, address, found := strings.Cut(strings.TrimSpace(first), " on ")
	if !found {
		ts.Fatalf("receive printed %q", first)
	}
	ts.Setenv("RECEIVER", address)
}

// capture keeps what a group matched in the last standard output or error:
// capture NAME REGEXP.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME REGEXP")
	}
	match := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout") + ts.ReadFile("stderr"))
	if len(match) != 2 {
		ts.Fatalf("no match for %s", args[1])
	}
	ts.Setenv(args[0], match[1])
}

// eventually runs a command until its standard output matches: eventually
// REGEXP COMMAND ARG...
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually REGEXP COMMAND ARG...")
	}
	wanted := regexp.MustCompile("(?m)" + args[0])
	for end := time.Now().Add(patience); time.Now().Before(end); {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if wanted.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("no match for %s in %s", args[0], patience)
}
