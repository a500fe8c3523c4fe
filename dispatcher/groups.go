package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// groupsInterval is how often deliveries that wait for others are checked.
const groupsInterval = 5 * time.Second

// mendEvery is at how many of these checks ordering groups are mended.
const mendEvery = 12

// Groups is what looking after deliveries that wait for others needs of the store.
type Groups interface {
	// OrderedEndpoints lists the endpoints that have deliveries parked for order.
	OrderedEndpoints(ctx context.Context) ([]string, error)
	// MendGroups finds ordering groups in which all wait for a delivery that will not
	// end, lets the next of each go and says how many groups there were.
	MendGroups(ctx context.Context, endpointID string, at time.Time, limit int) (int, error)
}

// groupStage checks deliveries that wait for others of their ordering group.
type groupStage struct {
	ledger    Groups
	parking   Parking
	endpoints Endpoints
	expire    *expireStage
	runs      int
	now       func() time.Time
	logger    *slog.Logger
}

// run expires or cancels deliveries that wait for others of their group: its head may
// be retried for hours, while nothing else of the endpoint is parked.
func (s *groupStage) run(ctx context.Context) error {
	mend := s.runs%mendEvery == 0
	s.runs++
	ids, err := s.ledger.OrderedEndpoints(ctx)
	if err != nil {
		return fmt.Errorf("list endpoints with ordered deliveries: %w", err)
	}
	var failures []error
	for _, id := range ids {
		if err := s.endpoint(ctx, id, mend); err != nil {
			failures = append(failures, fmt.Errorf("look after ordering groups of endpoint %s: %w", id, err))
		}
	}
	return errors.Join(failures...)
}

func (s *groupStage) endpoint(ctx context.Context, id string, mend bool) error {
	endpoint, known := s.endpoints.Endpoint(id)
	switch {
	case !known:
		return nil
	case endpoint.State == postback.EndpointDeleted:
		_, err := inSteps(ctx, func(ctx context.Context, limit int) (int, error) {
			return s.parking.Cancel(ctx, id, postback.ReasonEndpointDeleted, s.now(), limit)
		})
		return err
	case mend:
		return errors.Join(s.expire.endpoint(ctx, endpoint), s.mend(ctx, id))
	default:
		return s.expire.endpoint(ctx, endpoint)
	}
}

// mend releases the next delivery of groups that wait for nothing. There should be no
// such group, so it warns.
func (s *groupStage) mend(ctx context.Context, id string) error {
	mended, err := s.ledger.MendGroups(ctx, id, s.now(), step)
	if mended > 0 {
		s.logger.WarnContext(ctx, "stuck ordering groups released",
			slog.String("endpoint_id", id), slog.Int("groups", mended))
	}
	return err //nolint:wrapcheck // run says what it was doing
}
