package postgres_test

import (
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// madeOnDays is a ledger with tables of the day of storetest.Noon and the next one, and
// with some deliveries of each.
func madeOnDays(t *testing.T, days, each int) (url string, ledger *postgres.Ledger, refs []postback.Ref) {
	t.Helper()
	url = database(t)
	ledger = open(t, url)
	if err := postgres.PrepareDays(t.Context(), ledger, storetest.Noon(), storetest.After(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	for i := range days * each {
		at := storetest.After(time.Duration(i/each) * 24 * time.Hour)
		event := storetest.Event(storetest.NewID("evt", at))
		event.AcceptedAt = at
		item := postback.Acceptance{Event: event, Deliveries: []postback.Delivery{storetest.Delivery(event, "ep_1")}}
		if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
			t.Fatal(err)
		}
		refs = append(refs, item.Deliveries[0].Ref())
	}
	return url, ledger, refs
}

// succeeded checks that all are recorded, each with its attempt.
func succeeded(t *testing.T, ledger *postgres.Ledger, refs []postback.Ref) {
	t.Helper()
	for _, ref := range refs {
		delivery, attempts, err := ledger.Delivery(t.Context(), ref.DeliveryID)
		if err != nil || delivery.State != postback.Succeeded || len(attempts) != 1 {
			t.Errorf("%s is %s after %d attempts, %v", ref.DeliveryID, delivery.State, len(attempts), err)
		}
	}
}

func TestSuccessesArePlannedOnce(t *testing.T) {
	t.Parallel()
	const each = 20
	_, ledger, refs := madeOnDays(t, 1, each)
	for _, ref := range refs {
		if err := ledger.Record(t.Context(), storetest.Succeed(ref)); err != nil {
			t.Fatal(err)
		}
	}
	succeeded(t, ledger, refs)
	once, anew, err := postgres.Planned(t.Context(), ledger, "deliveries_20260131")
	if err != nil || once != each || anew != 0 {
		t.Errorf("%d ran by a plan that was there, %d were planned, %v", once, anew, err)
	}
}

// A group may hold successes of two days.
func TestSuccessesOfTwoDays(t *testing.T) {
	t.Parallel()
	_, ledger, refs := madeOnDays(t, 2, 3)
	var moves []postback.Transition
	for _, ref := range refs {
		moves = append(moves, storetest.Succeed(ref))
	}
	recorded, err := postgres.SucceedTogether(t.Context(), ledger, moves...)
	if err != nil {
		t.Fatal(err)
	}
	for i, one := range recorded {
		if !one {
			t.Errorf("%s is not recorded", refs[i].DeliveryID)
		}
	}
	succeeded(t, ledger, refs)
}

// Tables that may not be named any more are reached through their parents.
func TestSuccessesOfTablesThatMayNotBeNamed(t *testing.T) {
	t.Parallel()
	url, ledger, refs := madeOnDays(t, 1, 3)
	if err := ledger.Record(t.Context(), storetest.Succeed(refs[0])); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, url, `ALTER TABLE deliveries_20260131 RENAME TO elsewhere`)
	for _, ref := range refs[1:] {
		if err := ledger.Record(t.Context(), storetest.Succeed(ref)); err != nil {
			t.Fatal(err)
		}
	}
	succeeded(t, ledger, refs)
}
