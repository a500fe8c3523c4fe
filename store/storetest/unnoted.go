package storetest

import (
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// DeadAgainUnnoted checks that a delivery which a replay opened before ledgers noted
// how such a one had ended, and for which nothing was sent, is a new dead letter
// when it expires. forget removes that note.
func DeadAgainUnnoted(t *testing.T, ledger Ledger, forget func()) {
	t.Helper()
	k := kit{T: t, Ledger: ledger}
	delivery := k.one()
	k.record(DeadLetter(delivery.Ref()))
	answers, err := k.Reopen(k.ctx(), []string{delivery.ID}, Noon(), Noon())
	k.must(err)
	k.record(Park(answers[0].Due.Delivery.Ref()))
	forget()
	ended, err := k.Expire(k.ctx(), "ep_1", After(time.Hour), After(2*time.Hour), 10)
	k.must(err)
	same(k, "expired", ended, 1)
	after := k.stored(delivery.ID)
	same(k, "state", after.State, postback.Dead)
	same(k, "reason", after.Reason, postback.ReasonMaxAge)
	k.must(k.SumDeadLetters(k.ctx(), After(24*time.Hour)))
	notices, err := k.Notices(k.ctx(), After(time.Hour), 10)
	k.must(err)
	same(k, "number of notices", len(notices), 1)
	same(k, "dead letters", notices[0].Count, 2)
}
