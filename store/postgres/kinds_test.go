package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// narrowed are the searches that the table of kinds narrows.
func narrowed() map[string]postback.DeliveryFilter {
	return map[string]postback.DeliveryFilter{
		"endpoint":            {EndpointID: "ep_1"},
		"publisher":           {Publisher: "pub_1"},
		"type":                {EventType: "conversion.completed"},
		"pattern":             {EventType: "conversion.*"},
		"endpoint, type":      {EndpointID: "ep_1", EventType: "conversion.completed"},
		"publisher, pattern":  {Publisher: "pub_1", EventType: "conversion.*"},
		"endpoint, publisher": {EndpointID: "ep_1", Publisher: "pub_1"},
		"all":                 {EndpointID: "ep_1", Publisher: "pub_1", EventType: "conversion.completed", States: []postback.State{postback.Pending}},
	}
}

// wantFound checks that searches find all that there is, page by page.
func wantFound(t *testing.T, ledger *postgres.Ledger, want int) {
	t.Helper()
	for name, filter := range narrowed() {
		found := 0
		for cursor := ""; ; {
			page, next, err := ledger.Deliveries(t.Context(), filter, postback.Page{Limit: 2, Cursor: cursor})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			found += len(page)
			if cursor = next; next == "" {
				break
			}
		}
		n, err := ledger.CountDeliveries(t.Context(), filter)
		if err != nil || found != want || n != want {
			t.Errorf("%s: found %d, counted %d of %d, %v", name, found, n, want, err)
		}
	}
}

// onDays writes an event for each of some days, given from noon on.
func onDays(t *testing.T, ledger *postgres.Ledger, days ...int) {
	t.Helper()
	for _, day := range days {
		event := storetest.Event(fmt.Sprintf("evt_%d", day))
		event.AcceptedAt = storetest.After(time.Duration(day) * 24 * time.Hour)
		if _, err := ledger.Accept(t.Context(), []postback.Acceptance{storetest.Acceptance(event, "ep_1")}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSearchKnowsAllDays checks that a search looks everywhere where there is
// something, in whatever order and by whichever process it was written.
func TestSearchKnowsAllDays(t *testing.T) {
	t.Parallel()
	at := database(t)
	first, second := open(t, at), open(t, at)
	if err := postgres.PrepareDays(t.Context(), first, storetest.Noon(), storetest.After(3*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	onDays(t, first, 2, 3)
	onDays(t, second, 1, 40, -40)
	onDays(t, first, 100)
	for _, ledger := range []*postgres.Ledger{first, second} {
		wantFound(t, ledger, 6)
	}
}

// TestSearchKnowsWhatCameBefore checks that the migration notes what is there.
func TestSearchKnowsWhatCameBefore(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger := open(t, at)
	server.Exec(t, at, `DROP TRIGGER deliveries_kinds ON deliveries; DROP FUNCTION note_kinds; DROP TABLE kinds;
		DELETE FROM goose_db_version WHERE version_id = 7`)
	onDays(t, ledger, 0, 2, -30)
	if err := postgres.ApplyMigration(t.Context(), options(at), 7); err != nil {
		t.Fatal(err)
	}
	onDays(t, ledger, 1)
	wantFound(t, ledger, 4)
}

// TestSearchForNothing checks that what an endpoint or publisher never got is
// not looked for in any day.
func TestSearchForNothing(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger := open(t, at)
	onDays(t, ledger, 0)
	// Whoever looks into the days fails.
	server.Exec(t, at, `ALTER TABLE deliveries RENAME COLUMN reference TO gone`)
	for name, filter := range map[string]postback.DeliveryFilter{
		"endpoint that is nowhere":             {EndpointID: "ep_none"},
		"publisher that is nowhere":            {Publisher: "pub_none"},
		"endpoint of another publisher":        {EndpointID: "ep_1", Publisher: "pub_2"},
		"type that is nowhere":                 {EventType: "exchange.lost"},
		"pattern that is nowhere":              {EventType: "exchange.*"},
		"type that the endpoint never got":     {EndpointID: "ep_1", EventType: "exchange.lost"},
		"pattern that the publisher never got": {Publisher: "pub_1", EventType: "exchange.*"},
	} {
		found, next, err := ledger.Deliveries(t.Context(), filter, postback.Page{})
		if err != nil || len(found) > 0 || next != "" {
			t.Errorf("%s: %d found, cursor %q, %v", name, len(found), next, err)
		}
	}
	if _, _, err := ledger.Deliveries(t.Context(), postback.DeliveryFilter{EndpointID: "ep_1"}, postback.Page{}); err == nil {
		t.Error("a search that has something to find does not look for it")
	}
}

// TestSearchGoesOnBehindTests checks that a page of what waits is filled from
// behind what it leaves out.
func TestSearchGoesOnBehindTests(t *testing.T) {
	t.Parallel()
	ledger := open(t, database(t))
	for i := range 8 {
		item := storetest.Acceptance(storetest.Event(fmt.Sprintf("evt_%d", i)), "ep_1")
		item.Event.Test, item.Deliveries[0].Test = i > 1, i > 1
		if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
			t.Fatal(err)
		}
	}
	filter := postback.DeliveryFilter{States: []postback.State{postback.Pending}, NoTests: true}
	found, next, err := ledger.Deliveries(t.Context(), filter, postback.Page{Limit: 2})
	if err != nil || len(found) != 2 || next != "" || found[0].EventID != "evt_1" || found[1].EventID != "evt_0" {
		t.Errorf("found %v, cursor %q, %v", found, next, err)
	}
}

// TestSearchKeepsPublishersApart checks that a search for an endpoint and a
// publisher is for both, though an endpoint has one publisher as a rule.
func TestSearchKeepsPublishersApart(t *testing.T) {
	t.Parallel()
	ledger := open(t, database(t))
	for _, publisher := range []string{"pub_1", "pub_2", "pub_2"} {
		event := storetest.Event(storetest.NewID("evt", storetest.Noon()))
		event.Publisher = publisher
		if _, err := ledger.Accept(t.Context(), []postback.Acceptance{storetest.Acceptance(event, "ep_1")}); err != nil {
			t.Fatal(err)
		}
	}
	for publisher, want := range map[string]int{"pub_1": 1, "pub_2": 2, "pub_3": 0} {
		found, _, err := ledger.Deliveries(t.Context(), postback.DeliveryFilter{EndpointID: "ep_1", Publisher: publisher}, postback.Page{})
		if err != nil || len(found) != want {
			t.Errorf("%s: found %d of %d, %v", publisher, len(found), want, err)
		}
	}
}
