package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// eventBody documents what postback.ParseEvent reads.
type eventBody struct {
	ID         string         `json:"id,omitempty" maxLength:"200" doc:"The producer's id; a repeat of it is a duplicate. Left out: generated"`
	Type       string         `json:"type" example:"conversion.completed"`
	Publisher  string         `json:"publisher" maxLength:"200"`
	Data       map[string]any `json:"data" doc:"Kept as it is written: 1.50 stays 1.50"`
	OccurredAt client.Time    `json:"occurred_at,omitzero"`
}

func acceptedOf(acceptance postback.Acceptance) client.Acceptance {
	return client.Acceptance{
		ID:        acceptance.Event.ID,
		Duplicate: acceptance.Duplicate,
		Deliveries: convertAll(acceptance.Deliveries, func(d postback.Delivery) client.AcceptedDelivery {
			return client.AcceptedDelivery{ID: d.ID, EndpointID: d.EndpointID, State: d.State, Reason: d.Reason}
		}),
		Warnings: acceptance.Warnings,
	}
}

// eventSummary is an event without its data: a listing of large events would
// not fit in memory.
func eventSummary(e postback.Event) client.StoredEvent {
	return client.StoredEvent{
		ID: e.ID, Type: e.Type, Publisher: e.Publisher, OccurredAt: stamp(e.OccurredAt),
		AcceptedAt: stamp(e.AcceptedAt), Test: e.Test, Rejection: e.Rejection,
	}
}

// dataOf shows data that came through the queue and is not JSON as a string.
func dataOf(data json.RawMessage) json.RawMessage {
	if len(data) == 0 || json.Valid(data) {
		return data
	}
	quoted, err := json.Marshal(string(data))
	if err != nil {
		return nil
	}
	return quoted
}

func (s *server) routeEvents() {
	send := operation("send-event", http.MethodPost, "/v1/events", "Send an event")
	send.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json": {Schema: s.schema(reflect.TypeFor[eventBody]())},
	}}
	send.Responses = s.answers(reflect.TypeFor[client.Acceptance](), http.StatusAccepted, http.StatusOK)
	send.Responses["200"].Description = "A repeat: the event was accepted before"
	s.addRaw(send, producers(), s.sendEvent)
	s.routeBatch()
	add(s, operation("deliver-events", http.MethodPost, "/v1/events/deliver", "Match recorded events again and create the deliveries that are missing"), owners(), s.deliverEvents)
	add(s, operation("list-events", http.MethodGet, "/v1/events", "List events, newest first"), readers(), s.listEvents)
	add(s, operation("get-event", http.MethodGet, "/v1/events/{id}", "Show an event and its deliveries"), readers(), s.getEvent)
}

func (s *server) sendEvent(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, postback.MaxEventBytes)
	if err != nil {
		return err
	}
	event, err := postback.ParseEvent(body)
	if err != nil {
		return fmt.Errorf("read event: %w", explainMany(body, err))
	}
	answers, err := s.accept(r.Context(), []postback.Event{event})
	if err != nil {
		return err
	}
	if answers[0].Err != nil {
		return answers[0].Err
	}
	s.writeJSON(w, r, acceptedStatus(answers[0]), acceptedOf(answers[0]))
	return nil
}

// accept asks the intake and checks that it answers for each event.
func (s *server) accept(ctx context.Context, events []postback.Event) ([]postback.Acceptance, error) {
	answers, err := s.Intake.Accept(ctx, events)
	if err != nil {
		return nil, fmt.Errorf("accept events: %w", err)
	}
	if len(answers) != len(events) {
		return nil, postback.Failure(postback.CodeInternal, "the intake answered for %d of %d events", len(answers), len(events))
	}
	return answers, nil
}

func acceptedStatus(acceptance postback.Acceptance) int {
	if acceptance.Duplicate {
		return http.StatusOK
	}
	return http.StatusAccepted
}

type eventsInput struct {
	PageInput
	Publisher string        `query:"publisher"`
	Type      string        `query:"type" doc:"A type or a pattern such as conversion.*"`
	Rejected  bool          `query:"rejected" enum:"true" doc:"Only events that were refused on the queue"`
	Unmatched bool          `query:"unmatched" enum:"true" doc:"Only events that no endpoint wanted; alerts are left out, unless publisher is @operator"`
	Since     postback.Text `query:"since" doc:"Accepted at or after: RFC 3339, a date, or an age (90m, 7d, 1w)"`
	Until     postback.Text `query:"until" doc:"Accepted before"`
}

func (s *server) listEvents(ctx context.Context, input *eventsInput) (*listOutput[client.StoredEvent], error) {
	publisher, err := scope(ctx, "publisher", input.Publisher)
	if err != nil {
		return nil, err
	}
	if err := readType("type", input.Type); err != nil {
		return nil, err
	}
	since, until, err := postback.ReadSpan("", input.Since, input.Until, s.Now())
	if err != nil {
		return nil, fmt.Errorf("read filter: %w", err)
	}
	events, next, err := s.History.Events(ctx, postback.EventFilter{
		Publisher: publisher, EventType: input.Type, Rejected: input.Rejected, Unmatched: input.Unmatched, Since: since, Until: until,
	}, input.page())
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return listOf(events, next, eventSummary), nil
}

type eventOutput struct {
	Body client.EventDetail
}

func (s *server) getEvent(ctx context.Context, input *IDInput) (*eventOutput, error) {
	event, deliveries, err := s.History.Event(ctx, input.ID)
	if err != nil {
		return nil, fmt.Errorf("get event: %w", err)
	}
	if !mayTouch(ctx, event.Publisher) {
		return nil, notFound("event")
	}
	summary := eventSummary(event)
	summary.Data = dataOf(event.Data)
	return &eventOutput{Body: client.EventDetail{StoredEvent: summary, Deliveries: convertAll(deliveries, deliveryOf)}}, nil
}
