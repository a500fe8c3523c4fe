package worker_test

import (
	"testing"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
	"github.com/waybillhq/waybill/worker"
)

// forgetful has lost the declaration of every scheme.
type forgetful struct{}

func (forgetful) Define(name string) (*signer.Definition, error) {
	return nil, signer.UnknownScheme(name, nil)
}

// A declaration that is missing is our own trouble: the delivery waits, and
// uses up no attempt.
func TestAMissingDeclarationUsesUpNoAttempt(t *testing.T) {
	t.Parallel()
	b := setup(t, func(options *worker.Options) { options.Schemes = forgetful{} })
	delivery, attempts := b.once(t, b.exchange(t).ID)
	expectState(t, delivery, postback.Pending, "", 0)
	if len(attempts) != 0 || delivery.NextAttemptAt.IsZero() {
		t.Errorf("%d attempts, the next one at %s", len(attempts), delivery.NextAttemptAt)
	}
	b.expectRequests(t, 0)
}
