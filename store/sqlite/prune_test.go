package sqlite_test

import (
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

// prune prunes until nothing more goes.
func prune(t *testing.T, ledger *sqlite.Ledger, before time.Time) {
	t.Helper()
	for {
		n, err := ledger.Prune(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// TestPruneGivesSpaceBack fills a file, forgets nearly all of it while others
// write and one reads an old state of it, and looks at what the file takes.
func TestPruneGivesSpaceBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	ledger := open(t, path)
	fillOld(t, ledger, 2000)
	full := fileSize(t, path)
	snapshot, frozen := freeze(t, path)

	var group sync.WaitGroup
	written := make([][]postback.Delivery, 2)
	for i := range written {
		group.Go(func() { written[i] = deliverNew(t, ledger, 50) })
	}
	for range 5 {
		if _, err := sqlite.PruneStep(t.Context(), ledger, storetest.After(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.ShrinkStep(t.Context(), ledger); err != nil {
			t.Fatal(err)
		}
	}
	if n := countEvents(t, snapshot); n != frozen {
		t.Errorf("a reader that began before sees %d events, then %d", frozen, n)
	}
	if err := snapshot.Rollback(); err != nil {
		t.Fatal(err)
	}
	prune(t, ledger, storetest.After(time.Hour))
	group.Wait()
	made := append(written[0], written[1]...)
	for _, d := range made {
		if _, attempts, err := ledger.Delivery(t.Context(), d.ID); err != nil || len(attempts) != 1 {
			t.Fatalf("%s has %d attempts, %v", d.ID, len(attempts), err)
		}
	}
	if n, err := ledger.CountDeliveries(t.Context(), postback.DeliveryFilter{}); err != nil || n != len(made) {
		t.Errorf("%d deliveries are left, %v, want %d", n, err, len(made))
	}
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}
	left := fileSize(t, path)
	t.Logf("%d KB, then %d KB with %d deliveries created meanwhile", full>>10, left>>10, len(made))
	if left > full/4+int64(len(made))<<13 {
		t.Errorf("the file had %d bytes and still has %d", full, left)
	}
	intact(t, path)
}

// TestPruneShortensOpenFile checks that the file is shorter before the ledger is
// closed: as soon as the next write is done.
func TestPruneShortensOpenFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	ledger := open(t, path)
	fillOld(t, ledger, 2000)
	full := fileSize(t, path)
	prune(t, ledger, storetest.After(time.Hour))
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{acceptance()}); err != nil {
		t.Fatal(err)
	}
	if left := fileSize(t, path); left > full/4 {
		t.Errorf("the file had %d bytes and still has %d", full, left)
	}
}

// freeze begins to read a ledger's file and stays in that state.
func freeze(t *testing.T, path string) (snapshot *sql.Tx, events int) {
	t.Helper()
	snapshot, err := raw(t, path).BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	return snapshot, countEvents(t, snapshot)
}

func countEvents(t *testing.T, snapshot *sql.Tx) (n int) {
	t.Helper()
	if err := snapshot.QueryRowContext(t.Context(), "SELECT count(*) FROM events").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// deliverNew delivers what is not old yet.
func deliverNew(t *testing.T, ledger *sqlite.Ledger, n int) (made []postback.Delivery) {
	for range n {
		item := acceptance()
		if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
			t.Error(err)
			return made
		}
		move := storetest.Succeed(item.Deliveries[0].Ref())
		move.At = storetest.After(2 * time.Hour)
		if err := ledger.Record(t.Context(), move); err != nil {
			t.Error(err)
			return made
		}
		made = append(made, item.Deliveries[0])
	}
	return made
}

// TestPruneManyAttempts checks that a delivery with more attempts than go at
// once goes whole.
func TestPruneManyAttempts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	ledger := open(t, path)
	item := acceptance()
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
		t.Fatal(err)
	}
	ref := item.Deliveries[0].Ref()
	for range 40 {
		if err := ledger.Record(t.Context(), storetest.Retry(ref)); err != nil {
			t.Fatal(err)
		}
		ref.Attempt++
	}
	if err := ledger.Record(t.Context(), storetest.DeadLetter(ref)); err != nil {
		t.Fatal(err)
	}
	prune(t, ledger, storetest.After(time.Hour))
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}
	db := raw(t, path)
	for _, table := range []string{"events", "deliveries", "attempts"} {
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows are left in %s, %v", n, table, err)
		}
	}
	intact(t, path)
}

// TestPrunePlans checks that what may go is found without a look at what may not.
func TestPrunePlans(t *testing.T) {
	t.Parallel()
	ledger := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	for _, statement := range sqlite.PruneStatements() {
		sorted(t, ledger, statement)
	}
}

// TestPruneStopsAtALongLog checks that forgetting does not fill the disk while
// something keeps the log from being shortened.
func TestPruneStopsAtALongLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	ledger := open(t, path)
	snapshot, _ := freeze(t, path)
	for i := 0; fileSize(t, path+"-wal") <= 64<<20; i += 100 {
		var items []postback.Acceptance
		for more := range 100 {
			items = append(items, large(i+more))
		}
		if _, err := ledger.Accept(t.Context(), items); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ledger.Prune(t.Context(), storetest.After(time.Hour)); err == nil || !strings.Contains(err.Error(), "end what reads it") {
		t.Fatalf("error is %v", err)
	}
	if err := snapshot.Rollback(); err != nil {
		t.Fatal(err)
	}
	for i := range 80 { // a checkpoint is tried again after some writes
		if _, err := ledger.Accept(t.Context(), []postback.Acceptance{large(100_000 + i)}); err != nil {
			t.Fatal(err)
		}
	}
	prune(t, ledger, storetest.After(time.Hour))
}

// old makes a ledger as it was before files could shrink.
func old(t *testing.T) (path string) {
	t.Helper()
	path = made(t)
	edit(t, path, "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM")
	if mode := vacuumMode(t, path); mode != 0 {
		t.Fatalf("the old file's mode is %d", mode)
	}
	return path
}

func vacuumMode(t *testing.T, path string) (mode int) {
	t.Helper()
	if err := raw(t, path).QueryRowContext(t.Context(), "PRAGMA auto_vacuum").Scan(&mode); err != nil {
		t.Fatal(err)
	}
	return mode
}

// TestOpenRewritesOldFile checks that an old file can shrink after it was
// opened once, that nothing is lost, and that it is done once.
func TestOpenRewritesOldFile(t *testing.T) {
	t.Parallel()
	path := old(t)
	for _, want := range []int{2, 0} { // lines that say so
		var log strings.Builder
		ledger, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := ledger.CountDeliveries(t.Context(), postback.DeliveryFilter{}); err != nil || n != 100 {
			t.Errorf("it has %d deliveries, %v", n, err)
		}
		if err := ledger.Close(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(log.String(), "rewr"); got != want || vacuumMode(t, path) != 2 {
			t.Errorf("mode %d, logged\n%s", vacuumMode(t, path), &log)
		}
	}
	intact(t, path)
}

// TestOpenNewFile checks that a new file can shrink from the start.
func TestOpenNewFile(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	path := filepath.Join(t.TempDir(), "ledger.db")
	ledger, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}
	if log.String() != "" || vacuumMode(t, path) != 2 {
		t.Errorf("mode %d, logged\n%s", vacuumMode(t, path), &log)
	}
}

// TestOpenOldFileWithoutRoom checks that a ledger that cannot be rewritten works
// as before.
func TestOpenOldFileWithoutRoom(t *testing.T) {
	t.Parallel()
	from := old(t)
	directory := disk(t)
	path := filepath.Join(directory, "ledger.db")
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Join(directory, "filler"), 128<<10) // less than the file
	var log strings.Builder
	ledger, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "cannot shrink") || !strings.Contains(log.String(), "full") {
		t.Errorf("it logged\n%s", &log)
	}
	prune(t, ledger, storetest.After(-time.Hour))
	if n, err := ledger.CountDeliveries(t.Context(), postback.DeliveryFilter{}); err != nil || n != 100 {
		t.Errorf("it has %d deliveries, %v", n, err)
	}
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}
	intact(t, path)
}
