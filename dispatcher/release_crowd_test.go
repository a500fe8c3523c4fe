package dispatcher_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/id"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// stuck is a store in which the release of some endpoints' deliveries hangs.
type stuck struct {
	dispatcher.Parking
	hangs func(endpointID string) bool
}

func (s stuck) Release(ctx context.Context, endpointID string, at time.Time, window, limit int) (int, error) {
	if s.hangs(endpointID) {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return s.Parking.Release(ctx, endpointID, at, window, limit)
}

// backlog makes endpoints of a publisher that have one delivery parked each, and
// nothing that keeps it from being released.
func (b *bench) backlog(t *testing.T, publisher string, count int, alter ...func(*postback.EndpointSpec)) []string {
	t.Helper()
	ids := make([]string, count)
	for i := range ids {
		ids[i] = b.offer(t, append(alter, func(s *postback.EndpointSpec) { s.Publisher = publisher })...).ID
	}
	b.park(t, publisher, ids...)
	return ids
}

// park writes an event of a publisher with a parked delivery for each of some
// endpoints.
func (b *bench) park(t *testing.T, publisher string, ids ...string) {
	t.Helper()
	at := b.clock.now()
	item := postback.Acceptance{Event: parse(t, fmt.Sprintf(`{"type":"conversion.completed","publisher":%q,"data":{"tx":"1"}}`, publisher))}
	item.Event.ID, item.Event.AcceptedAt = id.New(id.Event, at), at
	for _, endpointID := range ids {
		item.Deliveries = append(item.Deliveries, postback.Delivery{
			ID: id.New(id.Delivery, at), EventID: item.Event.ID, EventType: item.Event.Type, Publisher: publisher, EndpointID: endpointID,
			State: postback.Parked, Reason: postback.ReasonOverLimit, Generation: 1, CreatedAt: at, OpenedAt: at,
		})
	}
	if _, err := b.Ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) parkedFor(t *testing.T, ids ...string) int {
	t.Helper()
	count := 0
	for _, id := range ids {
		filter := in(postback.Parked)
		filter.EndpointID = id
		count += b.count(t, filter)
	}
	return count
}

func (b *bench) expectReleased(t *testing.T, ids ...string) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("the deliveries of %d endpoints are released", len(ids)), func() bool {
		return b.parkedFor(t, ids...) == 0
	})
}

// An endpoint whose release hangs, or a publisher with many of them, keeps no
// other waiting, neither in this look nor in the next ones.
func TestAReleaseThatHangsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for _, count := range []int{1, 80} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			hang := map[string]bool{}
			for _, id := range b.backlog(t, "pub_large", count) { // its endpoints come first
				hang[id] = true
			}
			well := b.backlog(t, "pub_1", 2)
			b.restart(t, func(o *dispatcher.Options) {
				o.Release.Ledger = stuck{b.Ledger, func(id string) bool { return hang[id] }}
			})
			run(t, b.Dispatcher)
			b.expectReleased(t, well...)
			b.park(t, "pub_1", well...)
			b.expectReleased(t, well...)
		})
	}
}

// slowPromises is a limiter that answers nobody.
type slowPromises struct{}

func (slowPromises) Grant(ctx context.Context, _ string, _ postback.RateLimit, _ int) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func (slowPromises) GiveBack(context.Context, string, postback.RateLimit, int) error { return nil }

// A Redis that hangs keeps only those endpoints waiting whose rate is limited,
// whoever they belong to.
func TestALimiterThatHangsHoldsUpNoEndpointWithoutALimit(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Release.Limits = slowPromises{} })
	for i := range 40 {
		b.backlog(t, fmt.Sprintf("pub_limited_%d", i), 1, func(s *postback.EndpointSpec) { s.RateLimit = &postback.RateLimit{PerSecond: 1} })
	}
	well := b.backlog(t, "pub_1", 1)
	run(t, b.Dispatcher)
	b.expectReleased(t, well...)
}

// together is a store that releases nothing before so many are asked for at once.
type together struct {
	dispatcher.Parking
	mu     sync.Mutex
	asked  int
	enough int
	all    chan struct{}
}

func (s *together) Release(ctx context.Context, endpointID string, at time.Time, window, limit int) (int, error) {
	s.mu.Lock()
	if s.asked++; s.asked == s.enough {
		close(s.all)
	}
	s.mu.Unlock()
	select {
	case <-s.all:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return s.Parking.Release(ctx, endpointID, at, window, limit)
}

// Many endpoints with backlogs are not released one behind the other: what is
// asked for at once shares transactions.
func TestManyEndpointsAreReleasedTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var ids []string
	for i := range 10 {
		ids = append(ids, b.backlog(t, fmt.Sprintf("pub_%d", i), 4)...)
	}
	b.restart(t, func(o *dispatcher.Options) {
		o.Release.Ledger = &together{Parking: b.Ledger, enough: 40, all: make(chan struct{})}
	})
	run(t, b.Dispatcher)
	b.expectReleased(t, ids...)
}
