package api

import (
	"unicode/utf8"

	"github.com/waybillhq/waybill/postback"
)

// DeliveryView is a delivery as the API shows it. What does not apply is left
// out.
type DeliveryView struct {
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
	NextAttemptAt  timestamp       `json:"next_attempt_at,omitzero"`
	CreatedAt      timestamp       `json:"created_at"`
	CompletedAt    timestamp       `json:"completed_at,omitzero"`
}

func deliveryOf(d postback.Delivery) DeliveryView {
	return DeliveryView{
		ID: d.ID, MessageID: d.MessageID(), EventID: d.EventID, EventType: d.EventType,
		Publisher: d.Publisher, EndpointID: d.EndpointID, Reference: d.Reference, State: d.State, Reason: d.Reason,
		Test: d.Test, Generation: d.Generation, Attempts: d.Attempts,
		LastStatusCode: d.LastStatusCode, LastError: d.LastError,
		NextAttemptAt: stamp(d.NextAttemptAt), CreatedAt: stamp(d.CreatedAt), CompletedAt: stamp(d.CompletedAt),
	}
}

// deliveryDetail is a delivery where the attempts take the place of their
// number.
type deliveryDetail struct {
	DeliveryView
	Attempts []attemptView `json:"attempts" nullable:"false" doc:"Oldest first"`
}

// attemptView is an attempt as the API shows it.
type attemptView struct {
	Generation    int                    `json:"generation"`
	Number        int                    `json:"number"`
	Trigger       postback.Trigger       `json:"trigger"`
	StartedAt     timestamp              `json:"started_at"`
	DurationMS    int64                  `json:"duration_ms"`
	Outcome       postback.Outcome       `json:"outcome"`
	StatusCode    int                    `json:"status_code,omitempty"`
	Error         *postback.AttemptError `json:"error,omitempty"`
	Request       requestView            `json:"request"`
	Response      *responseView          `json:"response,omitempty"`
	SourceIP      string                 `json:"source_ip,omitempty"`
	TraceID       string                 `json:"trace_id,omitempty"`
	SecretVersion int                    `json:"secret_version,omitempty"`
	Notes         []string               `json:"notes,omitempty" nullable:"false"`
}

// BodyView is a body: a string when it is UTF-8, else base64.
type BodyView struct {
	Body       string `json:"body,omitempty"`
	BodyBase64 []byte `json:"body_base64,omitempty" doc:"Instead of body when that is not UTF-8"`
}

type requestView struct {
	Method       string            `json:"method"`
	URL          string            `json:"url"`
	Headers      map[string]string `json:"headers,omitempty" doc:"Values that look like credentials are masked"`
	StringToSign string            `json:"string_to_sign,omitempty" doc:"What was signed; a secret in it is masked"`
	BodyView
}

type responseView struct {
	Headers map[string]string `json:"headers,omitempty" doc:"Values that look like credentials are masked"`
	BodyView
	Truncated bool `json:"truncated" doc:"The body was longer than what is kept"`
}

func attemptOf(a postback.Attempt) attemptView {
	view := attemptView{
		Generation: a.Generation, Number: a.Number, Trigger: a.Trigger, StartedAt: stamp(a.StartedAt),
		DurationMS: a.Duration.Milliseconds(), Outcome: a.Outcome, StatusCode: a.StatusCode, Error: a.Error,
		Request: requestView{
			Method: a.Request.Method, URL: a.Request.URL, Headers: maskHeaders(a.Request.Headers),
			StringToSign: a.Request.StringToSign, BodyView: bodyOf(a.Request.Body),
		},
		SourceIP: a.SourceIP, TraceID: a.TraceID, SecretVersion: a.SecretVersion, Notes: a.Notes,
	}
	if a.Response != nil {
		body := a.Response.Body
		if a.Response.Truncated {
			body = wholeRunes(body)
		}
		view.Response = &responseView{Headers: maskHeaders(a.Response.Headers), BodyView: bodyOf(body), Truncated: a.Response.Truncated}
	}
	return view
}

// wholeRunes drops the part of a character that was cut in two.
func wholeRunes(body []byte) []byte {
	for cut := range min(utf8.UTFMax, len(body)) {
		if whole := body[:len(body)-cut]; utf8.Valid(whole) {
			return whole
		}
	}
	return body
}

func bodyOf(body []byte) BodyView {
	if utf8.Valid(body) {
		return BodyView{Body: string(body)}
	}
	return BodyView{BodyBase64: body}
}
