package demo_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/internal/cli"
	"github.com/waybillhq/waybill/internal/demo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output collects what the demo prints, and calls seen once when it holds text.
type output struct {
	text string
	seen func()

	mu     sync.Mutex
	page   bytes.Buffer
	called bool
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.page.Write(p)
	if o.seen != nil && !o.called && strings.Contains(o.page.String(), o.text) {
		o.called = true
		o.seen()
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.page.String()
}

// dataDir is the directory that the demo said it used.
func (o *output) dataDir(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`\n +data +(\S+)`).FindStringSubmatch(o.String())
	if found == nil {
		t.Fatalf("no data directory is named:\n%s", o)
	}
	return found[1]
}

func TestItsClaimsHold(t *testing.T) {
	t.Parallel()
	out, began := &output{}, time.Now()
	if err := demo.Run(t.Context(), demo.Options{Out: out}); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("took %s", took)
	}
	for _, want := range []string{
		"besitos     tx-1001  1        200 delivered     signature is valid\n",
		"flaky       tx-4001  2        500 failed        signature is valid\n",
		"403 refused       signature is NOT valid\n",
		"=> duplicate: true", "=> HTTP 409 conflict",
		"dead (attempts_exhausted)", "_refunded_<secret>\n", "replay   succeeded  200\n",
		"with the new secret, not with the old",
		"dead letters                        1, of which 0 still are",
		"✓ every accepted event arrived: 15 events, 16 deliveries, 16 answered 200\n",
		"✓ every request's signature held at its receiver: 21 of 21\n",
		"All 13 claims are true.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not shown: %q", want)
		}
	}
	if strings.ContainsAny(out.String(), "\x1b") || strings.Contains(out.String(), "FAILED") {
		t.Errorf("colour or failure:\n%s", out)
	}
	if _, err := os.Stat(out.dataDir(t)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data directory is still there: %v", err)
	}
}

// Several flaws share a run, because each run takes its time.
func TestClaimsCanFail(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		flaws  map[string]demo.Flaw
		failed []string // beginnings of the claims that fail; all others hold
	}{
		"signatures": {
			map[string]demo.Flaw{"bitlabs": demo.WrongSecret, "simpleswap": demo.Careless},
			[]string{
				"every accepted event arrived: 15 events, 16 deliveries, 11 answered 200", "every request's signature held",
				"the receivers refused all 3 forged requests", "while one receiver was down", "after the rotation",
			},
		},
		"failures": {
			map[string]demo.Flaw{"flaky": demo.NeverMended, "down": demo.NeverBroken},
			[]string{
				"every accepted event arrived", "the failing receiver was tried again", "while one receiver was down",
				"after 3 failed attempts", "no receiver got again",
			},
		},
		"answers": {
			map[string]demo.Flaw{"besitos": demo.LosesAnswers, "flaky": demo.NeverBroken},
			[]string{
				"no receiver got again", "an event sent again", "the failing receiver was tried again",
				"the ledger and the receivers agree",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := &output{}
			err := demo.Run(t.Context(), demo.Options{Out: out}.With(tt.flaws))
			if err == nil || !strings.HasSuffix(err.Error(), "of 13 claims are false") {
				t.Fatalf("got %v\n%s", err, out)
			}
			for _, claim := range tt.failed {
				if !strings.Contains(out.String(), "FAILED "+claim) {
					t.Errorf("this one did not fail: %s", claim)
				}
			}
			if got := strings.Count(out.String(), "FAILED "); got != len(tt.failed) {
				t.Errorf("%d claims failed, want %d\n%s", got, len(tt.failed), out)
			}
		})
	}
}

// The demo is interrupted at a step, between two, and while it waits.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1. Start", "3. Send", "500 failed"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := &output{text: text, seen: cancel}
			if err := demo.Run(ctx, demo.Options{Out: out}); err == nil || err.Error() != "interrupted" {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(out.dataDir(t)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the data directory is still there: %v", err)
			}
		})
	}
}

func TestKeepsRunning(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := filepath.Join(t.TempDir(), "new")
	running := make(chan struct{})
	out := &output{text: "waybill endpoint list", seen: func() { close(running) }}
	ended := make(chan error, 1)
	go func() { ended <- demo.Run(ctx, demo.Options{Out: out, Keep: true, DataDir: dir}) }()
	select {
	case <-running:
		useKept(t, out, dir)
		cancel()
	case <-time.After(time.Minute):
		t.Fatalf("it does not say that it keeps running:\n%s", out)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "waybill.db")); err != nil {
		t.Errorf("the data is gone: %v", err)
	}
}

// useKept uses the engine as the demo says.
func useKept(t *testing.T, out *output, dir string) {
	t.Helper()
	url := regexp.MustCompile(`WAYBILL_URL=(\S+) WAYBILL_DATA_DIR=` + regexp.QuoteMeta(dir) + "\n").FindStringSubmatch(out.String())
	if url == nil {
		t.Fatalf("it does not say how to use it:\n%s", out)
	}
	key, err := os.ReadFile(filepath.Join(dir, "admin.key"))
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(url[1], strings.TrimSpace(string(key)))
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	page, err := api.ListDeliveries(t.Context(), client.DeliveryFilter{}, client.PageRequest{})
	if err != nil || len(page.Items) != 16 {
		t.Errorf("%d deliveries, %v", len(page.Items), err)
	}
	commands := regexp.MustCompile(`(?m)^ +\$ waybill (.*(?:\\\n.*)?)$`).FindAllStringSubmatch(out.String(), -1)
	if len(commands) < 10 {
		t.Fatalf("%d commands are shown", len(commands))
	}
	for _, command := range commands {
		args := append(words(command[1]), "--help")
		var stderr bytes.Buffer
		if code := cli.Run(t.Context(), args, strings.NewReader(""), io.Discard, &stderr); code != 0 {
			t.Errorf("waybill %q exits %d: %s", args, code, &stderr)
		}
	}
}

// words splits a command line that quotes with ' alone.
func words(line string) []string {
	return regexp.MustCompile(`'[^']*'|[^\s\\']+`).FindAllString(line, -1)
}

func TestRefusesADirectoryInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "waybill.db"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := demo.Run(t.Context(), demo.Options{Out: io.Discard, DataDir: dir})
	if err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "waybill.db")); string(text) != "precious" || err != nil {
		t.Errorf("touched what was there: %q, %v", text, err)
	}
}

// closed is a reader that went away.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestEndsWhenNobodyReads(t *testing.T) {
	t.Parallel()
	if err := demo.Run(t.Context(), demo.Options{Out: closed{}}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}
