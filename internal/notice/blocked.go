package notice

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/waybillhq/waybill/postback"
)

// blockedData is the data of the event about an endpoint that nothing can be
// sent to.
type blockedData struct {
	subject
	Cause   string `json:"cause"`
	Message string `json:"message"`
	At      stamp  `json:"at"`
}

// Blocked notes why nothing can be sent to an endpoint, and alerts operators: once
// a day for each cause while it lasts, whichever processes find it. The event's id
// makes it so: the ledger takes it once.
func (n *Notifier) Blocked(ctx context.Context, block postback.Block) error {
	endpoint, known := n.Endpoints.Endpoint(block.EndpointID)
	if !known {
		return nil
	}
	if err := n.Findings.NoteBlock(ctx, block); err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	first := true
	if endpoint.Publisher != postback.Operator {
		event, err := n.blockedEvent(block, endpoint)
		if err != nil {
			return err
		}
		answers, err := n.accepted(ctx, []postback.Event{event})
		if err != nil {
			return err
		}
		first = !answers[0].Duplicate
	}
	if first {
		n.Logger.WarnContext(ctx, "endpoint blocked, its deliveries wait", slog.String("endpoint", endpoint.ID), slog.String("publisher", endpoint.Publisher),
			slog.String("cause", block.Cause), slog.String("detail", block.Message))
		n.alerts.Add(ctx, 1, metric.WithAttributes(attribute.String("type", postback.NoticeBlocked)))
	}
	return nil
}

func (n *Notifier) blockedEvent(block postback.Block, endpoint postback.Endpoint) (postback.Event, error) {
	at := block.At.UTC().Truncate(time.Microsecond)
	data := blockedData{
		subject: subject{EndpointID: endpoint.ID, Publisher: endpoint.Publisher, Host: postback.HostOf(endpoint.URL)},
		Cause:   block.Cause, Message: block.Message, At: stamp{at},
	}
	return n.event(postback.NoticeBlocked, data, at, endpoint.ID, block.Cause, at.Format(time.DateOnly))
}
