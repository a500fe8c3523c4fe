package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/storetest"
)

// TestNoConnectionsLeft has others take every connection of the server: what is
// asked for fails soon and says why, nothing of it is written, and the ledger goes
// on by itself when there are connections again.
func TestNoConnectionsLeft(t *testing.T) {
	t.Parallel()
	server := testkit.StartPostgres(t, "max_connections=20", "superuser_reserved_connections=0")
	at := server.Database()
	migrate(t, at)
	ledger := open(t, at)
	if err := acceptOne(t.Context(), ledger); err != nil {
		t.Fatal(err)
	}
	waits := storetest.Acceptance(storetest.Event(storetest.NewID("evt", time.Now())), "ep_1")
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{waits}); err != nil {
		t.Fatal(err)
	}
	ref := waits.Deliveries[0].Ref()

	giveBack := server.TakeConnections(true)
	// The pool finds one after another of its connections gone; then it wants new ones.
	testkit.Eventually(t, "the pool has no connection left", func() bool {
		err := ledger.Ping(t.Context())
		return err != nil && !strings.Contains(err.Error(), "57P01")
	})
	refusedForWant(t, "ping", func() error { return ledger.Ping(t.Context()) })
	later := storetest.Acceptance(storetest.Event(storetest.NewID("evt", time.Now())), "ep_1")
	accept := func() error {
		_, err := ledger.Accept(t.Context(), []postback.Acceptance{later})
		return err
	}
	refusedForWant(t, "accept", accept)
	record := func() error { return ledger.Record(t.Context(), storetest.Succeed(ref)) }
	refusedForWant(t, "record", record)

	giveBack()
	testkit.Eventually(t, "the ledger takes an event", func() bool { return accept() == nil })
	if err := record(); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]postback.State{ref.DeliveryID: postback.Succeeded, later.Deliveries[0].ID: postback.Pending} {
		if d, attempts, err := ledger.Delivery(t.Context(), id); err != nil || d.State != want || want == postback.Succeeded && len(attempts) != 1 {
			t.Errorf("%s is %s after %d attempts, %v; want %s", id, d.State, len(attempts), err, want)
		}
	}
}

// A ledger goes on with the connections that it has while others have the rest.
func TestNoMoreConnections(t *testing.T) {
	t.Parallel()
	server := testkit.StartPostgres(t, "max_connections=20", "superuser_reserved_connections=0")
	at := server.Database()
	migrate(t, at)
	ledger := open(t, at)
	if err := acceptOne(t.Context(), ledger); err != nil {
		t.Fatal(err)
	}
	server.TakeConnections(false)
	failed := together(200, func() error { return acceptOne(t.Context(), ledger) })
	if len(failed) > 0 {
		t.Errorf("%d of 200 events were not accepted, such as %v", len(failed), failed[0])
	}
}

func refusedForWant(t *testing.T, what string, do func() error) {
	t.Helper()
	began := time.Now()
	err := do()
	if err == nil || !strings.Contains(err.Error(), "53300") {
		t.Errorf("%s without a connection: %v", what, err)
	}
	if _, domain := err.(*postback.Error); domain { //nolint:errorlint // what wraps it is no domain error either
		t.Errorf("%s is said to be the caller's fault: %v", what, err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("%s took %v", what, took)
	}
}

// together does something many times at once, and returns what failed.
func together(count int, do func() error) (failed []error) {
	answers := make(chan error)
	for range count {
		go func() { answers <- do() }()
	}
	for range count {
		if err := <-answers; err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}
