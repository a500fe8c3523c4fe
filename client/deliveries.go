package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"

	"github.com/waybillhq/waybill/postback"
)

// Delivery is one event for one endpoint. What does not apply is left out of its
// JSON.
type Delivery struct {
	ID             string          `json:"id"`
	MessageID      string          `json:"message_id" doc:"What receivers know the delivery by: the same for every attempt and replay"`
	EventID        string          `json:"event_id"`
	EventType      string          `json:"event_type"`
	Publisher      string          `json:"publisher"`
	EndpointID     string          `json:"endpoint_id"`
	Reference      string          `json:"reference,omitempty" doc:"What the endpoint's scheme names the event by, such as the transaction's id"`
	State          postback.State  `json:"state" enum:"pending,retrying,parked,succeeded,dead,cancelled"`
	Reason         postback.Reason `json:"reason,omitempty" doc:"Why it is parked, dead or cancelled"`
	Test           bool            `json:"test,omitempty"`
	Generation     int             `json:"generation" doc:"1, and one more for each replay"`
	Attempts       int             `json:"attempts"`
	LastStatusCode int             `json:"last_status_code,omitempty"`
	LastError      string          `json:"last_error,omitempty"`
	NextAttemptAt  Time            `json:"next_attempt_at,omitzero"`
	CreatedAt      Time            `json:"created_at"`
	CompletedAt    Time            `json:"completed_at,omitzero"`
}

// DeliveryDetail is a delivery with its attempts. In JSON the list takes the
// place of their number.
type DeliveryDetail struct {
	Delivery
	Attempts []Attempt `json:"attempts" nullable:"false" doc:"Oldest first"`
}

// UnmarshalJSON reads the detail and counts the attempts into Delivery.
func (d *DeliveryDetail) UnmarshalJSON(text []byte) error {
	type plain DeliveryDetail
	var read plain
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("read delivery: %w", err)
	}
	*d = DeliveryDetail(read)
	d.Delivery.Attempts = len(d.Attempts)
	return nil
}

// Attempt is one HTTP request to an endpoint and what came back.
type Attempt struct {
	Generation    int                    `json:"generation"`
	Number        int                    `json:"number"`
	Trigger       postback.Trigger       `json:"trigger"`
	StartedAt     Time                   `json:"started_at"`
	DurationMS    int64                  `json:"duration_ms"`
	Outcome       postback.Outcome       `json:"outcome"`
	StatusCode    int                    `json:"status_code,omitempty"`
	Error         *postback.AttemptError `json:"error,omitempty"`
	Request       AttemptRequest         `json:"request"`
	Response      *AttemptResponse       `json:"response,omitempty"`
	SourceIP      string                 `json:"source_ip,omitempty"`
	TraceID       string                 `json:"trace_id,omitempty"`
	SecretVersion int                    `json:"secret_version,omitempty"`
	Notes         []string               `json:"notes,omitempty" nullable:"false"`
}

// AttemptRequest is a request as it was sent, and what was signed.
type AttemptRequest struct {
	Method       string            `json:"method"`
	URL          string            `json:"url"`
	Headers      map[string]string `json:"headers,omitempty" doc:"Values that look like credentials are masked"`
	StringToSign string            `json:"string_to_sign,omitempty" doc:"What was signed; a secret in it is masked"`
	Body         string            `json:"body,omitempty"`
	BodyBase64   []byte            `json:"body_base64,omitempty" doc:"Instead of body when that is not UTF-8"`
}

// AttemptResponse is what an endpoint answered, cut to what is stored. It was
// written by a stranger: escape it before showing it.
type AttemptResponse struct {
	Headers    map[string]string `json:"headers,omitempty" doc:"Values that look like credentials are masked"`
	Body       string            `json:"body,omitempty"`
	BodyBase64 []byte            `json:"body_base64,omitempty" doc:"Instead of body when that is not UTF-8"`
	Truncated  bool              `json:"truncated" doc:"The body was longer than what is kept"`
}

// DeliveryFilter picks deliveries. What is not given does not filter; what is given
// does, and the server refuses it when it is empty: postback.Given("") is never the
// same as no filter.
type DeliveryFilter = postback.DeliveryQuery

// ListDeliveries returns one page of deliveries, newest first.
func (c *Client) ListDeliveries(ctx context.Context, filter DeliveryFilter, page PageRequest) (Page[Delivery], error) {
	query := filter.Values()
	putPage(query, page)
	var answer Page[Delivery]
	err := c.do(ctx, call{method: http.MethodGet, path: "/v1/deliveries", query: query}, &answer)
	return answer, err
}

// Deliveries walks all deliveries that the filter picks, newest first.
func (c *Client) Deliveries(ctx context.Context, filter DeliveryFilter) iter.Seq2[Delivery, error] {
	return pages(ctx, func(ctx context.Context, page PageRequest) (Page[Delivery], error) {
		return c.ListDeliveries(ctx, filter, page)
	})
}

// GetDelivery returns a delivery with its attempts.
func (c *Client) GetDelivery(ctx context.Context, id string) (DeliveryDetail, error) {
	var answer DeliveryDetail
	err := c.do(ctx, call{method: http.MethodGet, path: "/v1/deliveries/" + url.PathEscape(id)}, &answer)
	return answer, err
}

// ReplayDelivery reopens one ended delivery. One that is still under way is a
// Problem with the code "delivery_not_ended".
func (c *Client) ReplayDelivery(ctx context.Context, id string) (Delivery, error) {
	var answer Delivery
	path := "/v1/deliveries/" + url.PathEscape(id) + "/replay"
	err := c.do(ctx, call{method: http.MethodPost, path: path}, &answer)
	return answer, err
}
