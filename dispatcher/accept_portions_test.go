package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/postback"
)

// portioned is a ledger that notes how many deliveries it is asked to record at
// once, and is away after so many calls.
type portioned struct {
	dispatcher.Ledger

	sizes []int
	calls int // that it answers
}

func (p *portioned) Accept(ctx context.Context, items []postback.Acceptance) ([]postback.Acceptance, error) {
	if len(p.sizes) == p.calls {
		return nil, errAway
	}
	size := 0
	for _, item := range items {
		size += len(item.Deliveries)
	}
	p.sizes = append(p.sizes, size)
	return p.Ledger.Accept(ctx, items)
}

// crowded is a publisher with so many endpoints, and a batch of so many events for it.
func crowded(t *testing.T, endpoints, events, calls int) (*bench, *portioned, []postback.Event) {
	t.Helper()
	ledger := &portioned{calls: calls}
	b := setup(t, func(o *dispatcher.Options) {
		ledger.Ledger = o.Accept.Ledger
		o.Accept.Ledger = ledger
	})
	for range endpoints {
		b.offer(t)
	}
	batch := make([]postback.Event, events)
	for i := range batch {
		batch[i] = event(t, fmt.Sprintf("tx-%d", i))
	}
	return b, ledger, batch
}

// Other callers wait for the transaction before theirs: no batch makes a long one.
func TestABatchForManyEndpointsIsRecordedInPortions(t *testing.T) {
	t.Parallel()
	b, ledger, batch := crowded(t, 60, 40, 100)
	b.swept(t)
	answers, err := b.Accept(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(ledger.sizes), "[960 960 480]"; got != want {
		t.Errorf("recorded %s deliveries at once, want %s", got, want)
	}
	ahead := map[bool]int{}
	for i, answer := range answers {
		if answer.Event.ID != batch[i].ID || len(answer.Deliveries) != 60 {
			t.Errorf("answer %d is of %s with %d deliveries", i, answer.Event.ID, len(answer.Deliveries))
		}
		for _, one := range answer.Deliveries {
			ahead[one.NextAttemptAt.Equal(one.CreatedAt)]++
		}
	}
	if ahead[true] != dispatcher.Abreast {
		t.Errorf("%d deliveries of one request use the lane of new ones, want %d", ahead[true], dispatcher.Abreast)
	}
}

// What was recorded is answered so, although the ledger failed then: an event
// without an id of the producer's is another one when it is sent again.
func TestALedgerThatFailsInABatchCostsTheRestOfIt(t *testing.T) {
	t.Parallel()
	b, _, batch := crowded(t, 60, 40, 1)
	batch[39] = parse(t, `{"id":"tx-bad","type":"conversion.completed","publisher":"pub_1","data":{"a":[]}}`)
	answers, err := b.Accept(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, answer := range answers {
		if i < 16 && (answer.Err != nil || len(answer.Deliveries) != 60) {
			t.Errorf("event %d was recorded and is answered with %v", i, answer.Err)
		}
		if i >= 16 && !errors.Is(answer.Err, errAway) {
			t.Errorf("event %d was not recorded and is answered with %v", i, answer.Err)
		}
	}
}

func TestALedgerThatIsAwayFailsTheBatch(t *testing.T) {
	t.Parallel()
	b, _, batch := crowded(t, 2, 3, 0)
	if _, err := b.Accept(t.Context(), batch); !errors.Is(err, errAway) {
		t.Errorf("got %v", err)
	}
}
