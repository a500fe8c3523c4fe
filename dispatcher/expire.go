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

// expireParked ends parked deliveries that are older than their endpoint's retry
// policy lets any become, of the endpoints that had any at the last look.
func (d *Dispatcher) expireParked(ctx context.Context) error {
	var failures []error
	for _, id := range d.releases.endpoints() {
		endpoint, known := d.Endpoints.Endpoint(id)
		if !known || endpoint.State == postback.EndpointDeleted {
			continue
		}
		if err := d.expire(ctx, endpoint); err != nil {
			failures = append(failures, fmt.Errorf("expire deliveries of endpoint %s: %w", id, err))
		}
	}
	return errors.Join(failures...)
}

// expire does so for one endpoint.
func (d *Dispatcher) expire(ctx context.Context, endpoint postback.Endpoint) error {
	if endpoint.Retry.MaxAge == 0 {
		return nil
	}
	now := d.now()
	for range expireSteps {
		ended, err := d.Parking.Expire(ctx, endpoint.ID, now.Add(-time.Duration(endpoint.Retry.MaxAge)), now, step)
		if err != nil || ended < step {
			return err //nolint:wrapcheck // the caller says what it was doing
		}
	}
	return nil
}
