package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"reflect"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// maxBatchBytes bounds the body of a batch.
const maxBatchBytes = 32 << 20

type batchBody struct {
	Events []eventBody `json:"events" maxItems:"1000" minItems:"1" nullable:"false"`
}

type batchAnswer struct {
	Results []batchResult `json:"results" nullable:"false" doc:"One for each event, in order"`
}

// batchResult is the answer to one event: what /v1/events would have answered.
type batchResult struct {
	Index      int                       `json:"index" doc:"The event's place in the batch, from 0"`
	Line       int                       `json:"line,omitempty" doc:"Its line in a body of NDJSON, from 1; empty ones count"`
	Status     int                       `json:"status" enum:"202,200,409,422,500,503" doc:"202 accepted, 200 a repeat, 409 another content under this id, 422 refused"`
	ID         string                    `json:"id,omitempty"`
	Duplicate  *bool                     `json:"duplicate,omitempty"`
	Deliveries []client.AcceptedDelivery `json:"deliveries,omitzero" nullable:"false"`
	Warnings   []postback.Warning        `json:"warnings,omitempty" nullable:"false"`
	Error      *client.BatchError        `json:"error,omitempty"`
}

func (s *server) routeBatch() {
	op := operation("send-batch", http.MethodPost, "/v1/events/batch", "Send up to 1,000 events; each is accepted or refused on its own")
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json":     {Schema: s.schema(reflect.TypeFor[batchBody]())},
		"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString, Description: "One event on each line"}},
	}}
	op.Responses = s.answers(reflect.TypeFor[batchAnswer](), http.StatusOK)
	s.addRaw(op, producers(), s.sendBatch)
}

func (s *server) sendBatch(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, maxBatchBytes)
	if err != nil {
		return err
	}
	parts, err := splitBatch(r.Header.Get("Content-Type"), body)
	if err != nil {
		return err
	}
	results := make([]batchResult, len(parts))
	events := make([]postback.Event, 0, len(parts))
	places := make([]int, 0, len(parts)) // of each event in results
	for i, part := range parts {
		results[i].Index, results[i].Line = i, part.Line
		event, err := postback.ParseEventPart(part.text, part.Part)
		if err != nil {
			results[i].refuse(r, err)
			continue
		}
		events, places = append(events, event), append(places, i)
	}
	if len(events) > 0 {
		answers, err := s.accept(r.Context(), events)
		if err != nil {
			return err
		}
		for i, answer := range answers {
			results[places[i]].fill(r, answer)
		}
	}
	s.writeJSON(w, r, http.StatusOK, batchAnswer{Results: results})
	return nil
}

func (b *batchResult) fill(r *http.Request, answer postback.Acceptance) {
	b.ID = answer.Event.ID
	if answer.Err != nil {
		b.refuse(r, answer.Err)
		return
	}
	accepted := acceptedOf(answer)
	b.Status, b.Duplicate, b.Deliveries, b.Warnings = acceptedStatus(answer), &accepted.Duplicate, accepted.Deliveries, accepted.Warnings
}

// refuse answers one event with the problem that it would have had alone; what
// is wrong with an event is always 422 here.
func (b *batchResult) refuse(r *http.Request, err error) {
	p := problemOf(r.Context(), err)
	b.Status = p.Status
	if p.Status < http.StatusInternalServerError && p.Status != http.StatusConflict {
		b.Status = http.StatusUnprocessableEntity
	}
	b.Error = &client.BatchError{Code: p.Code, Field: p.Field, Message: p.Detail}
	var domain *postback.Error
	if errors.As(err, &domain) && domain.Code == p.Code {
		b.Error.Message = domain.Message
		if b.Error.More = domain.Problems.More; len(domain.Problems.Named) > 0 {
			b.Error.Errors = p.Errors
		}
	}
}

// batchPart is one event of a batch as it was sent.
type batchPart struct {
	postback.Part
	text []byte
}

// splitBatch finds the events in a batch: the lines of NDJSON, or the list in
// an object.
func splitBatch(contentType string, body []byte) ([]batchPart, error) {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	var parts []batchPart
	var err error
	switch mediaType {
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		parts, err = splitLines(body)
	default:
		parts, err = splitList(body)
	}
	if err != nil {
		return nil, fmt.Errorf("read batch: %w", explainMany(body, err))
	}
	if len(parts) == 0 {
		return nil, postback.Invalid("events", postback.CodeInvalid, "has no events; send 1 to %d", postback.MaxBatch)
	}
	if len(parts) > postback.MaxBatch {
		return nil, postback.Invalid("events", postback.CodeTooLarge, "has %d events; send at most %d", len(parts), postback.MaxBatch)
	}
	return parts, nil
}

// splitList finds the events of an object.
func splitList(body []byte) ([]batchPart, error) {
	var wire struct {
		Events []json.RawMessage `json:"events"`
	}
	err := postback.DecodeObject(body, &wire)
	return convertAll(wire.Events, func(text json.RawMessage) batchPart { return batchPart{postback.Part{Name: "the event"}, text} }), err
}

// splitLines finds the events of NDJSON. A single object over several lines, or
// one that holds a list, is JSON that was called NDJSON by mistake.
func splitLines(body []byte) ([]batchPart, error) {
	var parts []batchPart
	number, before := 0, 0
	for line := range bytes.Lines(body) {
		number++
		text := bytes.TrimLeftFunc(line, unicode.IsSpace)
		indent := line[:len(line)-len(text)]
		if text = bytes.TrimSpace(text); len(text) > 0 {
			place := postback.Part{Name: "the line", Line: number, Columns: utf8.RuneCount(indent), Bytes: before + len(indent)}
			parts = append(parts, batchPart{place, text})
		}
		before += len(line)
	}
	var wire struct {
		Events json.RawMessage `json:"events"`
	}
	whole := json.Valid(body) && json.Unmarshal(body, &wire) == nil
	if whole && (len(parts) > 1 || wire.Events != nil) {
		return nil, postback.Failure(postback.CodeInvalid,
			"the body is one JSON object, but its Content-Type says NDJSON, one event on each line: send it as application/json")
	}
	return parts, nil
}

// explainMany replaces the error about a body that holds several objects: it is
// NDJSON that was not called so.
func explainMany(body []byte, err error) error {
	if _, many := postback.Another(body); !many {
		return err
	}
	return postback.Failure(postback.CodeInvalid,
		"the body holds more than one event: send them to /v1/events/batch with the Content-Type application/x-ndjson, one on each line")
}
