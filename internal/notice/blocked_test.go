package notice_test

import (
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/notice"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/storetest"
)

func block(endpointID, cause string, at time.Time) postback.Block {
	return postback.Block{EndpointID: endpointID, Cause: cause, Message: "add key 2 to the keyring", At: at}
}

// Each process finds the same cause with each of its attempts: operators are
// alerted once, and again the next day if it lasts.
func TestABlockedEndpointIsAlertedOnceForEachCause(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, other := b.process(t), b.process(t)
	noon := storetest.Noon()
	for i, step := range []struct {
		block postback.Block
		want  int
	}{
		{block(b.endpoint.ID, "secret_sealed", noon), 1},
		{block(b.endpoint.ID, "secret_sealed", noon.Add(time.Hour)), 1},
		{block(b.endpoint.ID, "unknown_scheme", noon.Add(time.Hour)), 2},
		{block(b.endpoint.ID, "secret_sealed", noon.Add(24*time.Hour)), 3},
		{block("ep_unknown", "secret_sealed", noon), 3},
	} {
		for _, process := range []*notice.Notifier{one, other} {
			if err := process.Blocked(t.Context(), step.block); err != nil {
				t.Fatal(err)
			}
		}
		if sent := len(b.sent(t)); sent != step.want {
			t.Errorf("step %d: sent %d times, want %d", i, sent, step.want)
		}
	}
	b.expectSent(t, map[string]int{postback.NoticeBlocked: 3})
	data := keysOf(t, b.dataOf(t, postback.NoticeBlocked))
	if data["cause"] != "secret_sealed" || data["message"] == "" || data["host"] != "publisher.example.com:8443" || data["publisher"] != b.endpoint.Publisher {
		t.Errorf("the data is %v", data)
	}
}

// What blocks an endpoint is kept for those who look, of an operator's as well.
func TestABlockedEndpointIsNoted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, endpoint := range []postback.Endpoint{b.endpoint, b.operator} {
		want := block(endpoint.ID, "secret_sealed", storetest.Noon())
		if err := b.process(t).Blocked(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		want.Since = want.At
		if got, found, err := b.Ledger.Block(t.Context(), endpoint.ID, want.At); !found || err != nil || got != want {
			t.Errorf("noted %+v, %v; want %+v", got, err, want)
		}
	}
}

// While the ledger is away nobody is alerted, and the caller learns that.
func TestABlockThatCannotBeRecordedFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.intake.away.Store(true)
	if err := b.process(t).Blocked(t.Context(), block(b.endpoint.ID, "secret_sealed", storetest.Noon())); err == nil {
		t.Error("no error though the ledger is away")
	}
}
