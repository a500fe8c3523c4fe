package dispatcher

import (
	"cmp"
	"context"
	"errors"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// Limits promises the slots of endpoints with a rate limit to deliveries that are
// released, for all processes together.
type Limits interface {
	// Grant says how many may be released now, up to most, so that each of them
	// finds a slot.
	Grant(ctx context.Context, endpointID string, limit postback.RateLimit, most int) (int, error)
	// GiveBack says how many of those were not released.
	GiveBack(ctx context.Context, endpointID string, limit postback.RateLimit, unused int) error
}

// InFlightLimits bound how many attempts a worker makes at once, so that no endpoint
// and no publisher has all workers of a shard.
type InFlightLimits struct {
	// PerEndpoint is for endpoints that set no limit of their own. At least 1.
	PerEndpoint int
	// MaxPerEndpoint bounds what an endpoint may set. Zero: as much as it likes.
	MaxPerEndpoint int
	// PerPublisher is for the endpoints of one publisher in one shard, however many
	// they are. Zero: any.
	PerPublisher int
	// Shards is over how many shards the endpoints are spread. Zero means one.
	Shards int
}

// releaseAll releases deliveries of endpoints that take them. Those of a publisher
// have an equal part of the in-flight slots that it has in their shard: more would
// be released only to be parked again.
func (s *releaseStage) releaseAll(ctx context.Context, open []postback.Endpoint) {
	sharing := map[pool]int{}
	for _, endpoint := range open {
		sharing[s.poolOf(endpoint)]++
	}
	for _, endpoint := range open {
		slots, by := s.slots(endpoint, sharing[s.poolOf(endpoint)]), s.crews.free
		if endpoint.RateLimit != nil {
			by = s.crews.limited
		}
		s.work(ctx, by, endpoint, func(ctx context.Context, endpoint postback.Endpoint) (int, error) {
			return s.release(ctx, endpoint, slots)
		})
	}
}

// pool is the publisher and shard whose in-flight slots an endpoint takes.
type pool struct {
	publisher string
	shard     int
}

func (s *releaseStage) poolOf(endpoint postback.Endpoint) pool {
	return pool{endpoint.Publisher, task.ShardOf(endpoint.ID, max(1, s.inFlight.Shards))}
}

// slots is how many in-flight slots one process has for an endpoint, while as
// many as sharing take them from the same pool.
func (s *releaseStage) slots(endpoint postback.Endpoint, sharing int) int {
	slots := endpoint.InFlightLimit(s.inFlight.PerEndpoint, cmp.Or(s.inFlight.MaxPerEndpoint, postback.MaxInFlight))
	if s.inFlight.PerPublisher == 0 {
		return slots
	}
	return min(slots, max(1, s.inFlight.PerPublisher/sharing))
}

// release makes as many deliveries due as the endpoint's window has room for
// and its rate limit has slots for: so the queue holds no more of a slow endpoint
// than workers let wait, and a fast one is not held up.
func (s *releaseStage) release(ctx context.Context, endpoint postback.Endpoint, slots int) (int, error) {
	flow := s.state.flow(endpoint.ID)
	window := flow.next(slots)
	most, err := s.grant(ctx, endpoint, window)
	if err != nil {
		return 0, err
	}
	released := 0
	if most > 0 {
		released, err = s.ledger.Release(ctx, endpoint.ID, s.now(), window, most)
		err = errors.Join(err, s.giveBack(ctx, endpoint, most-released))
	}
	s.state.flowed(endpoint.ID, flow.after(window, released))
	return released, err
}

// grant is how many of an endpoint's deliveries may be released for its rate
// limit, up to most.
func (s *releaseStage) grant(ctx context.Context, endpoint postback.Endpoint, most int) (int, error) {
	if endpoint.RateLimit == nil {
		return most, nil
	}
	return s.limits.Grant(ctx, endpoint.ID, *endpoint.RateLimit, most) //nolint:wrapcheck // failure says what it was doing
}

// giveBack returns to the rate limit what was granted and not released.
func (s *releaseStage) giveBack(ctx context.Context, endpoint postback.Endpoint, unused int) error {
	if endpoint.RateLimit == nil || unused == 0 {
		return nil
	}
	return s.limits.GiveBack(ctx, endpoint.ID, *endpoint.RateLimit, unused) //nolint:wrapcheck // failure says what it was doing
}
