package dispatcher_test

import (
	"context"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// promises is a rate limit that promises what is left, and hears what was not
// used.
type promises struct {
	left int
	err  error
}

func (p *promises) Grant(_ context.Context, _ string, _ postback.RateLimit, most int) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	granted := min(most, p.left)
	p.left -= granted
	return granted, nil
}

func (p *promises) GiveBack(_ context.Context, _ string, _ postback.RateLimit, unused int) error {
	p.left += unused
	return nil
}

// A limited endpoint's deliveries are released for its slots, oldest first, and
// what was promised and not used is given back.
func TestNoMoreAreReleasedThanTheRateLimitPromises(t *testing.T) {
	t.Parallel()
	slots := &promises{left: 5}
	b := setup(t, func(o *dispatcher.Options) { o.Release.Limits = slots })
	endpoint := b.offer(t, func(s *postback.EndpointSpec) { s.RateLimit = &postback.RateLimit{PerSecond: 1} })
	made := b.hold(t, endpoint.ID, 30)
	b.resume(t, endpoint.ID)
	want := 0
	for _, turn := range []struct{ more, due int }{{0, 5}, {0, 5}, {4, 9}, {100, 19}} {
		slots.left += turn.more
		b.clock.advance(100 * time.Millisecond)
		b.release(t)
		b.swept(t)
		if due := b.count(t, in(postback.Pending)); due != turn.due {
			t.Fatalf("%d are due, want %d", due, turn.due)
		}
		if want += turn.more; slots.left != max(0, want+5-turn.due) {
			t.Errorf("%d slots are left", slots.left)
		}
	}
	oldest := map[string]bool{}
	for _, delivery := range made[:19] {
		oldest[delivery.ID] = true
	}
	for _, one := range b.queue.all() {
		if !oldest[one.Ref.DeliveryID] {
			t.Errorf("%s was released before older ones", one.Ref.DeliveryID)
		}
	}
}

// While nobody can say what a limit allows, nothing is released, and other
// endpoints do not wait for that.
func TestALimitThatCannotBeAskedForReleasesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Release.Limits = &promises{err: errAway} })
	limited := b.offer(t, func(s *postback.EndpointSpec) { s.RateLimit = &postback.RateLimit{PerSecond: 1} })
	free := b.offer(t)
	for _, endpoint := range []postback.Endpoint{limited, free} {
		if _, err := b.Endpoints.Pause(t.Context(), endpoint.ID); err != nil {
			t.Fatal(err)
		}
	}
	b.many(t, 3)
	b.resume(t, limited.ID)
	b.resume(t, free.ID)
	if err := b.ReleaseParked(t.Context()); err == nil {
		t.Error("it is no error")
	}
	for id, want := range map[string]int{limited.ID: 3, free.ID: 0} {
		filter := in(postback.Parked)
		filter.EndpointID = id
		if parked := b.count(t, filter); parked != want {
			t.Errorf("%d deliveries are parked, want %d", parked, want)
		}
	}
}

// An endpoint with a cap of its own has as many due as it has places.
func TestTheWindowIsAsWideAsTheEndpointsCap(t *testing.T) {
	t.Parallel()
	for _, places := range []int{1, 2, 40} {
		b := setup(t)
		endpoint := b.offer(t, func(s *postback.EndpointSpec) { s.MaxInFlight = places })
		b.hold(t, endpoint.ID, 50)
		b.resume(t, endpoint.ID)
		for range 3 {
			b.release(t)
		}
		if due := b.count(t, in(postback.Pending)); due != places {
			t.Errorf("%d are due, want %d", due, places)
		}
	}
}

// What an endpoint asks for beyond what there is for one is not made due.
func TestTheWindowIsNoWiderThanThereAreWorkersForOne(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Release.InFlight.MaxPerEndpoint = 30 })
	endpoint := b.offer(t, func(s *postback.EndpointSpec) { s.MaxInFlight = 40 })
	b.hold(t, endpoint.ID, 50)
	b.resume(t, endpoint.ID)
	for range 3 {
		b.release(t)
	}
	if due := b.count(t, in(postback.Pending)); due != 30 {
		t.Errorf("%d are due, want 30", due)
	}
}

// The endpoints of a publisher share what it may have in flight: more would be
// released only to be parked again. One that waits alone has all that it may.
func TestThePublishersEndpointsShareItsWindow(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Release.InFlight.PerPublisher = 12 })
	var ids []string
	for range 4 {
		ids = append(ids, b.offer(t).ID)
	}
	for _, id := range ids {
		if _, err := b.Endpoints.Pause(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	b.many(t, 20)
	for _, id := range ids {
		b.resume(t, id)
	}
	for range 5 {
		b.release(t)
		for _, id := range ids {
			due := in(postback.Pending)
			due.EndpointID = id
			if count := b.count(t, due); count != 3 {
				t.Fatalf("%d deliveries of %s are due, want a fourth of 12", count, id)
			}
		}
	}
}

// A publisher's slots are counted in each shard: its endpoints in others take none.
func TestEndpointsOfOtherShardsShareNoWindow(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Release.InFlight.PerPublisher, o.Release.InFlight.Shards = 12, 2 })
	of := map[int]int{}
	var ids []string
	for len(of) < 2 {
		id := b.offer(t).ID
		of[task.ShardOf(id, 2)]++
		ids = append(ids, id)
		if _, err := b.Endpoints.Pause(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	b.many(t, 20)
	for _, id := range ids {
		b.resume(t, id)
	}
	b.release(t)
	for _, id := range ids {
		due := in(postback.Pending)
		due.EndpointID = id
		if got, want := b.count(t, due), max(1, 12/of[task.ShardOf(id, 2)]); got != want {
			t.Errorf("%d deliveries of %s are due, want %d", got, id, want)
		}
	}
}

// Of a publisher's endpoints only those share its window that take deliveries:
// the ones that are paused or fail leave their parts to the others.
func TestAnEndpointThatTakesNothingHasNoPartOfThePublishersWindow(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Release.InFlight.PerPublisher = 12 })
	paused, failing, well := b.offer(t), b.offer(t), b.offer(t)
	for _, id := range []string{paused.ID, failing.ID, well.ID} {
		if _, err := b.Endpoints.Pause(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	b.many(t, 20)
	b.resume(t, failing.ID)
	b.resume(t, well.ID)
	b.trip(t, failing.ID)
	b.release(t)
	due := in(postback.Pending)
	if due.EndpointID = well.ID; b.count(t, due) != 12 {
		t.Errorf("%d deliveries are due, want all 12 that the publisher may have in flight", b.count(t, due))
	}
}
