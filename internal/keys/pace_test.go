package keys_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/keys"
)

// A key has a second's worth at once, and then one request each time that one is
// due; others have their own.
func TestPace(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	pace := keys.NewPace(10)
	pace.SetClock(func() time.Time { return now })
	for i := range 10 {
		if wait := pace.Take("key_1"); wait != 0 {
			t.Fatalf("request %d waits for %s", i, wait)
		}
	}
	for range 3 { // one that is refused does not count
		if wait := pace.Take("key_1"); wait != 100*time.Millisecond {
			t.Errorf("one too many waits for %s", wait)
		}
	}
	if wait := pace.Take("key_2"); wait != 0 {
		t.Errorf("another key waits for %s", wait)
	}
	let := 0
	for range 1000 {
		now = now.Add(10 * time.Millisecond)
		if pace.Take("key_1") == 0 {
			let++
		}
	}
	if let != 100 {
		t.Errorf("%d were let through in ten seconds", let)
	}
}

func TestNoPace(t *testing.T) {
	t.Parallel()
	pace := keys.NewPace(0)
	for range 100_000 {
		if pace.Take("key_1") != 0 {
			t.Fatal("a request waits")
		}
	}
}

func TestPaceForgetsKeys(t *testing.T) {
	t.Parallel()
	pace := keys.NewPace(1)
	for i := range 30_000 {
		pace.Take(fmt.Sprint("key_", i))
	}
	if known := pace.Known(); known > 10_000 {
		t.Errorf("%d keys are remembered", known)
	}
}
