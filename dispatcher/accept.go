package dispatcher

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/internal/id"
	"github.com/waybillhq/waybill/postback"
)

// acceptTimeout bounds accepting. It is longer than the default of Options.Grace: what
// was written though nobody got an answer is due to the sweeper by then.
const acceptTimeout = time.Minute

// Accept records events and the deliveries they call for, and answers in the
// same order. An item's Err says why that event was refused: CodeConflict, or
// data that no endpoint that wants it can carry. An error for the whole
// call means that the ledger could not be reached; no event can then be said
// to be accepted, and sending all of them again is right.
//
// Accepting is finished once it has begun, whatever becomes of ctx: what is
// written is queued, too.
func (d *Dispatcher) Accept(ctx context.Context, events []postback.Event) ([]postback.Acceptance, error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), acceptTimeout,
		fmt.Errorf("not written within %s: %w", acceptTimeout, context.DeadlineExceeded))
	defer cancel()
	ctx, span := d.Tracer.Start(ctx, "accept events", trace.WithAttributes(attribute.Int("waybill.events", len(events))))
	defer span.End()

	answers := d.prepareAll(ctx, events)
	err := d.write(ctx, answers)
	if err == nil {
		err = d.recall(ctx, events, answers)
	}
	if err != nil {
		span.SetStatus(codes.Error, "ledger unreachable")
		return nil, err
	}
	d.events.count(ctx, answers)
	return answers, nil
}

func (d *Dispatcher) prepareAll(ctx context.Context, events []postback.Event) []postback.Acceptance {
	prepared := make([]postback.Acceptance, len(events))
	at := d.now()
	for i, event := range events {
		event.TraceParent = traceParent(ctx)
		prepared[i] = d.prepare(event, moment(at, i, len(events)))
	}
	return prepared
}

// write records what is not refused, puts the ledger's answers in its place, and
// hands what is new to the queue.
func (d *Dispatcher) write(ctx context.Context, answers []postback.Acceptance) error {
	var writable []postback.Acceptance
	var places []int // of the writable ones in answers
	for i, item := range answers {
		if item.Err == nil {
			writable, places = append(writable, item), append(places, i)
		}
	}
	reserved := d.reserve(writable)
	written, err := d.Ledger.Accept(ctx, writable)
	d.handOver(reserved, written)
	if err != nil {
		return fmt.Errorf("record events: %w", err)
	}
	for i, item := range written {
		if item.Duplicate {
			item.Warnings = d.recorded(item)
		}
		answers[places[i]] = item
	}
	return nil
}

// recall answers for refused events that the ledger has: a repeat is a repeat,
// whatever has changed since.
func (d *Dispatcher) recall(ctx context.Context, events []postback.Event, answers []postback.Acceptance) error {
	for i, event := range events {
		refused := answers[i].Err != nil && postback.CodeOf(answers[i].Err) != postback.CodeConflict
		if !refused || event.ID == "" {
			continue
		}
		known, deliveries, err := d.Ledger.Event(ctx, event.ID)
		switch {
		case postback.CodeOf(err) == postback.CodeNotFound:
		case err != nil:
			return fmt.Errorf("look up refused event: %w", err)
		default:
			answers[i] = answers[i].Answer(known, deliveries)
			answers[i].Warnings = d.recorded(answers[i])
		}
	}
	return nil
}

// moment is when one of several events that came together counts as accepted:
// a microsecond after the one before, so that they keep their order wherever
// rows are ordered by time, and none later than they came.
func moment(at time.Time, place, count int) time.Time {
	return at.Add(time.Duration(place-count+1) * time.Microsecond)
}

// prepare makes the deliveries of an event. One endpoint that cannot carry it does
// not refuse it for the others: its delivery is a dead letter.
func (d *Dispatcher) prepare(event postback.Event, at time.Time) postback.Acceptance {
	event.AcceptedAt = at
	if event.ID == "" {
		event.ID = id.New(id.Event, at)
	}
	item := postback.Acceptance{Event: event}
	var problems postback.Problems
	carried := false
	for _, endpoint := range d.Endpoints.Matching(event.Publisher, event.Type) {
		delivery := d.newDelivery(event, endpoint)
		if err := d.Rules.CheckEvent(endpoint, event); err != nil {
			delivery = unsendable(delivery, err)
			item.Warnings = append(item.Warnings, warning(delivery, err.Error()))
			problems.Add(endpoint.ID, event.ID, err)
		} else {
			carried = true
			item.Warnings = append(item.Warnings, d.Rules.EmptyMacros(endpoint, event)...)
		}
		item.Deliveries = append(item.Deliveries, delivery)
	}
	if refusal := problems.Refusal(); refusal != nil && !carried {
		return postback.Acceptance{Event: event, Err: refusal}
	}
	if len(item.Deliveries) == 0 {
		item.Warnings = append(item.Warnings, d.unwanted(event))
	}
	return item
}

func (d *Dispatcher) newDelivery(event postback.Event, endpoint postback.Endpoint) postback.Delivery {
	delivery := postback.Delivery{
		ID:         id.New(id.Delivery, event.AcceptedAt),
		EventID:    event.ID,
		EventType:  event.Type,
		Publisher:  event.Publisher,
		EndpointID: endpoint.ID,
		Reference:  d.Rules.Reference(endpoint, event),
		OrderKey:   d.Rules.OrderKey(endpoint, event),
		State:      postback.Pending,
		Generation: 1,
		CreatedAt:  event.AcceptedAt,
		OpenedAt:   event.AcceptedAt,
	}
	if reason, held := d.holds(endpoint); held {
		delivery.State, delivery.Reason = postback.Parked, reason
		return delivery
	}
	delivery.NextAttemptAt, delivery.SweepAt = event.AcceptedAt, event.AcceptedAt
	return delivery
}

// AcceptQueued accepts the event of a task that a producer put into Redis. A
// bad one is recorded as rejected, with the reason: no producer waits for
// an answer. The error is for a ledger that could not be reached.
func (d *Dispatcher) AcceptQueued(ctx context.Context, payload []byte) error {
	event, err := postback.ParseEvent(payload)
	if err != nil {
		d.events.add(ctx, outcomeRefused)
	} else {
		var answers []postback.Acceptance
		answers, callErr := d.Accept(ctx, []postback.Event{event})
		if callErr != nil {
			return callErr
		}
		err = answers[0].Err
	}
	if err == nil {
		return nil
	}
	rejected := postback.Acceptance{Event: d.rejected(payload, err)}
	if _, err := d.Ledger.Accept(ctx, []postback.Acceptance{rejected}); err != nil {
		return fmt.Errorf("record rejected event: %w", err)
	}
	return nil
}

// rejected is the record of a refused payload. Its id is made from its bytes,
// so that a task that comes twice leaves one record; it never takes the id
// that the producer meant, which a corrected event must still be able to have.
func (d *Dispatcher) rejected(payload []byte, reason error) postback.Event {
	digest := sha256.Sum256(payload)
	return postback.Event{
		ID:         "rejected_" + hex.EncodeToString(digest[:16]),
		Data:       storable(payload[:min(len(payload), postback.MaxEventBytes)]),
		AcceptedAt: d.now(),
		Digest:     digest[:],
		Rejection:  reason.Error(),
	}
}

// storable is a payload as text that every ledger can keep: in UTF-8 and without
// NUL.
func storable(payload []byte) []byte {
	text := bytes.ToValidUTF8(payload, []byte("?"))
	return bytes.ReplaceAll(text, []byte{0}, []byte("?"))
}
