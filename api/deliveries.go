package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// DeliveryQuery is a filter of deliveries as query parameters.
type DeliveryQuery struct {
	State      []string `query:"state,explode" nullable:"false" doc:"Repeated or separated by commas: pending, retrying, parked, succeeded, dead, cancelled"`
	Endpoint   string   `query:"endpoint" doc:"An endpoint's id"`
	Publisher  string   `query:"publisher"`
	Event      string   `query:"event" doc:"An event's id"`
	Type       string   `query:"type" doc:"An event type or a pattern such as conversion.*"`
	Reference  string   `query:"reference" doc:"What the endpoint's scheme names the event by, such as the transaction's id"`
	StatusCode int      `query:"status_code" minimum:"100" maximum:"599" doc:"The last answer's status"`
	Since      string   `query:"since" doc:"Created at or after: RFC 3339, a date, or an age (90m, 7d, 1w)"`
	Until      string   `query:"until" doc:"Created before"`
}

// filter reads the query; prefix goes before the names of fields in errors.
func (s *server) filter(ctx context.Context, prefix string, q DeliveryQuery) (postback.DeliveryFilter, error) {
	none := postback.DeliveryFilter{}
	states, err := readStates(prefix+"state", q.State)
	if err != nil {
		return none, err
	}
	publisher, err := scope(ctx, prefix+"publisher", q.Publisher)
	if err != nil {
		return none, err
	}
	if err := readType(prefix+"type", q.Type); err != nil {
		return none, err
	}
	since, until, err := readSpan(prefix, q.Since, q.Until, s.Now())
	if err != nil {
		return none, err
	}
	return postback.DeliveryFilter{
		States: states, EndpointID: q.Endpoint, Publisher: publisher, EventID: q.Event,
		EventType: q.Type, Reference: q.Reference, StatusCode: q.StatusCode, Since: since, Until: until,
	}, nil
}

func readStates(field string, given []string) ([]postback.State, error) {
	var states []postback.State
	for _, some := range given {
		for name := range strings.SplitSeq(some, ",") {
			state := postback.State(strings.TrimSpace(name))
			if !slices.Contains(postback.States(), state) {
				return nil, postback.Invalid(field, postback.CodeInvalid,
					"invalid state %.60q: use pending, retrying, parked, succeeded, dead or cancelled", name)
			}
			if !slices.Contains(states, state) {
				states = append(states, state)
			}
		}
	}
	return states, nil
}

func (s *server) routeDeliveries() {
	add(s, operation("list-deliveries", http.MethodGet, "/v1/deliveries", "List deliveries, newest first"), readers(), s.listDeliveries)
	add(s, operation("get-delivery", http.MethodGet, "/v1/deliveries/{id}", "Show a delivery with its attempts"), readers(), s.getDelivery)
	s.routeExport()
	replay := operation("replay-delivery", http.MethodPost, "/v1/deliveries/{id}/replay", "Deliver an ended delivery again")
	replay.DefaultStatus = http.StatusAccepted
	add(s, replay, owners(), s.replayDelivery)
}

type deliveriesInput struct {
	DeliveryQuery
	PageInput
}

func (s *server) listDeliveries(ctx context.Context, input *deliveriesInput) (*listOutput[client.Delivery], error) {
	filter, err := s.filter(ctx, "", input.DeliveryQuery)
	if err != nil {
		return nil, err
	}
	deliveries, next, err := s.History.Deliveries(ctx, filter, input.page())
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return listOf(deliveries, next, deliveryOf), nil
}

type deliveryDetailOutput struct {
	Body client.DeliveryDetail
}

func (s *server) getDelivery(ctx context.Context, input *IDInput) (*deliveryDetailOutput, error) {
	delivery, attempts, err := s.ownDelivery(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	return &deliveryDetailOutput{Body: client.DeliveryDetail{
		Delivery: deliveryOf(delivery),
		Attempts: convertAll(attempts, attemptOf),
	}}, nil
}

// ownDelivery reads a delivery that the caller may see.
func (s *server) ownDelivery(ctx context.Context, id string) (postback.Delivery, []postback.Attempt, error) {
	delivery, attempts, err := s.History.Delivery(ctx, id)
	if err != nil {
		return postback.Delivery{}, nil, fmt.Errorf("get delivery: %w", err)
	}
	if !mayTouch(ctx, delivery.Publisher) {
		return postback.Delivery{}, nil, notFound("delivery")
	}
	return delivery, attempts, nil
}

type deliveryOutput struct {
	Body client.Delivery
}

func (s *server) replayDelivery(ctx context.Context, input *IDInput) (*deliveryOutput, error) {
	if ownPublisher(ctx) != "" {
		if _, _, err := s.ownDelivery(ctx, input.ID); err != nil {
			return nil, err
		}
	}
	delivery, err := s.Replayer.ReplayDelivery(ctx, input.ID)
	if err != nil {
		return nil, fmt.Errorf("replay delivery: %w", err)
	}
	return &deliveryOutput{Body: deliveryOf(delivery)}, nil
}
