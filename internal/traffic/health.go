package traffic

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// maxWaiting is how far an endpoint's deliveries that wait are counted: the time
// that a million of them would take is more than somebody should wait who looks.
const maxWaiting = 100_000

// Deliveries are what came of an endpoint's attempts, and what waits for one.
type Deliveries interface {
	Counts(ctx context.Context, endpointID string, slots []time.Time) ([]postback.AttemptCounts, error)
	Waiting(ctx context.Context, endpointID string, limit int) (postback.Waiting, error)
}

// FailureStreaks are which endpoints fail.
type FailureStreaks interface {
	FailureStreak(ctx context.Context, endpointID string) (postback.FailureStreak, bool, error)
	FailureStreaks(ctx context.Context) ([]postback.FailureStreak, error)
}

// Impediments are why nothing can be sent, through no fault of an endpoint: to one
// of them, or to any.
type Impediments interface {
	Block(ctx context.Context, endpointID string, from time.Time) (postback.Block, bool, error)
	Outages(ctx context.Context) ([]postback.Outage, error)
}

// Holds knows until when endpoints asked to be left alone; zero: it is not.
type Holds interface {
	Until(endpoint postback.Endpoint, now time.Time) time.Time
}

// Reader tells how endpoints do by what all processes wrote, so that any of them can
// tell it.
type Reader struct {
	FailureStreaks FailureStreaks
	Deliveries     Deliveries
	Impediments    Impediments
	Holds          Holds
	Now            func() time.Time
}

// Health tells how an endpoint does. Traffic is that of a window, of a day at
// most, and of the rest of the slot in which the window begins.
func (r Reader) Health(ctx context.Context, endpoint postback.Endpoint, window time.Duration) (health postback.Health, err error) {
	if health.FailureStreak, _, err = r.FailureStreaks.FailureStreak(ctx, endpoint.ID); err != nil {
		return postback.Health{}, fmt.Errorf("read streak: %w", err)
	}
	now := r.Now()
	health.HeldUntil = r.Holds.Until(endpoint, now)
	counted, err := r.Deliveries.Counts(ctx, endpoint.ID, slotsSince(now.Add(-kept), now))
	if err != nil {
		return postback.Health{}, fmt.Errorf("read traffic: %w", err)
	}
	health.Traffic = sum(counted, slotOf(now.Add(-window)))
	if health.Block, err = r.block(ctx, endpoint, later(endpoint.UpdatedAt, health.Traffic.LastAttemptAt)); err != nil {
		return postback.Health{}, err
	}
	if health.Waiting, err = r.Deliveries.Waiting(ctx, endpoint.ID, maxWaiting); err != nil {
		return postback.Health{}, fmt.Errorf("count what waits: %w", err)
	}
	health.WaitingLimit = maxWaiting
	return health, nil
}

// block is why nothing can be sent to an endpoint: what keeps it alone, or else an
// outage of our own. What was found before the endpoint was changed may be mended,
// and before an attempt was made it is.
func (r Reader) block(ctx context.Context, endpoint postback.Endpoint, mended time.Time) (postback.Block, error) {
	from := later(r.Now().Add(-postback.BlockLasts), mended)
	block, found, err := r.Impediments.Block(ctx, endpoint.ID, from)
	if err != nil || found {
		return block, err //nolint:wrapcheck // it says what it was doing
	}
	outages, err := r.Impediments.Outages(ctx)
	if err != nil || len(outages) == 0 {
		return block, err //nolint:wrapcheck // it says what it was doing
	}
	first := slices.MinFunc(outages, func(a, b postback.Outage) int { return a.Since.Compare(b.Since) })
	return postback.Block{
		EndpointID: endpoint.ID, Cause: first.Reason, Message: fmt.Sprintf("the process %s can send nothing: %s", first.Process, first.Message),
		Since: first.Since, At: first.At,
	}, nil
}

// OpenCircuits tells which endpoints are left alone because they keep failing.
func (r Reader) OpenCircuits(ctx context.Context) (map[string]bool, error) {
	streaks, err := r.FailureStreaks.FailureStreaks(ctx)
	if err != nil {
		return nil, fmt.Errorf("read streaks: %w", err)
	}
	open := map[string]bool{}
	for _, streak := range streaks {
		if streak.Open() {
			open[streak.EndpointID] = true
		}
	}
	return open, nil
}
