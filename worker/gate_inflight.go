package worker

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// InFlightLimits bound how many attempts this process makes at once, so that no
// endpoint and no publisher has all workers of a shard.
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

// slotPatience is how long an attempt waits for a slot before its delivery is
// parked: a burst is not worth two writes to the ledger.
const slotPatience = 200 * time.Millisecond

// inFlight gives out the in-flight slots of endpoints and publishers.
type inFlight struct {
	limits     InFlightLimits
	endpoints  *slots
	publishers *slots // by shard
	now        func() time.Time
}

func newInFlight(limits InFlightLimits, now func() time.Time) *inFlight {
	return &inFlight{limits: limits, endpoints: newSlots(slotPatience), publishers: newSlots(slotPatience), now: now}
}

// heldSlots name the slots that an attempt has; "" is none.
type heldSlots struct{ endpoint, publisher string }

// enter takes one of the endpoint's slots and one of its publisher's. Whoever calls
// it calls leave, whatever it reported.
func (l *inFlight) enter(ctx context.Context, d *delivery) bool {
	if !l.take(ctx, d) {
		d.moveTo(l.now(), postback.Parked, postback.ReasonOverLimit)
		return false
	}
	return true
}

func (l *inFlight) take(ctx context.Context, d *delivery) bool {
	if !l.endpoints.take(ctx, d.endpoint.ID, l.limit(d.endpoint)) {
		return false
	}
	d.slots.endpoint = d.endpoint.ID
	if l.limits.PerPublisher == 0 {
		return true
	}
	share := l.share(d.endpoint)
	if !l.publishers.take(ctx, share, l.limits.PerPublisher) {
		return false
	}
	d.slots.publisher = share
	return true
}

// leave gives the attempt's slots back.
func (l *inFlight) leave(d *delivery) {
	if d.slots.publisher != "" {
		l.publishers.give(d.slots.publisher)
	}
	if d.slots.endpoint != "" {
		l.endpoints.give(d.slots.endpoint)
	}
	d.slots = heldSlots{}
}

// limit is how many attempts to the endpoint this process makes at once.
func (l *inFlight) limit(endpoint postback.Endpoint) int {
	return endpoint.InFlightLimit(l.limits.PerEndpoint, cmp.Or(l.limits.MaxPerEndpoint, postback.MaxInFlight))
}

// share names an endpoint's publisher in the endpoint's shard.
func (l *inFlight) share(endpoint postback.Endpoint) string {
	return strconv.Itoa(task.ShardOf(endpoint.ID, max(1, l.limits.Shards))) + " " + endpoint.Publisher
}
