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

func streaksSince(t *testing.T, ledger *postgres.Ledger, mark int64) (told map[string]bool, next int64) {
	t.Helper()
	changes, err := ledger.StreaksSince(t.Context(), mark)
	if err != nil {
		t.Fatal(err)
	}
	told = map[string]bool{}
	for _, one := range changes.Changed {
		told[one.EndpointID] = true
	}
	for _, id := range changes.Ended {
		told[id] = true
	}
	return told, changes.Mark
}

// A change that was made before a look and is committed after it is told by the
// next, whatever others did meanwhile.
func TestAChangeThatCommitsLateIsTold(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger := open(t, at)
	note(t, ledger, "ep_1")
	_, mark := streaksSince(t, ledger, 0)
	// The mark is before what is under way in the server's other databases, too.
	testkit.Eventually(t, "nobody else's transaction to be older", func() bool {
		told, next := streaksSince(t, ledger, mark)
		mark = next
		return len(told) == 0
	})
	commit, err := postgres.HoldStreak(t.Context(), ledger, "ep_1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = commit() }) // or the ledger could not be closed
	for i := range 5 {                 // transactions that begin later and commit sooner
		note(t, ledger, fmt.Sprintf("ep_2%d", i))
		told, next := streaksSince(t, ledger, mark)
		if told["ep_1"] || !told[fmt.Sprintf("ep_2%d", i)] {
			t.Fatalf("told of %v before the commit", told)
		}
		mark = next
	}
	if err := commit(); err != nil {
		t.Fatal(err)
	}
	if told, _ := streaksSince(t, ledger, mark); !told["ep_1"] {
		t.Errorf("told of %v after the commit", told)
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
	told, mark := streaksSince(t, ledger, 0)
	if len(told) != 3000 {
		t.Fatalf("told of %d streaks", len(told))
	}
	testkit.Eventually(t, "older transactions of other tests end", func() bool {
		told, mark = streaksSince(t, ledger, mark)
		return len(told) == 0
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
	if told, _ := streaksSince(t, ledger, changes.Mark); told["ep_1"] {
		t.Error("what another server wrote is told each time")
	}
	note(t, ledger, "ep_1")
	if told, _ := streaksSince(t, ledger, changes.Mark); !told["ep_1"] {
		t.Error("what changed since is not told")
	}
}
