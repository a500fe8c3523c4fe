package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// stumble makes the first writes to a table fail, so that they are tried again. A
// sequence counts what was rolled back, too.
const stumble = `CREATE SEQUENCE stumbles;
	CREATE FUNCTION stumble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('stumbles') <= %d THEN RAISE EXCEPTION 'stumble' USING ERRCODE = '%s'; END IF;
		RETURN NEW;
	END $$;
	CREATE TRIGGER stumble BEFORE %s FOR EACH ROW EXECUTE FUNCTION stumble()`

// acceptGroup accepts events whose deliveries stand in one group.
func acceptGroup(t *testing.T, ledger *postgres.Ledger, ids ...string) []postback.Delivery {
	t.Helper()
	items := make([]postback.Acceptance, len(ids))
	for i, id := range ids {
		items[i] = storetest.Acceptance(storetest.Event(id), "ep_1")
		items[i].Deliveries[0].OrderKey = "tx-1"
	}
	answers, err := ledger.Accept(t.Context(), items)
	if err != nil {
		t.Fatal(err)
	}
	var all []postback.Delivery
	for i, answer := range answers {
		if answer.Err != nil {
			t.Fatal(answer.Err)
		}
		if items[i].Deliveries[0].State != postback.Pending {
			t.Errorf("the caller's delivery was changed: it is %s", items[i].Deliveries[0].State)
		}
		all = append(all, answer.Deliveries...)
	}
	return all
}

// wantStates checks where deliveries stand.
func wantStates(t *testing.T, ledger *postgres.Ledger, deliveries []postback.Delivery, want ...string) {
	t.Helper()
	var got []string
	for _, d := range deliveries {
		stored, _, err := ledger.Delivery(t.Context(), d.ID)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(stored.State)+string(stored.Reason))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("they are %q, want %q", got, want)
	}
}

// TestOrderAfterFailedTries checks that a group begins as it should however often
// its insert is tried, and wherever a try fails.
func TestOrderAfterFailedTries(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"INSERT ON event_ids", "INSERT ON order_heads", "UPDATE ON waiting"} {
		for _, code := range []string{"40P01", "23514"} {
			t.Run(at+" "+code, func(t *testing.T) {
				t.Parallel()
				url := database(t)
				ledger := open(t, url)
				server.Exec(t, url, fmt.Sprintf(stumble, 6, code, at))
				group := acceptGroup(t, ledger, "evt_1", "evt_2")
				wantStates(t, ledger, group, "pending", "parkedordered")
				if group[0].State != postback.Pending || group[1].Reason != postback.ReasonOrdered {
					t.Errorf("the answer is %s and %s", group[0].State, group[1].Reason)
				}
			})
		}
	}
}

// TestOrderAfterAnothersFault checks groups whose insert failed with a group, for
// what another caller's work held, and is tried alone.
func TestOrderAfterAnothersFault(t *testing.T) {
	t.Parallel()
	url := database(t)
	ledger := open(t, url)
	group := acceptGroup(t, ledger, "evt_1")
	good, bad := storetest.Acceptance(storetest.Event("evt_2"), "ep_1"), storetest.Acceptance(storetest.Event("evt_3"), "ep_1")
	good.Deliveries[0].OrderKey, bad.Deliveries[0].OrderKey = "tx-2", "tx-3"
	bad.Deliveries[0].ID = group[0].ID // is there already
	errs := postgres.AcceptTogether(t.Context(), ledger, good, bad)
	if errs[0] != nil || errs[1] == nil {
		t.Fatalf("answers are %v", errs)
	}
	wantStates(t, ledger, good.Deliveries, "pending")
}

// broken are the ways in which a group can wait for nobody.
func broken() map[string]string {
	return map[string]string{
		"a head that waits for itself": `UPDATE waiting SET state = 'parked', reason = 'ordered', next_attempt_at = NULL, sweep_at = NULL
			WHERE id = (SELECT delivery_id FROM order_heads);
			UPDATE deliveries SET state = 'parked', reason = 'ordered' WHERE id = (SELECT delivery_id FROM order_heads)`,
		"a head that has ended": `DELETE FROM waiting WHERE id = (SELECT delivery_id FROM order_heads);
			UPDATE deliveries SET state = 'dead', reason = 'rejected', completed_at = now() WHERE id = (SELECT delivery_id FROM order_heads)`,
		"a head that is not there": `UPDATE order_heads SET delivery_id = 'dlv_gone'`,
		"a place without a head":   `UPDATE order_heads SET delivery_id = '?1.dlv_gone'`,
		"no place":                 `DELETE FROM order_heads`,
	}
}

// TestMendGroups checks that a group in which all wait for nobody goes on, and that
// others stay as they are.
func TestMendGroups(t *testing.T) {
	t.Parallel()
	for name, statements := range broken() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := database(t)
			ledger := open(t, url)
			group := acceptGroup(t, ledger, "evt_1", "evt_2", "evt_3")
			if n, err := ledger.MendGroups(t.Context(), "ep_1", time.Now(), 10); n != 0 || err != nil {
				t.Fatalf("%d groups mended though none is stuck, %v", n, err)
			}
			server.Exec(t, url, statements)
			first := 1
			if name == "a head that waits for itself" {
				first = 0
			} else if name != "a head that has ended" {
				// Two would go at once if the one that was at the head went on.
				if err := ledger.Record(t.Context(), storetest.Succeed(group[0].Ref())); err != nil {
					t.Fatal(err)
				}
			}
			for want := 1; want >= 0; want-- {
				if n, err := ledger.MendGroups(t.Context(), "ep_1", time.Now(), 10); n != want || err != nil {
					t.Fatalf("%d groups mended, want %d, %v", n, want, err)
				}
			}
			for _, d := range group[first:] {
				wantStates(t, ledger, []postback.Delivery{d}, "pending")
				if err := ledger.Record(t.Context(), storetest.Succeed(d.Ref())); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
