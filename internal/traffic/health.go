package traffic

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// maxWaiting is how far an endpoint's deliveries that wait are counted: the time
// that a million of them would take is more than somebody should wait who looks.
const maxWaiting = 100_000

// Sources are what an endpoint's health is read from: what all processes wrote,
// so that any of them can tell it.
type Sources interface {
	Trouble(ctx context.Context, endpointID string) (postback.Trouble, bool, error)
	Troubles(ctx context.Context) ([]postback.Trouble, error)
	Tallies(ctx context.Context, endpointID string, slots []time.Time) ([]postback.Tally, error)
	Waiting(ctx context.Context, endpointID string, limit int) (postback.Waiting, error)
}

// Reader tells how endpoints do.
type Reader struct {
	Sources Sources
	Now     func() time.Time
}

// Health tells how an endpoint does. Traffic is that of a window, of a day at
// most, and of the rest of the slot in which the window begins.
func (r Reader) Health(ctx context.Context, endpointID string, window time.Duration) (health postback.Health, err error) {
	if health.Trouble, _, err = r.Sources.Trouble(ctx, endpointID); err != nil {
		return postback.Health{}, fmt.Errorf("read trouble: %w", err)
	}
	now := r.Now()
	tallies, err := r.Sources.Tallies(ctx, endpointID, slotsSince(now.Add(-kept), now))
	if err != nil {
		return postback.Health{}, fmt.Errorf("read traffic: %w", err)
	}
	health.Traffic = sum(tallies, slotOf(now.Add(-window)))
	if health.Waiting, err = r.Sources.Waiting(ctx, endpointID, maxWaiting); err != nil {
		return postback.Health{}, fmt.Errorf("count what waits: %w", err)
	}
	health.WaitingLimit = maxWaiting
	return health, nil
}

// OpenCircuits tells which endpoints are left alone because they keep failing.
func (r Reader) OpenCircuits(ctx context.Context) (map[string]bool, error) {
	troubles, err := r.Sources.Troubles(ctx)
	if err != nil {
		return nil, fmt.Errorf("read troubles: %w", err)
	}
	open := map[string]bool{}
	for _, trouble := range troubles {
		if trouble.Open() {
			open[trouble.EndpointID] = true
		}
	}
	return open, nil
}
