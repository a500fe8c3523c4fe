package dispatcher_test

import (
	"context"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/postback"
)

// asked counts how often somebody asked which endpoints have deliveries parked.
type asked struct {
	dispatcher.Parking
	times int
}

func (a *asked) ParkedEndpoints(ctx context.Context) ([]string, error) {
	a.times++
	return a.Parking.ParkedEndpoints(ctx)
}

// turns makes so many turns of the release, and says how often the ledger was
// asked for endpoints.
func (a *asked) turns(t *testing.T, b *bench, count int) int {
	t.Helper()
	before := a.times
	for range count {
		b.clock.advance(100 * time.Millisecond)
		if err := b.ReleaseTurn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return a.times - before
}

// While nothing may go the ledger is asked now and then; what opens here, or is
// parked here, is seen to in the next turn.
func TestTheLedgerIsAskedSeldomWhileNothingMayGo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		close, open func(t *testing.T, b *bench, endpoint postback.Endpoint)
	}{
		{
			name: "nothing is parked",
			open: func(*testing.T, *bench, postback.Endpoint) {},
		},
		{
			name: "the endpoint is paused",
			close: func(t *testing.T, b *bench, endpoint postback.Endpoint) {
				if _, err := b.Endpoints.Pause(t.Context(), endpoint.ID); err != nil {
					t.Fatal(err)
				}
			},
			open: func(t *testing.T, b *bench, endpoint postback.Endpoint) { b.resume(t, endpoint.ID) },
		},
		{
			name:  "its circuit is open",
			close: func(t *testing.T, b *bench, endpoint postback.Endpoint) { b.trip(t, endpoint.ID) },
			open: func(t *testing.T, b *bench, endpoint postback.Endpoint) {
				b.Breaker.Succeeded(t.Context(), endpoint.ID, true, b.clock.now())
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			ledger := &asked{Parking: b.Ledger}
			b.restart(t, func(o *dispatcher.Options) { o.Release.Ledger = ledger })
			endpoint := b.offer(t)
			waiting := 0
			if tt.close != nil {
				tt.close(t, b, endpoint)
				b.many(t, 3)
				waiting = 3
				if ledger.turns(t, b, 1) != 1 {
					t.Error("what was parked here was not looked at in the next turn")
				}
			}
			if got := ledger.turns(t, b, 40); got < 4 || got > 8 {
				t.Errorf("the ledger was asked %d times in 40 turns", got)
			}
			if parked := b.count(t, in(postback.Parked)); parked != waiting {
				t.Fatalf("%d deliveries are parked, want %d", parked, waiting)
			}
			tt.open(t, b, endpoint)
			if ledger.turns(t, b, 1); b.count(t, in(postback.Parked)) != 0 {
				t.Error("what was parked did not go when it might")
			}
		})
	}
}

// As long as any may go the ledger is asked in every turn.
func TestTheReleaseLooksAtOnceWhileDeliveriesGo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ledger := &asked{Parking: b.Ledger}
	b.restart(t, func(o *dispatcher.Options) { o.Release.Ledger = ledger })
	endpoint := b.offer(t)
	b.hold(t, endpoint.ID, 40)
	b.resume(t, endpoint.ID)
	if got := ledger.turns(t, b, 20); got != 20 {
		t.Errorf("the ledger was asked %d times in 20 turns", got)
	}
}
