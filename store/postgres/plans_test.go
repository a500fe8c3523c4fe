package postgres_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// partitions are the partitions that a plan names.
func partitions(plan string) []string {
	found := regexp.MustCompile(`\b(deliveries|attempts|events)_(\d{8}|default)\b`).FindAllString(plan, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func explain(t *testing.T, ledger *postgres.Ledger, statement postgres.Statement) string {
	t.Helper()
	plan, err := postgres.Explain(t.Context(), ledger, statement)
	if err != nil {
		t.Fatalf("explain %s: %v", statement.Query, err)
	}
	return plan
}

// TestPlans checks, with as many days as a ledger has, that what every attempt
// asks for plans and touches the partitions of its day alone, that the queue
// touches none, and that listings read indexes in their order.
func TestPlans(t *testing.T) {
	t.Parallel()
	ledger := open(t, database(t))
	const days = 97
	if err := postgres.PrepareDays(t.Context(), ledger, storetest.After(-(days-7)*24*time.Hour), storetest.After(6*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	item := storetest.Acceptance(storetest.Event("evt_1"), "ep_1")
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
		t.Fatal(err)
	}
	for name, statement := range postgres.OneDayStatements(item.Deliveries[0].ID, storetest.Noon()) {
		plan := explain(t, ledger, statement)
		perTable := map[string]int{}
		for _, one := range partitions(plan) {
			if !strings.HasSuffix(one, "_20260131") {
				t.Errorf("%s touches %s:\n%s", name, one, plan)
			}
			perTable[one]++
		}
		if len(perTable) == 0 {
			t.Errorf("%s touches no partition:\n%s", name, plan)
		}
	}
	for name, statement := range postgres.QueueStatements(storetest.Noon()) {
		if plan := explain(t, ledger, statement); len(partitions(plan)) > 0 || strings.Contains(plan, "Seq Scan on waiting") && name != "any" || name == "next" && strings.Contains(plan, "Sort") {
			t.Errorf("%s:\n%s", name, plan)
		}
	}
	checkListings(t, ledger)
	before := time.Now()
	for range 200 {
		if _, err := ledger.Claim(t.Context(), postback.Claim{Now: storetest.Noon().Add(-time.Hour), Next: storetest.Noon(), Limit: 100}); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("an idle claim over %d days takes %v", days, time.Since(before)/200)
}

// checkListings checks that a listing neither sorts nor reads a whole partition.
func checkListings(t *testing.T, ledger *postgres.Ledger) {
	t.Helper()
	for _, filter := range []postback.DeliveryFilter{
		{},
		{EndpointID: "ep_1"},
		{Publisher: "pub_1"},
		{Reference: "tx-1"},
		{EndpointID: "ep_1", Publisher: "pub_2", EventType: "exchange.*"},
		{Publisher: "pub_1", EventType: "exchange.*"},
		{EventType: "exchange.*"},
		{EventType: "exchange.refunded"},
		{States: []postback.State{postback.Dead}},
		{States: []postback.State{postback.Dead}, EndpointID: "ep_1"},
		{States: []postback.State{postback.Succeeded}, Publisher: "pub_1"},
		{Statuses: postback.Statuses{"500"}, Publisher: "pub_1"},
		{Statuses: postback.Statuses{"5xx"}},
		{Statuses: postback.Statuses{"5xx", "404"}, EndpointID: "ep_1"},
		{Errors: []string{"timeout"}},
		{Errors: []string{"timeout"}, EndpointID: "ep_1"},
		{Reasons: []postback.Reason{postback.ReasonExhausted}, Publisher: "pub_1"},
		{Since: storetest.After(-48 * time.Hour), Until: storetest.After(-24 * time.Hour)},
	} {
		for _, statement := range postgres.ListStatements(filter, storetest.NewID("dlv", storetest.Noon())) {
			plan := explain(t, ledger, statement)
			if strings.Contains(plan, "Sort Key: d.id DESC\n") && strings.Contains(plan, "->  Sort\n") || strings.Contains(plan, "Seq Scan on deliveries") {
				t.Errorf("%+v:\n%s", filter, plan)
			}
			if filter.EventType != "" && filter.EndpointID == "" && filter.Publisher == "" && strings.Contains(plan, "_pkey on deliveries") {
				t.Errorf("%+v reads all types:\n%s", filter, plan)
			}
			if !filter.Since.IsZero() && len(partitions(plan)) > 4 {
				t.Errorf("two days are in %v", partitions(plan))
			}
		}
	}
}
