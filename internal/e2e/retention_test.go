package e2e_test

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

// A running server forgets what ended longer ago than it is to be kept, and
// nothing else.
func TestServerForgetsWhatIsOld(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	if code := s.stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	const day = 24 * time.Hour
	ledger, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "waybill.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	// write makes a delivery 30 days old that moved on some time ago.
	write := func(id string, move func(postback.Ref) postback.Transition, ago time.Duration) {
		event := storetest.Event(id)
		event.AcceptedAt = time.Now().Add(-30 * day)
		item := storetest.Acceptance(event, "ep_1")
		if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
			t.Fatal(err)
		}
		transition := move(item.Deliveries[0].Ref())
		transition.At = time.Now().Add(-ago)
		transition.NextAttemptAt, transition.SweepAt = time.Now().Add(day), time.Now().Add(day)
		if err := ledger.Record(t.Context(), transition); err != nil {
			t.Fatal(err)
		}
	}
	write("evt_old", storetest.Succeed, 3*day)
	write("evt_recent", storetest.DeadLetter, day)
	write("evt_waiting", storetest.Retry, 29*day)
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}

	s = start(t, dir, "--retention", "2d")
	eventually(t, 10*time.Second, "the old event to be forgotten", func() bool {
		_, err := s.GetEvent(t.Context(), "evt_old")
		problem, refused := errors.AsType[*client.Problem](err)
		return refused && problem.Code == postback.CodeNotFound && strings.Contains(s.log.String(), `msg="purged expired history" rows=3`)
	})
	for _, id := range []string{"evt_recent", "evt_waiting"} {
		if found, err := s.GetEvent(t.Context(), id); err != nil || len(found.Deliveries) != 1 {
			t.Errorf("%s: %+v, %v", id, found, err)
		}
	}
}
