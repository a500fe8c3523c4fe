package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// groupsInterval is how often deliveries that wait for others are looked after.
const groupsInterval = 5 * time.Second

// mendEvery is at how many of these looks ordering groups are mended.
const mendEvery = 12

// Groups is what looking after deliveries that wait for others needs of the store.
type Groups interface {
	// OrderedEndpoints lists the endpoints that have deliveries parked for order.
	OrderedEndpoints(ctx context.Context) ([]string, error)
	// MendGroups finds ordering groups in which all wait for a delivery that will not
	// end, lets the next of each go and says how many groups there were.
	MendGroups(ctx context.Context, endpointID string, at time.Time, limit int) (int, error)
}

// lookAfterGroups ends what nobody waits for any more among the deliveries that
// wait for others of their group: its head may be tried again for hours,
// with nothing else of the endpoint parked.
func (d *Dispatcher) lookAfterGroups(ctx context.Context) error {
	mend := d.groupLooks%mendEvery == 0
	d.groupLooks++
	ids, err := d.Groups.OrderedEndpoints(ctx)
	if err != nil {
		return fmt.Errorf("list endpoints with ordered deliveries: %w", err)
	}
	var failures []error
	for _, id := range ids {
		if err := d.lookAfterGroupsOf(ctx, id, mend); err != nil {
			failures = append(failures, fmt.Errorf("look after ordering groups of endpoint %s: %w", id, err))
		}
	}
	return errors.Join(failures...)
}

func (d *Dispatcher) lookAfterGroupsOf(ctx context.Context, id string, mend bool) error {
	endpoint, known := d.Endpoints.Endpoint(id)
	switch {
	case !known:
		return nil
	case endpoint.State == postback.EndpointDeleted:
		_, err := inSteps(ctx, func(ctx context.Context, limit int) (int, error) {
			return d.Parking.Cancel(ctx, id, postback.ReasonEndpointDeleted, d.now(), limit)
		})
		return err
	case mend:
		return errors.Join(d.expire(ctx, endpoint), d.mendGroups(ctx, id))
	default:
		return d.expire(ctx, endpoint)
	}
}

// mendGroups lets groups go on that wait for nobody. There should be none, so it
// tells.
func (d *Dispatcher) mendGroups(ctx context.Context, id string) error {
	mended, err := d.Groups.MendGroups(ctx, id, d.now(), step)
	if mended > 0 {
		d.Logger.WarnContext(ctx, "stuck ordering groups released",
			slog.String("endpoint_id", id), slog.Int("groups", mended))
	}
	return err //nolint:wrapcheck // lookAfterGroups says what it was doing
}
