package dispatcher_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// byTx orders deliveries by the transaction of their event.
func byTx(s *postback.EndpointSpec) { s.OrderBy = "tx" }

// ofTx is an event of a transaction.
func ofTx(t *testing.T, id, tx string) postback.Event {
	t.Helper()
	return parse(t, fmt.Sprintf(`{"id":%q,"type":"conversion.completed","publisher":"pub_1","data":{"tx":%q,"payout":1.50}}`, id, tx))
}

// queued are the deliveries that came into the queue, in order, from one on.
func (b *bench) queued(from int) []string {
	var all []string
	for _, one := range b.queue.all()[from:] {
		all = append(all, one.Ref.DeliveryID)
	}
	return all
}

// Guarantee: deliveries of an endpoint with the same value go one after another,
// in the order of acceptance; other values, and other endpoints, go at once.
func TestDeliveriesGoInOrder(t *testing.T) {
	t.Parallel()
	const keys, each = 3, 4
	b := setup(t)
	ordered, other := b.offer(t, byTx), b.offer(t)
	b.swept(t) // from now on new deliveries go to the queue directly
	var events []postback.Event
	for i := range keys * each {
		events = append(events, ofTx(t, fmt.Sprintf("evt_%d", keys*each-i), fmt.Sprintf("tx-%d", i%keys)))
	}
	answers, err := b.Accept(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for i, answer := range answers {
		for _, delivery := range answer.Deliveries {
			switch {
			case delivery.EndpointID == other.ID:
				if delivery.State != postback.Pending || delivery.OrderKey != "" {
					t.Errorf("a delivery that is not ordered is %s with the key %q", delivery.State, delivery.OrderKey)
				}
			case i >= keys && (delivery.State != postback.Parked || delivery.Reason != postback.ReasonOrdered):
				t.Errorf("number %d is %s %q", i, delivery.State, delivery.Reason)
			default:
				rows[delivery.OrderKey] = append(rows[delivery.OrderKey], delivery.ID)
			}
		}
	}
	run(t, b.Dispatcher)
	testkit.Eventually(t, "the first ones to be queued", func() bool { return len(b.queue.all()) == keys+keys*each })
	for _, one := range b.queue.all() {
		if heads := one.EndpointID == ordered.ID; one.Recheck != heads {
			t.Errorf("the worker has to ask the ledger: %t, of a delivery that is ordered: %t", one.Recheck, heads)
		}
	}
	from := len(b.queue.all())
	for place := range each - 1 {
		var want []string
		for _, row := range rows {
			b.end(t, row[place], []postback.State{postback.Succeeded, postback.Dead}[place%2])
			want = append(want, row[place+1])
		}
		b.Wake()
		testkit.Eventually(t, "the next ones to be queued", func() bool { return len(b.queue.all()) == from+keys })
		got := b.queued(from)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("behind number %d came %v, want %v", place, got, want)
		}
		from += keys
	}
}

func TestWakeDoesNotWaitForTheNextTurn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, stop := context.WithCancel(t.Context())
	turns, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		b.Woken(ctx, func(context.Context) error { turns <- struct{}{}; return nil })
	}()
	for range 3 {
		b.Wake()
		<-turns
	}
	stop()
	<-ended
	b.Wake() // never blocks
	b.Wake()
}

// A change of what is ordered by leaves alone what waits already.
func TestOrderMayChange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t)
	change := func(field string) {
		if _, _, err := b.Endpoints.Update(t.Context(), endpoint.ID, postback.EndpointPatch{"order_by": field}); err != nil {
			t.Fatal(err)
		}
	}
	accept := func(id string) postback.Delivery { return b.accept(t, ofTx(t, id, "tx-1")).Deliveries[0] }
	before := accept("evt_before")
	change("tx")
	head, waits := accept("evt_head"), accept("evt_waits")
	change("payout")
	otherwise := accept("evt_otherwise")
	change("")
	after := accept("evt_after")
	for _, tt := range []struct {
		postback.Delivery
		state postback.State
		key   string
	}{
		{before, postback.Pending, ""},
		{head, postback.Pending, "tx-1"},
		{waits, postback.Parked, "tx-1"},
		{otherwise, postback.Pending, "1.50"},
		{after, postback.Pending, ""},
	} {
		if tt.State != tt.state || tt.OrderKey != tt.key {
			t.Errorf("%s is %s with the key %q, want %s with %q", tt.EventID, tt.State, tt.OrderKey, tt.state, tt.key)
		}
	}
	b.end(t, head.ID, postback.Succeeded)
	if got := b.read(t, waits.ID); got.State != postback.Pending {
		t.Errorf("the one that waited is %s", got.State)
	}
}

// What waits for one that is retried for hours gets old, and is not kept for an
// endpoint that is gone.
func TestWhatWaitsInARowIsNotKeptForEver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	aging := b.offer(t, byTx, func(s *postback.EndpointSpec) {
		s.Retry = postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(time.Second)}, MaxAge: postback.Duration(time.Hour)}
	})
	gone := b.offer(t, byTx)
	for i := range 3 {
		b.accept(t, ofTx(t, fmt.Sprintf("evt_%d", i), "tx-1"))
	}
	count := func(endpointID string, states ...postback.State) int {
		return b.count(t, postback.DeliveryFilter{EndpointID: endpointID, States: states})
	}
	look := func() {
		t.Helper()
		if err := b.LookAfterGroups(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	look()
	if waits := count(aging.ID, postback.Parked) + count(gone.ID, postback.Parked); waits != 4 {
		t.Fatalf("%d wait", waits)
	}
	if err := b.Endpoints.Delete(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(2 * time.Hour)
	young := b.accept(t, ofTx(t, "evt_young", "tx-1")).Deliveries[0]
	look()
	if dead, waits := count(aging.ID, postback.Dead), count(aging.ID, postback.Parked); dead != 2 || waits != 1 {
		t.Errorf("%d are dead and %d wait", dead, waits)
	}
	if ended := count(gone.ID, postback.Cancelled); ended != 3 {
		t.Errorf("%d are cancelled", ended)
	}
	if got := b.read(t, young.ID); got.Reason != postback.ReasonOrdered {
		t.Errorf("the young one is %s %q", got.State, got.Reason)
	}
}

// mended is a store that has rows to mend, and counts who looked for them.
type mended struct {
	dispatcher.Groups
	looked []string
}

func (m *mended) MendGroups(_ context.Context, endpointID string, _ time.Time, _ int) (int, error) {
	m.looked = append(m.looked, endpointID)
	return 1, nil
}

// TestRowsAreMended checks that every endpoint with rows is looked at for those
// that wait for nobody, a few times an hour, and that what was found is logged.
func TestRowsAreMended(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t, byTx)
	store := &mended{Groups: b.Ledger}
	var log bytes.Buffer
	b.restart(t, func(o *dispatcher.Options) {
		o.Release.Groups, o.Logger = store, slog.New(slog.NewTextHandler(&log, nil))
	})
	for i := range 2 {
		b.accept(t, ofTx(t, fmt.Sprintf("evt_%d", i), "tx-1"))
	}
	for range 13 {
		if err := b.LookAfterGroups(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{endpoint.ID, endpoint.ID}; !slices.Equal(store.looked, want) {
		t.Errorf("looked at %v, want %v", store.looked, want)
	}
	if !strings.Contains(log.String(), "stuck ordering groups released") || !strings.Contains(log.String(), endpoint.ID) {
		t.Errorf("the log says %q", log.String())
	}
}
