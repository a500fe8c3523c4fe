package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
)

// smallDisk mounts a file system of its own, in memory.
func smallDisk(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=64m"); err != nil {
		t.Fatalf("mount a small disk: %v; this test needs root (CAP_SYS_ADMIN), as in a privileged container", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, 0); err != nil {
			t.Errorf("unmount the small disk: %v", err)
		}
	})
	return path
}

// fillDisk writes a file until the disk is full.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	var room syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &room); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, int64(room.Bavail)*room.Bsize), 0o600); err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// Guarantee: on a full disk the API answers 503 and what it accepted before is
// kept; when there is room again everything goes on, without a restart.
func TestFullDiskIsAnsweredWith503(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	r := newReceiver(t, "besitos")
	s := start(t, dir)
	register(t, s, r, second, second, second, second, second)
	large := func(number int) client.Event {
		sent := event(fmt.Sprintf("t%06d", number))
		sent.Data, _ = json.Marshal(map[string]string{"tx": fmt.Sprintf("t%06d", number), "filler": strings.Repeat("x", 4<<10)})
		return sent
	}
	filler := filepath.Join(dir, "filler")
	var accepted []string
	refused := 0
	for number := range 2000 {
		if number == 20 {
			fillDisk(t, filler)
		}
		sent := large(number)
		_, err := s.SendEvent(t.Context(), sent)
		problem, ok := errors.AsType[*client.Problem](err)
		switch {
		case err == nil:
			accepted = append(accepted, fmt.Sprintf("t%06d", number))
		case ok && problem.Status == http.StatusServiceUnavailable && problem.Code == "unavailable" && problem.RetryAfter > 0:
			refused++
		default:
			t.Fatalf("event %d: %v, want 202 or 503", number, err)
		}
		if refused == 20 {
			break
		}
	}
	if refused < 20 {
		t.Fatalf("%d events were refused on a full disk", refused)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, soon, "an event to be accepted again", func() bool {
		_, err := s.SendEvent(t.Context(), event("room"))
		return err == nil
	})
	accepted = append(accepted, "room")
	checkAllDelivered(t, s, r, accepted, time.Minute)
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d after SIGTERM:\n%s", code, s.log)
	}
	checkAllDelivered(t, start(t, dir), r, accepted, soon) // and the file is whole
}
