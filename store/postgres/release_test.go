package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// park accepts parked deliveries of an endpoint, and returns their ids.
func park(t *testing.T, ledger *postgres.Ledger, endpointID string, count int) []string {
	t.Helper()
	ids := make([]string, count)
	for i := range ids {
		item := storetest.Acceptance(storetest.Event(storetest.NewID("evt", storetest.Noon())), endpointID)
		delivery := &item.Deliveries[0]
		delivery.State, delivery.Reason, delivery.NextAttemptAt, delivery.SweepAt = postback.Parked, postback.ReasonOverLimit, time.Time{}, time.Time{}
		if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
			t.Fatal(err)
		}
		ids[i] = delivery.ID
	}
	return ids
}

// What is released for many endpoints in one transaction waits for no delivery
// that somebody holds, and each caller learns of its own.
func TestADeliveryThatIsHeldHoldsUpNoRelease(t *testing.T) {
	t.Parallel()
	ledger := open(t, database(t))
	held := park(t, ledger, "ep_1", 3)[0]
	park(t, ledger, "ep_2", 4)
	release, err := postgres.HoldDelivery(t.Context(), ledger, held)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	got, err := postgres.ReleaseTogether(t.Context(), ledger, storetest.Noon(), "ep_1", "ep_none", "ep_2", "ep_1")
	if err != nil || !slices.Equal(got, []int{2, 0, 4, 0}) {
		t.Fatalf("released %v, %v", got, err)
	}
	release()
	if n, err := ledger.Release(t.Context(), "ep_1", storetest.Noon(), 10, 10); err != nil || n != 1 {
		t.Errorf("released %d, %v, when nobody held it any more", n, err)
	}
}
