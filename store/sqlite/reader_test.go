package sqlite_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

const (
	grows   = "ledger write-ahead log grows: something reads the ledger without an end, such as an open sqlite3 shell or a backup; end it"
	resumed = "ledger write-ahead log truncated again"
)

// TestALongReader has another program read one state of the ledger while thousands
// are delivered: all of them are, the log that it keeps from being truncated is reported
// of a few times, and it is truncated once the reader has ended.
func TestALongReader(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	logger, logs := testkit.NewLogger()
	ledger, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	deliverMany(t, ledger, "before", 100)
	reader := readOn(t, path)
	for round := 0; len(logs.With(grows)) < 2; round++ {
		if deliverMany(t, ledger, fmt.Sprintf("round_%d", round), 500); round > 20 {
			t.Fatalf("the log is %d bytes, and a warning was logged %d times", logSize(t, path), len(logs.With(grows)))
		}
	}
	size := logSize(t, path)
	var sizes []float64
	for _, line := range logs.With(grows) {
		bytes, _ := line["bytes"].(float64)
		sizes = append(sizes, bytes)
	}
	if sizes[0] < 64<<20 || sizes[1] < 2*sizes[0] {
		t.Errorf("warned of %v", sizes)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	deliverMany(t, ledger, "after", 500)
	if now := logSize(t, path); now > 24<<20 {
		t.Errorf("the log has %d bytes after the reader ended, and had %d", now, size)
	}
	if n := len(logs.With(resumed)); n != 1 {
		t.Errorf("its truncation was logged %d times", n)
	}
	deliverMany(t, ledger, "later", 500)
	if n := len(logs.With(grows)); n != 2 {
		t.Errorf("its growth was logged %d times", n)
	}
}

// readOn begins to read one state of a ledger, as another program does.
func readOn(t *testing.T, path string) *sql.Tx {
	t.Helper()
	tx, err := raw(t, path).BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	var count int
	if err := tx.QueryRowContext(t.Context(), "SELECT count(*) FROM deliveries").Scan(&count); err != nil {
		t.Fatal(err)
	}
	return tx
}

func logSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// deliverMany has deliveries with a few KB of data accepted and succeed.
func deliverMany(t *testing.T, ledger *sqlite.Ledger, name string, count int) {
	t.Helper()
	filled := json.RawMessage(`{"filler":"` + strings.Repeat("x", 8<<10) + `"}`)
	var group sync.WaitGroup
	for caller := range 16 {
		group.Go(func() {
			for i := caller; i < count; i += 16 {
				item := storetest.Acceptance(storetest.Event(fmt.Sprintf("evt_%s_%d", name, i)), "ep_1")
				item.Event.Data = filled
				if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
					t.Errorf("accept: %v", err)
				}
				if err := ledger.Record(t.Context(), storetest.Succeed(item.Deliveries[0].Ref())); err != nil {
					t.Errorf("record: %v", err)
				}
			}
		})
	}
	group.Wait()
}
