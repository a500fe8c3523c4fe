package sqlite_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

func openLedger(t *testing.T) *sqlite.Ledger {
	t.Helper()
	ledger, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "waybill.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	return ledger
}

// TestSearchesHoldUpNoAttempt checks that all that an attempt asks of the ledger is
// answered while searches take every connection that they may.
func TestSearchesHoldUpNoAttempt(t *testing.T) {
	t.Parallel()
	ledger := openLedger(t)
	release, err := sqlite.HoldSearches(t.Context(), ledger)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	item := storetest.Acceptance(storetest.Event("evt_1"), "ep_1")
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
		t.Fatal(err)
	}
	ref := item.Deliveries[0].Ref()
	if _, err := ledger.Due(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if err := ledger.Record(t.Context(), storetest.Succeed(ref)); err != nil {
		t.Fatal(err)
	}
	sqlite.SetSearchWait(ledger, time.Millisecond)
	searches := map[string]func() error{
		"events": func() error {
			_, _, err := ledger.Events(t.Context(), postback.EventFilter{}, postback.Page{})
			return err
		},
		"deliveries": func() error {
			_, _, err := ledger.Deliveries(t.Context(), postback.DeliveryFilter{}, postback.Page{})
			return err
		},
		"histories": func() error {
			_, _, err := ledger.Histories(t.Context(), postback.DeliveryFilter{}, postback.Page{})
			return err
		},
		"unmatched": func() error { _, err := ledger.Unmatched(t.Context(), time.Time{}, time.Now(), 10); return err },
		"groups":    func() error { _, err := ledger.GroupDeliveries(t.Context(), postback.DeliveryFilter{}); return err },
		"outcomes":  func() error { _, err := ledger.ReplayOutcomes(t.Context(), "rpl_1"); return err },
		"count":     func() error { _, err := ledger.CountDeliveries(t.Context(), postback.DeliveryFilter{}); return err },
	}
	for name, search := range searches {
		if err := search(); postback.CodeOf(err) != postback.CodeUnavailable || !strings.Contains(err.Error(), "narrow it") {
			t.Errorf("%s: a search without a connection says %v", name, err)
		}
	}
}

// TestSearchesEnd checks that a search that goes on and on is ended.
func TestSearchesEnd(t *testing.T) {
	t.Parallel()
	ledger := openLedger(t)
	sqlite.SetSearchWait(ledger, time.Millisecond)
	if err := sqlite.SearchForEver(t.Context(), ledger); postback.CodeOf(err) != postback.CodeUnavailable {
		t.Fatalf("it says %v", err)
	}
	sqlite.SetSearchWait(ledger, time.Minute)
	if _, _, err := ledger.Deliveries(t.Context(), postback.DeliveryFilter{EventType: "exchange.lost"}, postback.Page{}); err != nil {
		t.Fatal(err)
	}
}
