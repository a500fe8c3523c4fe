package task

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// maxInlineData is how much of an event's data travels in the task, in bytes.
// Redis holds every active payload twice and asynq rewrites them each few
// seconds, so larger ones stay in the ledger.
const maxInlineData = 4 << 10

// Attempt is the task of making one attempt.
type Attempt struct {
	Ref        postback.Ref
	EndpointID string
	// Due is the delivery with its event as the ledger had it when the task was
	// queued; nil when the event was too large to travel.
	Due *postback.Due
	// AskedAt is when the ledger had it so, by its clock. For a few seconds that is
	// believed.
	AskedAt time.Time
	// Recheck asks for a look into the ledger before anything is sent: the
	// task may be stale, because somebody else had one of the same attempt.
	Recheck bool
	// Headers carry the trace context.
	Headers map[string]string
}

// id is the task's id. While it exists in Redis the same attempt cannot be
// queued again.
func (a Attempt) id() string {
	return a.Ref.DeliveryID + "." + strconv.Itoa(a.Ref.Generation) + "." + strconv.Itoa(a.Ref.Attempt)
}

// named is a task of which its id alone can be read, because a later version wrote
// it: a rolling upgrade has both. All else is in the ledger.
func named(id string, headers map[string]string) (Attempt, error) {
	ref := postback.Ref{}
	rest, attempt, _ := cutLast(id, ".")
	delivery, generation, found := cutLast(rest, ".")
	var errs [2]error
	ref.Generation, errs[0] = strconv.Atoi(generation)
	ref.Attempt, errs[1] = strconv.Atoi(attempt)
	if !found || errs[0] != nil || errs[1] != nil {
		return Attempt{}, errPayload
	}
	ref.DeliveryID = delivery
	return Attempt{Ref: ref, Recheck: true, Headers: headers}, nil
}

func (a Attempt) encode() []byte {
	payload := writer{form}
	payload.text(a.Ref.DeliveryID)
	payload.number(a.Ref.Generation)
	payload.number(a.Ref.Attempt)
	payload.text(a.EndpointID)
	payload.moment(a.AskedAt)
	payload.flag(a.Recheck)
	carried := a.Due != nil && len(a.Due.Event.Data) <= maxInlineData
	payload.flag(carried)
	if carried {
		payload.due(*a.Due)
	}
	return payload
}

func (w *writer) due(due postback.Due) {
	delivery, event := due.Delivery, due.Event
	w.text(event.ID)
	w.text(event.Type)
	w.text(event.Publisher)
	w.text(string(event.Data))
	w.moment(event.OccurredAt)
	w.moment(event.AcceptedAt)
	w.text(string(delivery.State))
	w.number(delivery.AttemptsBefore)
	w.text(delivery.OrderKey)
	w.flag(delivery.Test)
	w.flag(delivery.Probe)
	w.moment(delivery.OpenedAt)
}

func decode(payload []byte) (Attempt, error) {
	if len(payload) > 0 && payload[0] == '{' {
		return decodeJSON(payload)
	}
	r, err := open(payload)
	if err != nil {
		return Attempt{}, err
	}
	task := Attempt{
		Ref:        postback.Ref{DeliveryID: r.text(), Generation: r.number(), Attempt: r.number()},
		EndpointID: r.text(),
		AskedAt:    r.moment(),
		Recheck:    r.flag(),
	}
	if r.flag() {
		task.Due = r.due(task)
	}
	if err := r.end(); err != nil {
		return Attempt{}, err
	}
	return task, nil
}

// decodeJSON reads which attempt it is from a task that an earlier version queued.
// All else is in the ledger.
func decodeJSON(payload []byte) (Attempt, error) {
	var w struct {
		Delivery   string `json:"d"`
		Generation int    `json:"g"`
		Attempt    int    `json:"a"`
		Endpoint   string `json:"e"`
	}
	if err := json.Unmarshal(payload, &w); err != nil {
		return Attempt{}, fmt.Errorf("decode task: %w", err)
	}
	ref := postback.Ref{DeliveryID: w.Delivery, Generation: w.Generation, Attempt: w.Attempt}
	return Attempt{Ref: ref, EndpointID: w.Endpoint, Recheck: true}, nil
}

func (r *reader) due(task Attempt) *postback.Due {
	event := postback.Event{
		ID: r.text(), Type: r.text(), Publisher: r.text(), Data: []byte(r.text()), OccurredAt: r.moment(), AcceptedAt: r.moment(),
	}
	due := postback.Due{
		Event: event,
		Delivery: postback.Delivery{
			ID: task.Ref.DeliveryID, EventID: event.ID, EventType: event.Type, Publisher: event.Publisher,
			EndpointID: task.EndpointID, Generation: task.Ref.Generation, Attempts: task.Ref.Attempt - 1,
			State: postback.State(r.text()), AttemptsBefore: r.number(), OrderKey: r.text(),
			Test: r.flag(), Probe: r.flag(), CreatedAt: event.AcceptedAt, OpenedAt: r.moment(),
		},
	}
	due.Event.Test = due.Delivery.Test
	return &due
}
