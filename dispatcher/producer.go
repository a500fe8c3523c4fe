package dispatcher

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/waybillhq/waybill/internal/id"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// Producer hands events in through Redis: for platforms in Go that would
// rather write to the queue than call the HTTP API. A produced event is as
// safe as that Redis until a worker has accepted it; an event of the HTTP API
// is in the ledger before the answer.
type Producer struct{ queue *task.Queue }

// Produced is an event to submit, as POST /v1/events takes it.
type Produced struct {
	ID         string          `json:"id"` // empty: generated
	Type       string          `json:"type"`
	Publisher  string          `json:"publisher"`
	Data       json.RawMessage `json:"data"`
	OccurredAt time.Time       `json:"occurred_at,omitzero"`
}

// NewProducer connects to the Redis that Waybill's workers read, at the URL that
// they have it by: redis://, redis-sentinel://HOST,HOST?master=NAME,
// redis-cluster://HOST,HOST, and the same over TLS with rediss. While that Redis
// fails over, Produce gives errors: produce the event again, under the same ID.
func NewProducer(ctx context.Context, redisURL string) (*Producer, error) {
	queue, err := task.Open(ctx, redisURL)
	if err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	return &Producer{queue: queue}, nil
}

// Produce puts an event on the queue and returns its id. The same id again is
// no error: it is accepted once. An event that Waybill would refuse is refused
// here already, with a *postback.Error that names the field. The trace in ctx
// is continued.
func (p *Producer) Produce(ctx context.Context, event Produced) (string, error) {
	if event.ID == "" {
		event.ID = id.New(id.Event, time.Now())
	}
	payload, err := postback.EncodeJSON(event)
	if err != nil {
		return "", postback.Invalid("data", postback.CodeInvalid, "is not valid JSON")
	}
	if _, err := postback.ParseEvent(payload); err != nil {
		return "", fmt.Errorf("check event: %w", err)
	}
	if err := p.queue.EnqueueEvent(ctx, taskType(event.Type), event.ID, payload, traceHeaders(ctx)); err != nil {
		return "", fmt.Errorf("produce event: %w", err)
	}
	return event.ID, nil
}

func taskType(eventType string) string {
	if strings.HasPrefix(eventType, "exchange.") {
		return task.TypeExchange
	}
	return task.TypeConversion
}

// Close gives the connection back.
func (p *Producer) Close() error {
	if err := p.queue.Close(); err != nil {
		return fmt.Errorf("close queue: %w", err)
	}
	return nil
}
