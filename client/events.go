package client

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"

	"github.com/waybillhq/waybill/postback"
)

// Event is what happened, as a producer sends it.
type Event struct {
	ID         string          `json:"id,omitempty"` // empty: generated, and a repeat is not recognised
	Type       string          `json:"type"`
	Publisher  string          `json:"publisher"`
	Data       json.RawMessage `json:"data"` // a JSON object; its numbers keep their spelling
	OccurredAt Time            `json:"occurred_at,omitzero"`
}

// Acceptance is the answer to an event.
type Acceptance struct {
	ID         string             `json:"id"`
	Duplicate  bool               `json:"duplicate"`
	Deliveries []AcceptedDelivery `json:"deliveries" nullable:"false"`
	Warnings   []postback.Warning `json:"warnings,omitempty" nullable:"false" doc:"Which endpoints do not get the event or get it incomplete, and why. Those of a repeat say what is true of the recorded deliveries now"`
}

// AcceptedDelivery is a delivery that an event led to.
type AcceptedDelivery struct {
	ID         string          `json:"id"`
	EndpointID string          `json:"endpoint_id"`
	State      postback.State  `json:"state"`
	Reason     postback.Reason `json:"reason,omitempty" doc:"Why it is parked or dead"`
}

// BatchResult is the answer to one event of a batch: Status 202 (accepted),
// 200 (a duplicate), or 409 or 422 and an Error.
type BatchResult struct {
	Index      int                `json:"index"`
	Line       int                `json:"line,omitempty"` // of SendLines, from 1; empty ones count
	Status     int                `json:"status"`
	ID         string             `json:"id,omitempty"`
	Duplicate  bool               `json:"duplicate,omitempty"`
	Deliveries []AcceptedDelivery `json:"deliveries,omitempty"`
	Warnings   []postback.Warning `json:"warnings,omitempty"`
	Error      *BatchError        `json:"error,omitempty"`
}

// BatchError says why one event of a batch was refused.
type BatchError struct {
	Code    postback.Code `json:"code"`
	Field   string        `json:"field,omitempty" doc:"Relative to the event"`
	Message string        `json:"message"`
	Errors  []FieldError  `json:"errors,omitempty" nullable:"false" doc:"Of each endpoint that wants the event, when none can carry it"`
	More    int           `json:"more_errors,omitempty" doc:"How many are not listed"`
}

// StoredEvent is an event as Waybill keeps it.
type StoredEvent struct {
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	Publisher  string          `json:"publisher"`
	Data       json.RawMessage `json:"data,omitempty" doc:"As it was written; not in listings"`
	OccurredAt Time            `json:"occurred_at,omitzero"`
	AcceptedAt Time            `json:"accepted_at"`
	Test       bool            `json:"test,omitempty"`
	Rejection  string          `json:"rejection,omitempty" doc:"Why it was refused on the queue"`
}

// EventDetail is an event with its deliveries.
type EventDetail struct {
	StoredEvent
	Deliveries []Delivery `json:"deliveries" nullable:"false"`
}

// EventFilter picks events; the zero value picks all.
type EventFilter struct {
	Publisher string
	Type      string // a pattern such as "conversion.*"
	Rejected  bool   // only events that were refused on the queue
	Unmatched bool   // only events that no endpoint wanted
	Since     Time   // accepted at or after
	Until     Time   // accepted before
}

func (f EventFilter) query() url.Values {
	query := url.Values{}
	put(query, "publisher", f.Publisher)
	put(query, "type", f.Type)
	if f.Rejected {
		query.Set("rejected", "true")
	}
	if f.Unmatched {
		query.Set("unmatched", "true")
	}
	putTime(query, "since", f.Since)
	putTime(query, "until", f.Until)
	return query
}

// SendEvent sends one event. When it returns nil the event is recorded
// durably. A repeat is a success with Duplicate set; the same id with other
// content is a Problem with the code "conflict".
func (c *Client) SendEvent(ctx context.Context, event Event) (Acceptance, error) {
	var answer Acceptance
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/events", body: event}, &answer)
	return answer, err
}

// SendBatch sends up to 1,000 events and answers for each, in order. One bad
// event does not spoil the others.
func (c *Client) SendBatch(ctx context.Context, events []Event) ([]BatchResult, error) {
	if events == nil {
		events = []Event{}
	}
	return c.batch(ctx, call{body: map[string]any{"events": events}})
}

// SendLines sends up to 1,000 events that are JSON already, one on each line.
func (c *Client) SendLines(ctx context.Context, lines io.Reader) ([]BatchResult, error) {
	return c.batch(ctx, call{raw: lines, contentType: "application/x-ndjson"})
}

func (c *Client) batch(ctx context.Context, what call) ([]BatchResult, error) {
	what.method, what.path = http.MethodPost, "/v1/events/batch"
	var answer struct {
		Results []BatchResult `json:"results"`
	}
	err := c.do(ctx, what, &answer)
	return answer.Results, err
}

// GetEvent returns an event with its deliveries.
func (c *Client) GetEvent(ctx context.Context, id string) (EventDetail, error) {
	var answer EventDetail
	err := c.do(ctx, call{method: http.MethodGet, path: "/v1/events/" + url.PathEscape(id)}, &answer)
	return answer, err
}

// ListEvents returns one page of events, newest first, without their data.
func (c *Client) ListEvents(ctx context.Context, filter EventFilter, page PageRequest) (Page[StoredEvent], error) {
	query := filter.query()
	putPage(query, page)
	var answer Page[StoredEvent]
	err := c.do(ctx, call{method: http.MethodGet, path: "/v1/events", query: query}, &answer)
	return answer, err
}

// Events walks all events that the filter picks, newest first.
func (c *Client) Events(ctx context.Context, filter EventFilter) iter.Seq2[StoredEvent, error] {
	return pages(ctx, func(ctx context.Context, page PageRequest) (Page[StoredEvent], error) {
		return c.ListEvents(ctx, filter, page)
	})
}

// Rematch says what a part of the events came to that were matched again.
type Rematch struct {
	Events       int              `json:"events" doc:"Events that were looked at"`
	Deliveries   int              `json:"deliveries" doc:"Deliveries that were made, or would be with dry_run"`
	Unmatched    int              `json:"unmatched" doc:"Events that no endpoint wants still"`
	Unsendable   int              `json:"unsendable" doc:"Events that no endpoint that wants them can carry; they stay unmatched, too"`
	Problems     []RematchProblem `json:"problems,omitempty" nullable:"false" doc:"Which endpoints cannot carry which events, and why; of the unsendable ones, and of those that other endpoints get"`
	MoreProblems int              `json:"more_problems,omitempty" doc:"How many are not listed; each endpoint and event counts"`
	NextCursor   string           `json:"next_cursor,omitempty" doc:"Asks for the next part; absent at the end"`
}

// RematchProblem is why an endpoint cannot carry events.
type RematchProblem struct {
	EndpointID string        `json:"endpoint_id"`
	Code       postback.Code `json:"code" example:"value_missing"`
	Field      string        `json:"field,omitempty" doc:"Of the event" example:"data.uid"`
	Message    string        `json:"message"`
	EventID    string        `json:"event_id" doc:"The first of the events"`
	Events     int           `json:"events" doc:"How many have this problem"`
}

// DeliverEvents matches recorded events that the filter picks with the endpoints
// as they are now, and makes the deliveries that are missing; with dryRun it
// counts them. It does a part: call it again with NextCursor until that is empty.
// No endpoint gets an event twice, whatever fails in between. Rejected is of no
// use here: such events are never delivered.
func (c *Client) DeliverEvents(ctx context.Context, filter EventFilter, cursor string, dryRun bool) (Rematch, error) {
	body := map[string]any{"filter": filter.body()}
	if cursor != "" {
		body["cursor"] = cursor
	}
	if dryRun {
		body["dry_run"] = true
	}
	var answer Rematch
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/events/deliver", body: body}, &answer)
	return answer, err
}

func (f EventFilter) body() map[string]any {
	body := map[string]any{}
	for name, values := range f.query() {
		body[name] = values[0]
	}
	delete(body, "rejected")
	if f.Unmatched {
		body["unmatched"] = true
	}
	return body
}
