package sqlite_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

// broken are the ways in which a group can wait for nobody.
func broken() map[string]string {
	return map[string]string{
		"a head that waits for itself": `UPDATE deliveries SET state = 'parked', reason = 'ordered', next_attempt_at = NULL, sweep_at = NULL`,
		"a head that has ended":        `UPDATE deliveries SET state = 'dead', reason = 'rejected', completed_at = 1 WHERE id = (SELECT delivery FROM order_heads)`,
		"a head that is not there":     `UPDATE order_heads SET delivery = 'dlv_gone'`,
		"no place":                     `DELETE FROM order_heads`,
	}
}

// TestMendGroups checks that a group in which all wait for nobody goes on, and that
// others stay as they are.
func TestMendGroups(t *testing.T) {
	t.Parallel()
	for name, statement := range broken() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "waybill.db")
			ledger, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = ledger.Close() })
			var group []postback.Delivery
			for i := range 3 {
				item := storetest.Acceptance(storetest.Event(fmt.Sprintf("evt_%d", i)), "ep_1")
				item.Deliveries[0].OrderKey = "tx-1"
				if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
					t.Fatal(err)
				}
				group = append(group, item.Deliveries[0])
			}
			mend(t, ledger, 0)
			edit(t, path, statement)
			if name == "a head that is not there" || name == "no place" {
				end(t, ledger, group[0])
			}
			mend(t, ledger, 1)
			mend(t, ledger, 0)
			if name != "a head that waits for itself" {
				group = group[1:]
			}
			for _, d := range group {
				end(t, ledger, d)
			}
		})
	}
}

func mend(t *testing.T, ledger *sqlite.Ledger, want int) {
	t.Helper()
	if n, err := ledger.MendGroups(t.Context(), "ep_1", time.Now(), 10); n != want || err != nil {
		t.Fatalf("%d groups mended, want %d, %v", n, want, err)
	}
}

// end ends a delivery that is due.
func end(t *testing.T, ledger *sqlite.Ledger, d postback.Delivery) {
	t.Helper()
	if stored, _, err := ledger.Delivery(t.Context(), d.ID); err != nil || stored.State != postback.Pending {
		t.Fatalf("it is %s %s, %v", stored.State, stored.Reason, err)
	}
	if err := ledger.Record(t.Context(), storetest.Succeed(d.Ref())); err != nil {
		t.Fatal(err)
	}
}
