package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// rowsInterval is how often deliveries that wait for others are looked after.
const rowsInterval = 5 * time.Second

// lookAfterRows ends what nobody waits for any more among the deliveries that
// wait for others of their row: the one in front may be tried again for hours,
// with nothing else of the endpoint parked.
func (d *Dispatcher) lookAfterRows(ctx context.Context) error {
	ids, err := d.Parking.OrderedEndpoints(ctx)
	if err != nil {
		return fmt.Errorf("list endpoints with ordered deliveries: %w", err)
	}
	var failures []error
	for _, id := range ids {
		if err := d.lookAfterRowsOf(ctx, id); err != nil {
			failures = append(failures, fmt.Errorf("look after rows of endpoint %s: %w", id, err))
		}
	}
	return errors.Join(failures...)
}

func (d *Dispatcher) lookAfterRowsOf(ctx context.Context, id string) error {
	endpoint, known := d.Endpoints.Endpoint(id)
	switch {
	case !known:
		return nil
	case endpoint.State == postback.EndpointDeleted:
		_, err := inSteps(ctx, func(ctx context.Context, limit int) (int, error) {
			return d.Parking.Cancel(ctx, id, postback.ReasonEndpointDeleted, d.now(), limit)
		})
		return err
	default:
		return d.expire(ctx, endpoint)
	}
}
