package postgres_test

import (
	"testing"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// TestRepeatOfWhatIsBeingPurged checks that a repeat whose event a purge has just
// taken away, while its id is not free yet, costs no other event its answer.
func TestRepeatOfWhatIsBeingPurged(t *testing.T) {
	t.Parallel()
	url := database(t)
	ledger := open(t, url)
	old := storetest.Acceptance(storetest.Event("evt_old"))
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{old}); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, url, `DELETE FROM events`)
	for _, err := range postgres.AcceptTogether(t.Context(), ledger, storetest.Acceptance(storetest.Event("evt_1"), "ep_1"), old) {
		if err != nil {
			t.Errorf("a caller is told %v", err)
		}
	}
	answers, err := ledger.Accept(t.Context(), []postback.Acceptance{old, storetest.Acceptance(storetest.Event("evt_2"), "ep_1")})
	if err != nil {
		t.Fatalf("the event beside it is refused: %v", err)
	}
	if code := postback.CodeOf(answers[0].Err); code != postback.CodeUnavailable || answers[1].Err != nil || answers[1].Duplicate {
		t.Errorf("the answers are %v and %+v, want that the first is unavailable and the second accepted", answers[0].Err, answers[1])
	}
}
