package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
)

// disk mounts a file system of its own, in memory, with room for 32 MB.
func disk(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=32m"); err != nil {
		t.Fatalf("mount a small disk: %v; this test needs root (CAP_SYS_ADMIN), as in a privileged container", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, 0); err != nil {
			t.Errorf("unmount the small disk: %v", err)
		}
	})
	return path
}

// fill writes a file until the disk is full but for some bytes.
func fill(t *testing.T, path string, free int64) {
	t.Helper()
	var room syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &room); err != nil {
		t.Fatal(err)
	}
	filler := make([]byte, int64(room.Bavail)*room.Bsize-free)
	if err := os.WriteFile(path, filler, 0o600); err != nil {
		t.Fatal(err)
	}
}

// written holds which events were answered as written.
type written struct {
	mu     sync.Mutex
	failed map[int]bool
}

// accept accepts events from eight callers and notes which failed.
func (w *written) accept(t *testing.T, ledger *sqlite.Ledger, from, to int) {
	t.Helper()
	var group sync.WaitGroup
	for caller := range 8 {
		group.Go(func() {
			for i := from + caller; i < to; i += 8 {
				_, err := ledger.Accept(t.Context(), []postback.Acceptance{large(i)})
				w.mu.Lock()
				w.failed[i] = err != nil
				w.mu.Unlock()
			}
		})
	}
	group.Wait()
}

// check checks that what was answered is true.
func (w *written) check(t *testing.T, ledger *sqlite.Ledger) (failures int) {
	t.Helper()
	for i, failed := range w.failed {
		_, _, err := ledger.Event(t.Context(), fmt.Sprintf("evt_%d", i))
		if failed {
			failures++
			if postback.CodeOf(err) != postback.CodeNotFound {
				t.Errorf("event %d failed, and reading it says %v", i, err)
			}
		} else if err != nil {
			t.Errorf("event %d was accepted, and reading it says %v", i, err)
		}
	}
	return failures
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	directory := disk(t)
	path, filler := filepath.Join(directory, "ledger.db"), filepath.Join(directory, "filler")
	ledger := open(t, path)
	answers := written{failed: map[int]bool{}}
	answers.accept(t, ledger, 0, 20)
	if n := answers.check(t, ledger); n != 0 {
		t.Fatalf("%d events failed on an empty disk", n)
	}

	fill(t, filler, 1<<20)
	answers.accept(t, ledger, 20, 100)
	if n := answers.check(t, ledger); n < 40 {
		t.Fatalf("%d events failed on a full disk", n)
	}
	if err := ledger.Ping(t.Context()); err != nil {
		t.Fatalf("a full disk cannot be read: %v", err)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	before := len(answers.failed)
	answers.accept(t, ledger, before, before+200) // more than a checkpoint
	for i := before; i < before+200; i++ {
		if answers.failed[i] {
			t.Fatalf("event %d failed though there is room again", i)
		}
	}
	answers.check(t, ledger)
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}
	intact(t, path)
	reopened := open(t, path)
	answers.check(t, reopened)
}

// TestFullDiskReason checks that the error says what is wrong.
func TestFullDiskReason(t *testing.T) {
	t.Parallel()
	directory := disk(t)
	ledger := open(t, filepath.Join(directory, "ledger.db"))
	fill(t, filepath.Join(directory, "filler"), 0)
	for i := range 64 {
		_, err := ledger.Accept(t.Context(), []postback.Acceptance{large(i)})
		if err == nil {
			continue
		}
		if domain, ok := errors.AsType[*postback.Error](err); ok {
			t.Fatalf("a full disk is a domain error: %v", domain)
		}
		if !strings.Contains(err.Error(), "full") {
			t.Fatalf("error is %v", err)
		}
		return
	}
	t.Fatal("nothing failed on a full disk")
}
