package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/waybillhq/waybill/internal/id"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// exampleGrace is when the sweeper ends an example whose sender crashed.
const exampleGrace = 5 * time.Minute

// Acceptances accepts events with their deliveries.
type Acceptances interface {
	Accept(ctx context.Context, items []postback.Acceptance) ([]postback.Acceptance, error)
}

// Example sends an example event to one endpoint, now and once, and returns
// the delivery and the attempt. It is in the history, marked as a test. With
// an empty eventType the type is one that the endpoint wants. CodeNotFound;
// CodeConflict while the endpoint is paused, or its limits let nothing go now;
// unknown_scheme when this process does not know the endpoint's scheme.
func (w *Worker) Example(ctx context.Context, endpointID, eventType string) (postback.Delivery, postback.Attempt, error) {
	d, err := w.makeExample(endpointID, eventType)
	if err != nil {
		return postback.Delivery{}, postback.Attempt{}, err
	}
	defer w.gate.inFlight.leave(d)
	if err := w.sendExample(ctx, d); err != nil {
		return postback.Delivery{}, postback.Attempt{}, err
	}
	return ended(d.Delivery, d.move), d.attempt, nil
}

// sendExample sends an example as the endpoint's limits allow.
func (w *Worker) sendExample(ctx context.Context, d *delivery) error {
	if err := w.admitExample(ctx, d); err != nil {
		return err
	}
	if _, err := w.examples.Accept(ctx, []postback.Acceptance{{Event: d.Event, Deliveries: []postback.Delivery{d.Delivery}}}); err != nil {
		return fmt.Errorf("record example: %w", err)
	}
	w.try(ctx, d)
	return w.record.write(context.WithoutCancel(ctx), d)
}

// admitExample takes an in-flight slot and a slot of the rate limit, or says why
// there is none. No circuit and no outage keeps an example from being sent.
func (w *Worker) admitExample(ctx context.Context, d *delivery) error {
	if !w.gate.inFlight.enter(ctx, d) {
		return postback.Failure(postback.CodeConflict,
			"the endpoint or its publisher has as many attempts in flight as it may (max_in_flight: %d); try again when some have ended", w.gate.inFlight.limit(d.endpoint))
	}
	due, taken, err := w.gate.rate.take(ctx, d.endpoint)
	switch {
	case err != nil:
		return fmt.Errorf("ask for the rate limit: %w", err)
	case !taken:
		return postback.Failure(postback.CodeConflict, "the endpoint's rate limit (rate_limit) lets nothing go now; try again in %s", postback.FormatAge(due.Round(100*time.Millisecond)))
	}
	return nil
}

// makeExample makes an example of what the endpoint gets.
func (w *Worker) makeExample(endpointID, eventType string) (*delivery, error) {
	endpoint, known := w.gate.endpoints.Endpoint(endpointID)
	if !known || endpoint.State == postback.EndpointDeleted {
		return nil, postback.Failure(postback.CodeNotFound, "endpoint %s not found", endpointID)
	}
	if endpoint.State == postback.EndpointPaused {
		return nil, postback.Failure(postback.CodeConflict, "the endpoint is paused; resume it first")
	}
	due, err := w.exampleFor(endpoint, eventType)
	if err != nil {
		return nil, err
	}
	return &delivery{Due: &due, endpoint: endpoint}, nil
}

func (w *Worker) exampleFor(endpoint postback.Endpoint, eventType string) (postback.Due, error) {
	scheme, err := w.sign.schemes.Define(endpoint.Scheme)
	if unknown, ok := errors.AsType[*signer.Error](err); ok {
		return postback.Due{}, postback.Failure(postback.Code(unknown.Code),
			"nothing can be sent to endpoint %s, its deliveries wait: %s", endpoint.ID, unknown.Message+knowSchemeAgain)
	}
	if err != nil {
		return postback.Due{}, fmt.Errorf("look up scheme: %w", err)
	}
	if eventType == "" {
		eventType = wantedType(endpoint, scheme.EventType())
	}
	if err := postback.CheckTypeOf(endpoint.Publisher, eventType); err != nil {
		return postback.Due{}, fmt.Errorf("check event type: %w", err)
	}
	now, data := w.now(), scheme.Example(eventType)
	event := postback.Event{
		ID: id.New(id.Event, now), Type: eventType, Publisher: endpoint.Publisher, Test: true,
		Data: data, AcceptedAt: now, Digest: []byte("example"),
	}
	return postback.Due{Event: event, Delivery: postback.Delivery{
		ID: id.New(id.Delivery, now), EventID: event.ID, EventType: eventType, Publisher: endpoint.Publisher,
		EndpointID: endpoint.ID, Reference: scheme.Reference(data), State: postback.Pending, Generation: 1, Test: true,
		CreatedAt: now, OpenedAt: now, NextAttemptAt: now, SweepAt: now.Add(exampleGrace),
	}}, nil
}

// wantedType is the scheme's usual event type, or another usual one, among those
// the endpoint wants.
func wantedType(endpoint postback.Endpoint, ofScheme string) string {
	usual := []string{ofScheme, "conversion.completed", "exchange.finished"}
	if endpoint.Publisher == postback.Operator {
		usual = postback.NoticeTypes()
	}
	for _, eventType := range usual {
		if endpoint.Wants(endpoint.Publisher, eventType) {
			return eventType
		}
	}
	for _, pattern := range endpoint.EventTypes {
		if !strings.HasSuffix(pattern, "*") {
			return pattern
		}
	}
	return usual[0]
}

// ended is the delivery as the transition left it.
func ended(delivery postback.Delivery, move postback.Transition) postback.Delivery {
	delivery.State, delivery.Reason, delivery.CompletedAt = move.To, move.Reason, move.At
	delivery.NextAttemptAt, delivery.SweepAt = time.Time{}, time.Time{}
	delivery.Attempts++
	delivery.LastStatusCode = move.Attempt.StatusCode
	delivery.LastError = move.Failure()
	return delivery
}
