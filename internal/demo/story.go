package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// pollInterval is how often the API is asked whether something has ended.
const pollInterval = 20 * time.Millisecond

// story is the demo under way: its parts, and what its steps noted.
type story struct {
	api    *client.Client
	engine *engine
	book   *book
	cast   cast
	screen *screen
	home   home

	noted notes
}

// notes are what can be seen at one moment of the story only.
type notes struct {
	accepted   []client.Acceptance // the answers 202, in order
	secrets    []string            // shown by the API
	forgeries  []int               // the answers to forged requests
	repeat     client.Acceptance   // the answer to an event sent again
	conflict   *client.Problem     // the answer to its id with other content; nil: accepted
	repeated   string              // that event's id
	flakyTx    string
	bystanders []string              // deliveries created while one receiver was down
	dead       client.DeliveryDetail // the dead letter before its replay
	replayed   client.DeliveryDetail // and after it
	rotatedTx  string                // the event sent after the rotation
}

// tell plays every step and returns what can be found out afterwards.
func (s *story) tell(ctx context.Context) (evidence, error) {
	s.screen.opening()
	steps := []func(context.Context) error{
		s.start, s.register, s.deliver, s.forge, s.repeat, s.recover, s.outage, s.replay, s.rotate,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return evidence{}, err
		}
	}
	return s.gather(ctx)
}

// send sends an event that must be accepted.
func (s *story) send(ctx context.Context, event client.Event) (client.Acceptance, error) {
	accepted, err := s.api.SendEvent(ctx, event)
	if err != nil {
		return accepted, fmt.Errorf("send event %s: %w", event.ID, err)
	}
	s.noted.accepted = append(s.noted.accepted, accepted)
	return accepted, nil
}

// finish waits until all deliveries of the events have ended.
func (s *story) finish(ctx context.Context, accepted ...client.Acceptance) ([]client.DeliveryDetail, error) {
	var details []client.DeliveryDetail
	for _, one := range accepted {
		for _, delivery := range one.Deliveries {
			detail, err := s.ended(ctx, delivery.ID)
			if err != nil {
				return nil, err
			}
			details = append(details, detail)
		}
	}
	return details, nil
}

// ended waits until a delivery has ended, one way or the other, or waits itself
// for an endpoint that keeps failing, which no receiver of the story does.
func (s *story) ended(ctx context.Context, id string) (client.DeliveryDetail, error) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		detail, err := s.api.GetDelivery(ctx, id)
		if err != nil {
			return detail, fmt.Errorf("look at delivery %s: %w", id, err)
		}
		if detail.State.Ended() {
			return detail, nil
		}
		if detail.State == postback.Parked {
			return detail, s.giveUpOn(ctx, detail.EndpointID)
		}
		select {
		case <-ctx.Done():
			return detail, fmt.Errorf("wait for delivery %s, which is %s: %w", id, detail.State, ctx.Err())
		case <-ticker.C:
		}
	}
}

// giveUpOn pauses an endpoint: it is not probed any more.
func (s *story) giveUpOn(ctx context.Context, endpointID string) error {
	if _, err := s.api.PauseEndpoint(ctx, endpointID); err != nil {
		return fmt.Errorf("pause endpoint %s: %w", endpointID, err)
	}
	return nil
}

// sendAll sends events, one after the other, and waits for their deliveries.
func (s *story) sendAll(ctx context.Context, events ...client.Event) ([]client.DeliveryDetail, error) {
	var accepted []client.Acceptance
	for _, event := range events {
		one, err := s.send(ctx, event)
		if err != nil {
			return nil, err
		}
		accepted = append(accepted, one)
	}
	return s.finish(ctx, accepted...)
}

// gather asks the API for everything that it knows, and the receivers for
// everything that they saw.
func (s *story) gather(ctx context.Context) (evidence, error) {
	found := evidence{notes: s.noted, cast: s.cast, engine: s.engine}
	for event, err := range s.api.Events(ctx, client.EventFilter{}) {
		if err != nil {
			return found, fmt.Errorf("list events: %w", err)
		}
		found.events = append(found.events, event)
	}
	for delivery, err := range s.api.Deliveries(ctx, client.DeliveryFilter{}) {
		if err != nil {
			return found, fmt.Errorf("list deliveries: %w", err)
		}
		detail, err := s.api.GetDelivery(ctx, delivery.ID)
		if err != nil {
			return found, fmt.Errorf("get delivery: %w", err)
		}
		found.deliveries = append(found.deliveries, detail)
	}
	for _, entry := range s.book.all() {
		if entry.transaction != forgedTransaction {
			found.receipts = append(found.receipts, entry)
		}
	}
	return found, nil
}

// problemOf is the refusal in an error of the client.
func problemOf(err error) (*client.Problem, bool) { return errors.AsType[*client.Problem](err) }

func deadLetters() client.DeliveryFilter {
	return client.DeliveryFilter{States: []postback.State{postback.Dead}}
}
