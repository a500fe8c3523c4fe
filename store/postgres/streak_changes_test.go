package postgres_test

import (
	"fmt"
	"testing"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

func note(t *testing.T, ledger *postgres.Ledger, endpointID string) {
	t.Helper()
	if err := ledger.NoteFailures(t.Context(), postback.FailureStreak{EndpointID: endpointID, Since: storetest.Noon(), FailedAt: storetest.Noon(), Failures: 1}); err != nil {
		t.Fatal(err)
	}
}

func streaksSince(t *testing.T, ledger *postgres.Ledger, mark int64) (changed map[string]bool, next int64) {
	t.Helper()
	changes, err := ledger.StreaksSince(t.Context(), mark)
	if err != nil {
		t.Fatal(err)
	}
	changed = map[string]bool{}
	for _, one := range changes.Changed {
		changed[one.EndpointID] = true
	}
	for _, id := range changes.Ended {
		changed[id] = true
	}
	return changed, changes.Mark
}

// A change that was made before a look and is committed after it is reported by the
// next, whatever others did meanwhile.
func TestAChangeThatCommitsLateIsReported(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger := open(t, at)
	note(t, ledger, "ep_1")
	_, mark := streaksSince(t, ledger, 0)
	// The mark is before what is under way in the server's other databases, too.
	testkit.Eventually(t, "nobody else's transaction to be older", func() bool {
		changed, next := streaksSince(t, ledger, mark)
		mark = next
		return len(changed) == 0
	})
	commit, err := postgres.HoldStreak(t.Context(), ledger, "ep_1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = commit() }) // or the ledger could not be closed
	for i := range 5 {                 // transactions that begin later and commit sooner
		note(t, ledger, fmt.Sprintf("ep_2%d", i))
		changed, next := streaksSince(t, ledger, mark)
		if changed["ep_1"] || !changed[fmt.Sprintf("ep_2%d", i)] {
			t.Fatalf("changes of %v before the commit", changed)
		}
		mark = next
	}
	if err := commit(); err != nil {
		t.Fatal(err)
	}
	if changed, _ := streaksSince(t, ledger, mark); !changed["ep_1"] {
		t.Errorf("changes of %v after the commit", changed)
	}
}

// A look for changes reads a page or two when there are none, however many
// endpoints are failing, and with a snapshot that keeps all that was.
func TestALookForChangesIsCheap(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger := open(t, at)
	defer holdSnapshot(t, ledger)()
	for range 3 {
		server.Exec(t, at, `INSERT INTO troubles (endpoint_id, since, failed_at, failures, last_error, probes)
			SELECT 'ep_' || n, now(), now(), 1, 'timeout', 0 FROM generate_series(1, 3000) n
			ON CONFLICT (endpoint_id) DO UPDATE SET failures = troubles.failures + 1`)
	}
	changed, mark := streaksSince(t, ledger, 0)
	if len(changed) != 3000 {
		t.Fatalf("changes of %d streaks", len(changed))
	}
	testkit.Eventually(t, "older transactions of other tests end", func() bool {
		changed, mark = streaksSince(t, ledger, mark)
		return len(changed) == 0
	})
	if pages := buffers(t, ledger, postgres.ChangesSince(mark)); pages > 10 {
		t.Errorf("a look for changes reads %d pages", pages)
	}
	if pages := buffers(t, ledger, postgres.ChangesSince(0)); pages < 50 {
		t.Errorf("a look at everything reads %d pages: there is nothing to compare", pages)
	}
}

// A database that was copied from another server, or lost what a server wrote last,
// is read anew.
func TestAMarkThatIsAhead(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger := open(t, at)
	note(t, ledger, "ep_1")
	server.Exec(t, at, `UPDATE trouble_changes SET changed = '9000000000000000'`)
	changes, err := ledger.StreaksSince(t.Context(), 8_000_000_000_000_000)
	if err != nil || !changes.All || len(changes.Changed) != 1 || changes.Mark >= 8_000_000_000_000_000 {
		t.Errorf("got %+v, %v", changes, err)
	}
	if changed, _ := streaksSince(t, ledger, changes.Mark); changed["ep_1"] {
		t.Error("what another server wrote is reported each time")
	}
	note(t, ledger, "ep_1")
	if changed, _ := streaksSince(t, ledger, changes.Mark); !changed["ep_1"] {
		t.Error("what changed since is not reported")
	}
}
