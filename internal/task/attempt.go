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
	// Recheck asks for a look into the ledger before anything is sent: the
	// task may be stale, because it was queued by the sweeper or taken over
	// from a process that crashed.
	Recheck bool
	// Headers carry the trace context.
	Headers map[string]string
}

// id is the task's id. While it exists in Redis the same attempt cannot be
// queued again.
func (a Attempt) id() string {
	return a.Ref.DeliveryID + "." + strconv.Itoa(a.Ref.Generation) + "." + strconv.Itoa(a.Ref.Attempt)
}

// wire is the payload. Names are short because Redis holds hundreds of
// thousands of them.
type wire struct {
	Delivery   string     `json:"d"`
	Generation int        `json:"g"`
	Attempt    int        `json:"a"`
	Endpoint   string     `json:"e"`
	Recheck    bool       `json:"r,omitempty"`
	Event      *wireEvent `json:"v,omitempty"`
}

type wireEvent struct {
	ID             string          `json:"i"`
	Type           string          `json:"t"`
	Publisher      string          `json:"p"`
	Data           json.RawMessage `json:"d"`
	OccurredAt     time.Time       `json:"o,omitzero"`
	AcceptedAt     time.Time       `json:"c"`
	State          postback.State  `json:"s"`
	AttemptsBefore int             `json:"b,omitempty"`
	OrderKey       string          `json:"k,omitempty"`
	OpenedAt       time.Time       `json:"n"`
}

func (a Attempt) encode() ([]byte, error) {
	payload := wire{
		Delivery: a.Ref.DeliveryID, Generation: a.Ref.Generation, Attempt: a.Ref.Attempt,
		Endpoint: a.EndpointID, Recheck: a.Recheck,
	}
	if a.Due != nil && len(a.Due.Event.Data) <= maxInlineData {
		delivery, event := a.Due.Delivery, a.Due.Event
		payload.Event = &wireEvent{
			ID: event.ID, Type: event.Type, Publisher: event.Publisher, Data: event.Data,
			OccurredAt: event.OccurredAt, AcceptedAt: event.AcceptedAt, State: delivery.State,
			AttemptsBefore: delivery.AttemptsBefore, OrderKey: delivery.OrderKey, OpenedAt: delivery.OpenedAt,
		}
	}
	encoded, err := postback.EncodeJSON(payload)
	if err != nil {
		return nil, fmt.Errorf("encode task: %w", err)
	}
	return encoded, nil
}

func decode(payload []byte) (Attempt, error) {
	var w wire
	if err := json.Unmarshal(payload, &w); err != nil {
		return Attempt{}, fmt.Errorf("decode task: %w", err)
	}
	task := Attempt{
		Ref:        postback.Ref{DeliveryID: w.Delivery, Generation: w.Generation, Attempt: w.Attempt},
		EndpointID: w.Endpoint,
		Recheck:    w.Recheck,
	}
	if w.Event != nil {
		task.Due = w.due()
	}
	return task, nil
}

func (w wire) due() *postback.Due {
	event := w.Event
	return &postback.Due{
		Event: postback.Event{
			ID: event.ID, Type: event.Type, Publisher: event.Publisher, Data: event.Data,
			OccurredAt: event.OccurredAt, AcceptedAt: event.AcceptedAt,
		},
		Delivery: postback.Delivery{
			ID: w.Delivery, EventID: event.ID, EventType: event.Type, Publisher: event.Publisher,
			EndpointID: w.Endpoint, OrderKey: event.OrderKey, State: event.State, Generation: w.Generation,
			Attempts: w.Attempt - 1, AttemptsBefore: event.AttemptsBefore,
			CreatedAt: event.AcceptedAt, OpenedAt: event.OpenedAt,
		},
	}
}
