package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

const (
	// expireInterval is how often parked deliveries that are too old end, and
	// expireSteps bounds for how long other endpoints wait for that.
	expireInterval, expireSteps = 10 * time.Second, 10
)

// expireStage ends parked deliveries that are too old.
type expireStage struct {
	ledger    Parking
	endpoints Endpoints
	parked    func() []string // the endpoints that had any at the last release
	now       func() time.Time
}

// run ends parked deliveries that are older than their endpoint's retry
// policy lets any become, of the endpoints that had any when release last asked.
func (s *expireStage) run(ctx context.Context) error {
	var failures []error
	for _, id := range s.parked() {
		endpoint, known := s.endpoints.Endpoint(id)
		if !known || endpoint.State == postback.EndpointDeleted {
			continue
		}
		if err := s.endpoint(ctx, endpoint); err != nil {
			failures = append(failures, fmt.Errorf("expire deliveries of endpoint %s: %w", id, err))
		}
	}
	return errors.Join(failures...)
}

// endpoint does so for one endpoint.
func (s *expireStage) endpoint(ctx context.Context, endpoint postback.Endpoint) error {
	if endpoint.Retry.MaxAge == 0 {
		return nil
	}
	now := s.now()
	for range expireSteps {
		ended, err := s.ledger.Expire(ctx, endpoint.ID, now.Add(-time.Duration(endpoint.Retry.MaxAge)), now, step)
		if err != nil || ended < step {
			return err //nolint:wrapcheck // the caller says what it was doing
		}
	}
	return nil
}
