package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func (s *server) routeDeliveries() {
	add(s, operation("list-deliveries", http.MethodGet, "/v1/deliveries", "List deliveries, newest first"), readers(), s.listDeliveries)
	add(s, operation("get-delivery", http.MethodGet, "/v1/deliveries/{id}", "Show a delivery with its attempts"), readers(), s.getDelivery)
	s.routeExport()
	replay := operation("replay-delivery", http.MethodPost, "/v1/deliveries/{id}/replay", "Replay an ended delivery")
	replay.DefaultStatus = http.StatusAccepted
	add(s, replay, owners(), s.replayDelivery)
}

type deliveriesInput struct {
	postback.DeliveryQuery
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
