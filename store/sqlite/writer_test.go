package sqlite_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

func TestWriterSurvivesPanic(t *testing.T) {
	t.Parallel()
	ledger := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	err := sqlite.Panic(t.Context(), ledger, "out of range")
	if err == nil || !strings.Contains(err.Error(), "out of range") {
		t.Fatalf("error is %v", err)
	}
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{acceptance()}); err != nil {
		t.Fatal(err)
	}
}

// TestWriterSettings checks what no test without a power cut could.
func TestWriterSettings(t *testing.T) {
	t.Parallel()
	ledger := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	for name, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1"} {
		if got, err := sqlite.Setting(t.Context(), ledger, name); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestWriterLeavesOutWhoGaveUp(t *testing.T) {
	t.Parallel()
	ledger := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	reason := errors.New("the client went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	if _, err := ledger.Accept(ctx, []postback.Acceptance{acceptance()}); !errors.Is(err, reason) {
		t.Fatalf("error is %v", err)
	}
}

// TestWriterBoundsLog checks that the write-ahead log does not outgrow a few
// checkpoints, with readers at work all the time.
func TestWriterBoundsLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	ledger := open(t, path)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			_, _, _ = ledger.Deliveries(ctx, postback.DeliveryFilter{}, postback.Page{Limit: 200})
		}
	}()
	largest := int64(0)
	for i := range 800 {
		if _, err := ledger.Accept(t.Context(), []postback.Acceptance{large(i)}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	stop()
	<-ended
	if largest < 8<<20 || largest > 32<<20 {
		t.Fatalf("the log grew to %d bytes", largest)
	}
}

// TestPlans checks that every listing and every step of the queue reads its
// rows in the order of an index.
func TestPlans(t *testing.T) {
	t.Parallel()
	ledger := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	for _, filter := range []postback.DeliveryFilter{
		{},
		{EndpointID: "ep_1"},
		{Publisher: "pub_1"},
		{Statuses: postback.Statuses{"500"}},
		{Statuses: postback.Statuses{"200"}},
		{Statuses: postback.Statuses{"4xx", "500"}},
		{Errors: []string{"timeout", "dns_error"}},
		{Reasons: []postback.Reason{postback.ReasonExhausted, postback.ReasonPaused}},
		{EventType: "conversion.*"},
		{Since: storetest.Noon()},
		{Until: storetest.Noon()},
		{Publisher: "pub_1", Since: storetest.Noon(), Until: storetest.Noon()},
		{EndpointID: "ep_1", Publisher: "pub_1", EventType: "exchange.*", NoTests: true, EndedBefore: storetest.Noon()},
	} {
		for _, state := range append(postback.States(), "") {
			sorted(t, ledger, sqlite.DeliveriesStatement(filter, state))
		}
	}
	for _, filter := range []postback.EventFilter{{}, {Publisher: "pub_1"}, {Rejected: true}, {Unmatched: true}, {Since: storetest.Noon()}} {
		sorted(t, ledger, sqlite.EventsStatement(filter))
	}
	statements := sqlite.QueueStatements()
	if len(statements) == 0 {
		t.Fatal("there is nothing to check")
	}
	for _, statement := range statements {
		sorted(t, ledger, statement)
	}
}

// sorted checks that a statement neither sorts nor reads a whole table.
func sorted(t *testing.T, ledger *sqlite.Ledger, statement string) {
	t.Helper()
	plan, err := sqlite.Explain(t.Context(), ledger, statement)
	if err != nil {
		t.Fatalf("explain %s: %v", statement, err)
	}
	for _, step := range plan {
		if strings.Contains(step, "TEMP B-TREE") || strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "USING INDEX") {
			t.Errorf("%s\n%s", statement, strings.Join(plan, "\n"))
		}
	}
}

// large is an event of 64 KB.
func large(i int) postback.Acceptance {
	event := storetest.Event(fmt.Sprintf("evt_%d", i))
	event.Data = json.RawMessage(`{"filler":"` + strings.Repeat("x", 64<<10) + `"}`)
	return storetest.Acceptance(event, "ep_1")
}
