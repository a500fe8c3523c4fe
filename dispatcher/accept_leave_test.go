package dispatcher_test

import (
	"context"
	"testing"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// impatient is a ledger whose caller leaves during the commit: what is written
// stays written, as in the ledger's contract.
type impatient struct {
	dispatcher.Ledger

	leave   func()
	bounded bool
}

func (i *impatient) Accept(ctx context.Context, items []postback.Acceptance) ([]postback.Acceptance, error) {
	_, i.bounded = ctx.Deadline()
	answers, err := i.Ledger.Accept(context.WithoutCancel(ctx), items)
	i.leave()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return answers, err
}

// What the caller left behind is due at once, not when the sweeper finds that
// nobody has queued it.
func TestAcceptingIsFinishedWhenTheCallerLeaves(t *testing.T) {
	t.Parallel()
	ledger := &impatient{}
	b := setup(t, func(o *dispatcher.Options) {
		ledger.Ledger = o.Accept.Ledger
		o.Accept.Ledger = ledger
	})
	b.offer(t)
	b.swept(t)
	run(t, b.Dispatcher)
	calls := map[string]func(context.Context) error{
		"a request": func(ctx context.Context) error {
			_, err := b.Accept(ctx, []postback.Event{event(t, "tx-1")})
			return err
		},
		"a task": func(ctx context.Context) error {
			return b.AcceptQueued(ctx, []byte(`{"id":"tx-2","type":"conversion.completed","publisher":"pub_1","data":{"a":1}}`))
		},
	}
	for name, call := range calls {
		before := len(b.queue.all())
		ctx, leave := context.WithCancel(t.Context())
		ledger.leave = leave
		if err := call(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		testkit.Eventually(t, name+" that ended early has its delivery in the queue", func() bool { return len(b.queue.all()) == before+1 })
		if !ledger.bounded {
			t.Errorf("%s waits for the ledger for ever", name)
		}
	}
}
