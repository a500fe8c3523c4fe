package dispatcher

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
)

const (
	// rematchStep is how many events are listed at once, and maxRematch after how
	// many a call ends: the next one goes on at its cursor.
	rematchStep, maxRematch = 100, 1000
	// rematchTimeout is after how long a call ends, so that somebody hears of it.
	rematchTimeout = 10 * time.Second
)

// rematchStage delivers recorded events to endpoints that have none of them.
type rematchStage struct {
	ledger  Ledger
	match   *matchStage
	handoff *handoffStage
	now     func() time.Time
}

// events does so for the events that a filter picks, beginning at a cursor.
func (s *rematchStage) events(ctx context.Context, filter postback.EventFilter, cursor string, dryRun bool) (postback.Rematch, error) {
	done := postback.Rematch{Next: cursor}
	for began := s.now(); ; {
		listed, next, err := s.ledger.Events(ctx, filter, postback.Page{Cursor: done.Next, Limit: rematchStep})
		if err != nil {
			return done, fmt.Errorf("list events: %w", err)
		}
		for _, event := range listed {
			if event.Rejection != "" || event.Test || event.Publisher == postback.Operator && filter.Publisher != postback.Operator {
				continue
			}
			if err := s.event(ctx, event.ID, dryRun, &done); err != nil {
				return done, err
			}
		}
		done.Next = next
		if next == "" || done.Events >= maxRematch || s.now().Sub(began) >= rematchTimeout {
			return done, nil
		}
	}
}

func (s *rematchStage) event(ctx context.Context, eventID string, dryRun bool, done *postback.Rematch) error {
	event, have, err := s.ledger.Event(ctx, eventID)
	switch {
	case postback.CodeOf(err) == postback.CodeNotFound:
		return nil // purged just now
	case err != nil:
		return fmt.Errorf("read event: %w", err)
	}
	done.Events++
	item := s.missing(event, have, &done.Problems)
	switch {
	case item.Err != nil:
		done.Unsendable++
		return nil //nolint:nilerr // it is counted
	case len(item.Deliveries) == 0:
		if len(have) == 0 {
			done.Unmatched++
		}
		return nil
	case dryRun:
		done.Deliveries += len(item.Deliveries)
		return nil
	}
	items := []postback.Acceptance{item}
	standAside(items)
	reserved := s.handoff.reserve(items)
	item.Deliveries, err = s.ledger.Deliver(ctx, event.ID, item.Deliveries)
	s.handoff.handOver(reserved, []postback.Acceptance{item})
	if err != nil {
		return fmt.Errorf("deliver event: %w", err)
	}
	done.Deliveries += len(item.Deliveries)
	return nil
}

// missing makes the deliveries that an event lacks. Its Err says that no endpoint
// that wants the event can carry it. Why endpoints cannot is added to problems.
func (s *rematchStage) missing(event postback.Event, have []postback.Delivery, problems *postback.Problems) postback.Acceptance {
	at := s.now()
	item := postback.Acceptance{Event: event}
	carried := len(have) > 0
	var refusal error
	for _, endpoint := range s.match.endpoints.Matching(event.Publisher, event.Type) {
		if slices.ContainsFunc(have, func(one postback.Delivery) bool { return one.EndpointID == endpoint.ID }) {
			continue
		}
		delivery := s.match.delivery(event, endpoint)
		delivery.OpenedAt = at // its id and CreatedAt are of the event's day, with which it is kept
		if delivery.State == postback.Pending {
			delivery.NextAttemptAt, delivery.SweepAt = at, at
		}
		if err := s.match.rules.CheckEvent(endpoint, event); err != nil {
			delivery, refusal = unsendable(delivery, err), err
			problems.Add(endpoint.ID, event.ID, err)
		} else {
			carried = true
		}
		item.Deliveries = append(item.Deliveries, delivery)
	}
	if refusal != nil && !carried {
		item.Err = refusal
	}
	return item
}
