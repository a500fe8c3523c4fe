package postgres_test

import (
	"errors"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// What waits is mostly nothing, and that is what the planner knows of the table. When
// thousands wait then, what moves some of them must not read them all.
func TestStatisticsOfAnEmptyTableSlowNoMove(t *testing.T) {
	t.Parallel()
	url := database(t)
	ledger := open(t, url)
	deliverAll(t, ledger, storetest.Noon(), 100)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), "VACUUM (ANALYZE, TRUNCATE false) waiting")
	if err := errors.Join(err, conn.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	var items []postback.Acceptance
	for range 2000 {
		items = append(items, dueItem("ep_1", storetest.Noon()))
	}
	if _, err := ledger.Accept(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	var moves []postback.Transition
	for _, item := range items[:20] {
		moves = append(moves, storetest.Succeed(item.Deliveries[0].Ref()))
	}
	skipped := regexp.MustCompile(`Rows Removed by (?:Join )?Filter: \d{3,}`)
	for name, statement := range postgres.MoveStatements(moves, storetest.Noon()) {
		plan, err := postgres.AnalyzeByKey(t.Context(), ledger, statement)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if skipped.MatchString(plan) {
			t.Errorf("%s reads what it is not about:\n%s", name, plan)
		}
	}
}
