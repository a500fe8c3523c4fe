package postgres_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

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
	plans, err := postgres.PlansOfMoves(t.Context(), ledger, moves, storetest.Noon())
	if err != nil {
		t.Fatal(err)
	}
	whole := regexp.MustCompile(`(?:Seq|Index|Index Only) Scan(?: using \S+)? on waiting |Rows Removed by (?:Join Filter|Filter|Index Recheck): \d{3,}`)
	seen := 0
	for statement, plan := range plans {
		if strings.Contains(plan, "on waiting") {
			seen++
		}
		if whole.MatchString(plan) {
			t.Errorf("reads what it is not about: %s\n%s", statement, plan)
		}
	}
	if seen < 4 { // a success, what is put off, what ends, what takes back how it had ended
		t.Errorf("%d of %d statements change what waits", seen, len(plans))
	}
}

// What is due is read by its keys, many at a time, and not with all else of its day.
func TestReadingWhatIsDueReadsNothingElse(t *testing.T) {
	t.Parallel()
	url := database(t)
	ledger := open(t, url)
	var ids []string
	var items []postback.Acceptance
	for i := range 6000 {
		item := dueItem("ep_1", storetest.Noon())
		item.Event.AcceptedAt = storetest.Noon().Add(time.Duration(i) * time.Microsecond)
		item.Event.Data = json.RawMessage(`{"a":"` + strings.Repeat("x", 1500) + `"}`) // a table for which it pays to have help, the planner thinks
		items = append(items, item)
		if i%12 == 0 {
			ids = append(ids, item.Deliveries[0].ID)
		}
	}
	for some := range slices.Chunk(items, 1000) {
		if _, err := ledger.Accept(t.Context(), some); err != nil {
			t.Fatal(err)
		}
	}
	plans, err := postgres.PlansOfReads(t.Context(), ledger, ids)
	if err != nil {
		t.Fatal(err)
	}
	more := regexp.MustCompile(`Parallel|Seq Scan|Rows Removed by (?:Filter|Index Recheck): \d{3,}|rows=\d{4,}`)
	for statement, plan := range plans {
		if more.MatchString(plan) || !strings.Contains(plan, "rows=500") {
			t.Errorf("reads more than 500 rows: %s\n%s", statement, plan)
		}
	}
}

// Of a group only those are recorded in the short way that wait for that attempt, do
// not go in order, and are the first of their delivery. The others are left as they are.
func TestSuccessesThatNeedAnotherLook(t *testing.T) {
	t.Parallel()
	ledger := open(t, database(t))
	var items []postback.Acceptance
	for range 5 {
		items = append(items, dueItem("ep_1", storetest.Noon()))
	}
	items[1].Deliveries[0].OrderKey = "tx-1"
	if _, err := ledger.Accept(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	refs := make([]postback.Ref, len(items))
	for i, item := range items {
		refs[i] = item.Deliveries[0].Ref()
	}
	if err := ledger.Record(t.Context(), storetest.Park(refs[2])); err != nil {
		t.Fatal(err)
	}
	older := refs[3]
	older.Generation++
	repeated := storetest.Succeed(refs[0])
	repeated.Attempt.StartedAt = repeated.Attempt.StartedAt.Add(time.Second)
	got, err := postgres.SucceedTogether(t.Context(), ledger, storetest.Succeed(refs[0]), repeated,
		storetest.Succeed(refs[1]), storetest.Succeed(refs[2]), storetest.Succeed(older), storetest.Succeed(refs[4]))
	if want := []bool{true, false, false, false, false, true}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
	for i, want := range []postback.State{postback.Succeeded, postback.Pending, postback.Parked, postback.Pending, postback.Succeeded} {
		d, attempts, err := ledger.Delivery(t.Context(), refs[i].DeliveryID)
		if err != nil || d.State != want || len(attempts) != map[bool]int{true: 1}[want == postback.Succeeded] {
			t.Errorf("delivery %d is %s after %d attempts, %v, want %s", i, d.State, len(attempts), err, want)
		}
	}
}
