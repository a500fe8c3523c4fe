package dispatcher

import (
	"time"

	"github.com/waybillhq/waybill/internal/id"
	"github.com/waybillhq/waybill/postback"
)

// Rules are what the endpoints' schemes say of events.
type Rules interface {
	// CheckEvent refuses an event that an endpoint's scheme cannot carry. The error
	// names the field.
	CheckEvent(endpoint postback.Endpoint, event postback.Event) error
	// Warnings warns of what the endpoint gets and its receiver will trip over.
	Warnings(endpoint postback.Endpoint, event postback.Event) []postback.Warning
	// Reference is what the delivery of an event to an endpoint is looked up by;
	// empty when the event has nothing that fits.
	Reference(endpoint postback.Endpoint, event postback.Event) string
	// OrderKey is the same for events whose deliveries to the endpoint go one after
	// another; empty when an event's waits for no other.
	OrderKey(endpoint postback.Endpoint, event postback.Event) string
}

// matchStage makes the deliveries of an event: one for each endpoint that wants it.
type matchStage struct {
	endpoints Endpoints
	rules     Rules
	release   *releaseStage
}

// event makes the deliveries of an event. One endpoint that cannot carry it does not
// refuse it for the others: its delivery is a dead letter.
func (s *matchStage) event(event postback.Event, at time.Time) postback.Acceptance {
	event.AcceptedAt = at
	if event.ID == "" {
		event.ID = id.New(id.Event, at)
	}
	item := postback.Acceptance{Event: event}
	var problems postback.Problems
	carried := false
	for _, endpoint := range s.endpoints.Matching(event.Publisher, event.Type) {
		delivery := s.delivery(event, endpoint)
		if err := s.rules.CheckEvent(endpoint, event); err != nil {
			delivery = unsendable(delivery, err)
			item.Warnings = append(item.Warnings, warning(delivery, err.Error()))
			problems.Add(endpoint.ID, event.ID, err)
		} else {
			carried = true
			item.Warnings = append(item.Warnings, s.rules.Warnings(endpoint, event)...)
		}
		item.Deliveries = append(item.Deliveries, delivery)
	}
	if refusal := problems.Refusal(); refusal != nil && !carried {
		return postback.Acceptance{Event: event, Err: refusal}
	}
	if len(item.Deliveries) == 0 {
		item.Warnings = append(item.Warnings, s.unwanted(event))
	}
	return item
}

func (s *matchStage) delivery(event postback.Event, endpoint postback.Endpoint) postback.Delivery {
	delivery := postback.Delivery{
		ID:         id.New(id.Delivery, event.AcceptedAt),
		EventID:    event.ID,
		EventType:  event.Type,
		Publisher:  event.Publisher,
		EndpointID: endpoint.ID,
		Reference:  s.rules.Reference(endpoint, event),
		OrderKey:   s.rules.OrderKey(endpoint, event),
		State:      postback.Pending,
		Generation: 1,
		CreatedAt:  event.AcceptedAt,
		OpenedAt:   event.AcceptedAt,
	}
	if reason, held := s.release.waits(endpoint); held {
		delivery.State, delivery.Reason = postback.Parked, reason
		return delivery
	}
	delivery.NextAttemptAt, delivery.SweepAt = event.AcceptedAt, event.AcceptedAt
	return delivery
}
