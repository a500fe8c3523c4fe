package dispatcher

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/postback"
)

// Ledger is what accepting events needs of the store.
type Ledger interface {
	Accept(ctx context.Context, items []postback.Acceptance) ([]postback.Acceptance, error)
	// Deliver adds deliveries to a recorded event, for endpoints that have none of
	// it, and returns those that it wrote.
	Deliver(ctx context.Context, eventID string, deliveries []postback.Delivery) ([]postback.Delivery, error)
	// Event returns one event with its deliveries; CodeNotFound.
	Event(ctx context.Context, id string) (postback.Event, []postback.Delivery, error)
	Events(ctx context.Context, filter postback.EventFilter, page postback.Page) ([]postback.Event, string, error)
}

// AcceptOptions are the parts that accept and match events.
type AcceptOptions struct {
	Ledger Ledger
	Rules  Rules
}

func (o AcceptOptions) complete() bool { return o.Ledger != nil && o.Rules != nil }

// acceptTimeout bounds accepting. It is longer than the default of
// RequeueOptions.Grace: what was written though nobody got an answer is due by then.
const acceptTimeout = time.Minute

// acceptStage writes events with their deliveries to the ledger.
type acceptStage struct {
	ledger  Ledger
	match   *matchStage
	handoff *handoffStage
	counter eventCounter
	tracer  trace.Tracer
	logger  *slog.Logger
	now     func() time.Time
}

// events accepts events that came together.
func (s *acceptStage) events(ctx context.Context, events []postback.Event) ([]postback.Acceptance, error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), acceptTimeout,
		fmt.Errorf("not written within %s: %w", acceptTimeout, context.DeadlineExceeded))
	defer cancel()
	ctx, span := s.tracer.Start(ctx, "accept events", trace.WithAttributes(attribute.Int("waybill.events", len(events))))
	defer span.End()

	answers := s.prepare(ctx, events)
	recorded, err := s.write(ctx, answers)
	if err == nil {
		err = s.recall(ctx, events, answers)
	}
	if err != nil {
		span.SetStatus(codes.Error, "ledger unreachable")
		if !recorded {
			return nil, err
		}
		leaveUnrecorded(answers, err)
	}
	s.counter.count(ctx, answers)
	return answers, nil
}

// prepare makes the deliveries of events.
func (s *acceptStage) prepare(ctx context.Context, events []postback.Event) []postback.Acceptance {
	prepared := make([]postback.Acceptance, len(events))
	at := s.now()
	for i, event := range events {
		event.TraceParent = traceParent(ctx)
		prepared[i] = s.match.event(event, moment(at, i, len(events)))
	}
	return prepared
}

// write records what is not refused, a portion at a time, puts the ledger's answers
// in its place, and hands what is new to the queue. It says whether anything was
// recorded before it failed.
func (s *acceptStage) write(ctx context.Context, answers []postback.Acceptance) (recorded bool, err error) {
	var writable []postback.Acceptance
	var places []int // of the writable ones in answers
	for i, item := range answers {
		if item.Err == nil {
			writable, places = append(writable, item), append(places, i)
		}
	}
	standAside(writable)
	for _, portion := range portions(writable) {
		if err := s.writePortion(ctx, portion, answers, places); err != nil {
			for _, place := range places {
				answers[place].Err = unrecorded{err}
			}
			return recorded, err
		}
		recorded, places = true, places[len(portion):]
	}
	return recorded, nil
}

// writePortion records one portion, whose items have these places in answers.
func (s *acceptStage) writePortion(ctx context.Context, portion, answers []postback.Acceptance, places []int) error {
	reserved := s.handoff.reserve(portion)
	written, err := s.ledger.Accept(ctx, portion)
	s.handoff.handOver(reserved, written)
	if err != nil {
		return fmt.Errorf("record events: %w", err)
	}
	for i, item := range written {
		if item.Duplicate {
			item.Warnings = s.match.recorded(item)
		}
		answers[places[i]] = item
	}
	return nil
}

// recall answers for refused events that the ledger has: a repeat is a repeat,
// whatever has changed since.
func (s *acceptStage) recall(ctx context.Context, events []postback.Event, answers []postback.Acceptance) error {
	for i, event := range events {
		refused := answers[i].Err != nil && postback.CodeOf(answers[i].Err) != postback.CodeConflict
		if !refused || event.ID == "" {
			continue
		}
		known, deliveries, err := s.ledger.Event(ctx, event.ID)
		switch {
		case postback.CodeOf(err) == postback.CodeNotFound:
		case err != nil:
			return fmt.Errorf("look up refused event: %w", err)
		default:
			answers[i] = answers[i].Answer(known, deliveries)
			answers[i].Warnings = s.match.recorded(answers[i])
		}
	}
	return nil
}

// moment is when one of several events that came together counts as accepted:
// a microsecond after the one before, so that they keep their order wherever
// the ledger orders by time, and none later than they came.
func moment(at time.Time, place, count int) time.Time {
	return at.Add(time.Duration(place-count+1) * time.Microsecond)
}
