package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

// childLedger names the ledger that this program, started again as a child,
// writes to until it is killed.
const childLedger = "WAYBILL_TEST_CHILD_LEDGER"

// TestKill checks that whatever a ledger answered survives kill -9, three times
// over the same file.
func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	var acknowledged []string
	for range 3 {
		acknowledged = append(acknowledged, killWriter(t, path, 500)...)
	}
	ledger := open(t, path)
	for _, line := range acknowledged {
		state, id, _ := strings.Cut(line, " ")
		delivery, attempts, err := ledger.Delivery(t.Context(), id)
		if err != nil {
			t.Fatalf("%s is lost: %v", line, err)
		}
		if state == "recorded" && (delivery.State != postback.Succeeded || len(attempts) != 1) {
			t.Fatalf("%s is %s after %d attempts", id, delivery.State, len(attempts))
		}
	}
	intact(t, path)
}

// killWriter kills a child once it has had some answers, and returns all that
// it had.
func killWriter(t *testing.T, path string, enough int) []string {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childLedger+"="+path)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	reader := bufio.NewReader(output)
	for {
		line, err := reader.ReadString('\n')
		if err == io.EOF {
			break // A line without an end was not answered.
		}
		if err != nil {
			t.Fatal(err)
		}
		if lines = append(lines, strings.TrimSpace(line)); len(lines) == enough {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // It was killed.
	if len(lines) < enough {
		t.Fatalf("the child ended by itself after %d answers", len(lines))
	}
	return lines
}

// acceptForever is the child: it writes from many goroutines and prints each
// answer. It returns only when something fails.
func acceptForever(path string) error {
	ctx := context.Background()
	ledger, err := sqlite.Open(ctx, sqlite.Options{Path: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	failures := make(chan error)
	for range 16 {
		go func() {
			for {
				if err := acceptOne(ctx, ledger); err != nil {
					failures <- err
				}
			}
		}()
	}
	return <-failures
}

func acceptOne(ctx context.Context, ledger *sqlite.Ledger) error {
	item := acceptance()
	if _, err := ledger.Accept(ctx, []postback.Acceptance{item}); err != nil {
		return err
	}
	id := item.Deliveries[0].ID
	fmt.Fprintf(os.Stdout, "accepted %s\n", id)
	if err := ledger.Record(ctx, storetest.Succeed(item.Deliveries[0].Ref())); err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "recorded %s\n", id)
	return nil
}
