package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// value is the one value that a query finds.
func value[T any](t *testing.T, at, query string) (found T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if err := conn.QueryRow(t.Context(), query).Scan(&found); err != nil {
		t.Fatal(err)
	}
	return found
}

// tablesOfDays is how much is in the tables of days, and how many there are.
const (
	spaceOfDays = `SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class WHERE relkind = 'r' AND relname ~ '_[0-9]{8}$'`
	countOfDays = `SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '_[0-9]{8}$'`
)

// ended writes deliveries of a time that succeeded.
func ended(t *testing.T, ledger *postgres.Ledger, at time.Time, n int) []postback.Delivery {
	t.Helper()
	var items []postback.Acceptance
	var made []postback.Delivery
	for i := range n {
		event := storetest.Event(fmt.Sprintf("evt_%d_%d", at.Unix(), i))
		event.AcceptedAt = at
		items = append(items, storetest.Acceptance(event, "ep_1"))
		made = append(made, items[i].Deliveries...)
	}
	if _, err := ledger.Accept(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	for _, d := range made {
		if err := ledger.Record(t.Context(), storetest.Succeed(d.Ref())); err != nil {
			t.Fatal(err)
		}
	}
	return made
}

func prune(t *testing.T, ledger *postgres.Ledger, before time.Time) (gone int) {
	t.Helper()
	for range 1000 {
		n, err := ledger.Prune(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return gone
		}
		gone += n
	}
	t.Fatal("pruning never ends")
	return 0
}

// TestPruneDropsDays checks that days go whole and give their space back.
func TestPruneDropsDays(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger := open(t, at)
	day := 24 * time.Hour
	if err := postgres.PrepareDays(t.Context(), ledger, storetest.Noon(), storetest.After(3*day)); err != nil {
		t.Fatal(err)
	}
	ended(t, ledger, storetest.Noon(), 200)
	kept := ended(t, ledger, storetest.After(3*day), 1)
	before := value[int64](t, at, spaceOfDays)
	if gone := prune(t, ledger, storetest.After(3*day)); gone < 400 {
		t.Errorf("%d rows went", gone)
	}
	if n := value[int64](t, at, countOfDays); n != 3 {
		t.Errorf("%d tables of days are left", n)
	}
	if after := value[int64](t, at, spaceOfDays); after > before/2 {
		t.Errorf("the days take %d bytes, before %d", after, before)
	}
	if _, _, err := ledger.Delivery(t.Context(), kept[0].ID); err != nil {
		t.Error(err)
	}
	if n := value[int64](t, at, `SELECT count(*) FROM event_ids`); n != 1 {
		t.Errorf("%d event ids are left", n)
	}
}

// TestPruneKeepsADayOfMany checks that a day with more survivors than are moved
// loses what ended, row by row.
func TestPruneKeepsADayOfMany(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger := open(t, at)
	if err := postgres.PrepareDays(t.Context(), ledger, storetest.Noon(), storetest.Noon()); err != nil {
		t.Fatal(err)
	}
	ended(t, ledger, storetest.Noon(), 20)
	var items []postback.Acceptance
	for i := range 600 {
		items = append(items, storetest.Acceptance(storetest.Event(fmt.Sprintf("evt_waits_%d", i)), "ep_1"))
	}
	if _, err := ledger.Accept(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	prune(t, ledger, storetest.After(100*24*time.Hour))
	if n := value[int64](t, at, `SELECT count(*) FROM deliveries_20260131`); n != 600 {
		t.Errorf("%d deliveries are left", n)
	}
	if n := value[int64](t, at, `SELECT count(*) FROM events_20260131`); n != 600 {
		t.Errorf("%d events are left", n)
	}
}

// TestPrepareMovesWhatCameBefore checks that rows which came before their day's
// partition are moved into it.
func TestPrepareMovesWhatCameBefore(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger := open(t, at)
	made := ended(t, ledger, storetest.Noon(), 5)
	if err := postgres.PrepareDays(t.Context(), ledger, storetest.Noon(), storetest.Noon()); err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]int64{
		"deliveries_default": 0, "attempts_default": 0, "events_default": 0,
		"deliveries_20260131": 5, "attempts_20260131": 5, "events_20260131": 5,
	} {
		if n := value[int64](t, at, `SELECT count(*) FROM `+table); n != want {
			t.Errorf("%s has %d rows, want %d", table, n, want)
		}
	}
	if delivery, attempts, err := ledger.Delivery(t.Context(), made[0].ID); err != nil || delivery.State != postback.Succeeded || len(attempts) != 1 {
		t.Errorf("delivery is %s after %d attempts, %v", delivery.State, len(attempts), err)
	}
}

// TestPrepareDisturbsNobody checks that what is written while the partition of its
// day is made is written.
func TestPrepareDisturbsNobody(t *testing.T) {
	t.Parallel()
	accept := func(ledger *postgres.Ledger) error {
		_, err := ledger.Accept(t.Context(), []postback.Acceptance{storetest.Acceptance(storetest.Event("evt_new"), "ep_1")})
		return err
	}
	tests := map[string]func(ledger *postgres.Ledger, waiting postback.Ref) error{
		"deliveries": func(ledger *postgres.Ledger, _ postback.Ref) error { return accept(ledger) },
		"events":     func(ledger *postgres.Ledger, _ postback.Ref) error { return accept(ledger) },
		"attempts": func(ledger *postgres.Ledger, waiting postback.Ref) error {
			return ledger.Record(t.Context(), storetest.Succeed(waiting))
		},
	}
	for table, write := range tests {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			at := database(t)
			ledger := open(t, at)
			before := storetest.Acceptance(storetest.Event("evt_before"), "ep_1")
			if _, err := ledger.Accept(t.Context(), []postback.Acceptance{before}); err != nil {
				t.Fatal(err)
			}
			maker, err := pgx.Connect(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = maker.Close(t.Context()) }()
			for _, statement := range append([]string{`BEGIN`}, postgres.MakeDay(table, storetest.Noon())...) {
				if _, err := maker.Exec(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			written := make(chan error, 1)
			go func() { written <- write(ledger, before.Deliveries[0].Ref()) }()
			testkit.Eventually(t, "the writer waits", func() bool {
				return value[int64](t, at, `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '`+table+`_default'::regclass`) > 0
			})
			if _, err := maker.Exec(t.Context(), `COMMIT`); err != nil {
				t.Fatal(err)
			}
			if err := <-written; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPruneWaitsForALongQuery checks that a step which a long transaction holds
// up says so, or waits, and stops no writer meanwhile.
func TestPruneWaitsForALongQuery(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger := open(t, at)
	if err := postgres.PrepareDays(t.Context(), ledger, storetest.Noon(), storetest.Noon()); err != nil {
		t.Fatal(err)
	}
	ended(t, ledger, storetest.Noon(), 5)
	conn, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for _, statement := range []string{`BEGIN`, `SELECT count(*) FROM events`, `SELECT count(*) FROM waiting`, `SELECT count(*) FROM deliveries`} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	pruned := make(chan error, 1)
	go func() {
		_, err := ledger.Prune(t.Context(), storetest.After(100*24*time.Hour))
		pruned <- err
	}()
	for i := range 20 {
		ended(t, ledger, storetest.After(time.Duration(1+i)*24*time.Hour), 1)
	}
	if _, err := conn.Exec(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if err := <-pruned; err != nil {
		t.Fatal(err)
	}
}

// TestPruneLosesNothingThatComesLate checks that what is accepted into an old
// day between the look at it and its end stays, with its event: a clock may be
// days behind.
func TestPruneLosesNothingThatComesLate(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"deliveries", "events"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			at := database(t)
			ledger := open(t, at)
			if err := postgres.PrepareDays(t.Context(), ledger, storetest.Noon(), storetest.Noon()); err != nil {
				t.Fatal(err)
			}
			ended(t, ledger, storetest.Noon(), 5)
			before := storetest.After(100 * 24 * time.Hour)
			if table == "events" { // the deliveries' day is gone by then
				if _, err := ledger.Prune(t.Context(), before); err != nil {
					t.Fatal(err)
				}
			}
			reader, err := pgx.Connect(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = reader.Close(t.Context()) }()
			// A reader holds the end of the day up, so that an event comes first.
			if _, err := reader.Exec(t.Context(), `BEGIN; LOCK TABLE `+table+`_20260131 IN ACCESS SHARE MODE`); err != nil {
				t.Fatal(err)
			}
			pruned := make(chan error, 1)
			go func() {
				_, err := ledger.Prune(t.Context(), before)
				pruned <- err
			}()
			testkit.Eventually(t, "the look is over", func() bool {
				return value[int64](t, at, `SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' AND relation = '`+table+`_20260131'::regclass`) > 0
			})
			late := storetest.Acceptance(storetest.Event("evt_late"), "ep_1")
			if _, err := ledger.Accept(t.Context(), []postback.Acceptance{late}); err != nil {
				t.Fatal(err)
			}
			if _, err := reader.Exec(t.Context(), `ROLLBACK`); err != nil {
				t.Fatal(err)
			}
			if err := <-pruned; err != nil {
				t.Fatal(err)
			}
			prune(t, ledger, before)
			if n := value[int64](t, at, countOfDays); n != 0 {
				t.Errorf("%d tables of days are left", n)
			}
			if _, err := ledger.Due(t.Context(), late.Deliveries[0].Ref()); err != nil {
				t.Errorf("the delivery that came late: %v", err)
			}
			again, err := ledger.Accept(t.Context(), []postback.Acceptance{late})
			if err != nil || !again[0].Duplicate {
				t.Errorf("the event that came late is accepted again: %+v, %v", again, err)
			}
		})
	}
}

// TestPrepareBringsBackWhatWasLetGo checks that a day that was let go and is
// needed again is there again, with all that is in it.
func TestPrepareBringsBackWhatWasLetGo(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger := open(t, at)
	if err := postgres.PrepareDays(t.Context(), ledger, storetest.Noon(), storetest.Noon()); err != nil {
		t.Fatal(err)
	}
	made := ended(t, ledger, storetest.Noon(), 3)
	server.Exec(t, at, `ALTER TABLE deliveries DETACH PARTITION deliveries_20260131; ALTER TABLE attempts DETACH PARTITION attempts_20260131`)
	made = append(made, ended(t, ledger, storetest.After(time.Hour), 1)...) // in the default partition
	if err := postgres.PrepareDays(t.Context(), ledger, storetest.Noon(), storetest.Noon()); err != nil {
		t.Fatal(err)
	}
	for _, d := range made {
		if _, attempts, err := ledger.Delivery(t.Context(), d.ID); err != nil || len(attempts) != 1 {
			t.Errorf("%s has %d attempts, %v", d.ID, len(attempts), err)
		}
	}
}
