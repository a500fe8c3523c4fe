package api

import (
	"unicode/utf8"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func deliveryOf(d postback.Delivery) client.Delivery {
	return client.Delivery{
		ID: d.ID, MessageID: d.MessageID(), EventID: d.EventID, EventType: d.EventType,
		Publisher: d.Publisher, EndpointID: d.EndpointID, Reference: d.Reference, State: d.State, Reason: d.Reason,
		Test: d.Test, Generation: d.Generation, Attempts: d.Attempts,
		LastStatusCode: d.LastStatusCode, LastError: d.LastError,
		NextAttemptAt: stamp(d.NextAttemptAt), CreatedAt: stamp(d.CreatedAt), CompletedAt: stamp(d.CompletedAt),
	}
}

func attemptOf(a postback.Attempt) client.Attempt {
	view := client.Attempt{
		Generation: a.Generation, Number: a.Number, Trigger: a.Trigger, StartedAt: stamp(a.StartedAt),
		DurationMS: a.Duration.Milliseconds(), Outcome: a.Outcome, StatusCode: a.StatusCode, Error: a.Error,
		Request: client.AttemptRequest{
			Method: a.Request.Method, URL: a.Request.URL, Headers: maskHeaders(a.Request.Headers), StringToSign: a.Request.StringToSign,
		},
		SourceIP: a.SourceIP, TraceID: a.TraceID, SecretVersion: a.SecretVersion, Notes: a.Notes,
	}
	view.Request.Body, view.Request.BodyBase64 = bodyOf(a.Request.Body)
	if a.Response != nil {
		body := a.Response.Body
		if a.Response.Truncated {
			body = wholeRunes(body)
		}
		view.Response = &client.AttemptResponse{Headers: maskHeaders(a.Response.Headers), Truncated: a.Response.Truncated}
		view.Response.Body, view.Response.BodyBase64 = bodyOf(body)
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

// bodyOf shows a body as text when it is UTF-8, else as bytes.
func bodyOf(body []byte) (text string, other []byte) {
	if utf8.Valid(body) {
		return string(body), nil
	}
	return "", body
}
