package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// eventKey is where an event is.
type eventKey struct {
	at  time.Time
	seq int64
}

// anchor is what the table of ids knows of an event.
type anchor struct {
	eventKey
	id         string
	deliveries []string
}

func anchorDest(a *anchor) []any {
	return []any{&a.id, store.At(&a.at), &a.seq, &a.deliveries}
}

const (
	readAnchors = `SELECT id, accepted_at, seq, deliveries FROM event_ids WHERE id = ANY($1)`

	// The times say which partitions it is and where to look; whose they are, the
	// numbers say. A join with both would be planned for many events of each time, and
	// have processes help.
	readEvents       = `SELECT ` + store.EventColumns + eventsOf
	readListedEvents = `SELECT ` + store.ListedEventColumns + eventsOf
	eventsOf         = `, e.seq FROM events e WHERE e.accepted_at = ANY($1) AND e.seq = ANY($2)`

	readByID = `SELECT ` + deliveryColumns + `, d.event_at, d.event_seq FROM unnest($1::text[]) WITH ORDINALITY k (id, place)
		JOIN deliveries d ON d.id = k.id` + joinWaiting + `WHERE d.id = ANY($1) ORDER BY k.place`
)

// eventRow and deliveryRow carry where the event is.
type eventRow struct {
	postback.Event
	seq int64
}

type deliveryRow struct {
	postback.Delivery
	event eventKey
}

func (r eventRow) inner() postback.Event { return r.Event }

func (r deliveryRow) inner() postback.Delivery { return r.Delivery }

func eventRowDest(r *eventRow) []any { return append(store.EventDest(&r.Event), &r.seq) }

func deliveryRowDest(r *deliveryRow) []any {
	return append(store.DeliveryDest(&r.Delivery), store.At(&r.event.at), &r.event.seq)
}

// readAccepted reads events with their deliveries, by the events' ids. The query says
// what of the events.
func readAccepted(ctx context.Context, db querier, query string, ids []string) (map[string]postback.Acceptance, error) {
	anchors, err := collect(ctx, db, anchorDest, readAnchors, ids)
	if err != nil {
		return nil, fmt.Errorf("read event ids: %w", err)
	}
	events, err := eventsAt(ctx, db, query, column(anchors, func(a anchor) eventKey { return a.eventKey }))
	if err != nil {
		return nil, err
	}
	var all []string
	for _, a := range anchors {
		all = append(all, a.deliveries...)
	}
	deliveries, err := deliveriesBy(ctx, db, all)
	if err != nil {
		return nil, err
	}
	byEvent := map[string][]postback.Delivery{}
	for _, row := range deliveries {
		byEvent[row.EventID] = append(byEvent[row.EventID], row.Delivery)
	}
	found := make(map[string]postback.Acceptance, len(anchors))
	for _, a := range anchors {
		if event, stored := events[a.seq]; stored {
			found[a.id] = postback.Acceptance{Event: event, Deliveries: byEvent[a.id], Duplicate: true}
		}
	}
	return found, nil
}

// eventsAt reads events by where they are, into a map by their sequence numbers.
func eventsAt(ctx context.Context, db querier, query string, keys []eventKey) (map[int64]postback.Event, error) {
	found := make(map[int64]postback.Event, len(keys))
	if len(keys) == 0 {
		return found, nil
	}
	rows, err := collect(ctx, db, eventRowDest, query,
		column(keys, func(k eventKey) time.Time { return k.at }), column(keys, func(k eventKey) int64 { return k.seq }))
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	for _, row := range rows {
		found[row.seq] = row.Event
	}
	return found, nil
}

// deliveriesBy reads deliveries in the order of the ids; those that are not
// there are left out.
func deliveriesBy(ctx context.Context, db querier, ids []string) ([]deliveryRow, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := collect(ctx, db, deliveryRowDest, readByID, ids)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	return rows, nil
}

// duesBy reads deliveries with their events in the order of the ids.
func duesBy(ctx context.Context, db querier, ids []string) ([]postback.Due, error) {
	rows, err := deliveriesBy(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	events, err := eventsAt(ctx, db, readEvents, unique(column(rows, func(r deliveryRow) eventKey { return r.event })))
	if err != nil {
		return nil, err
	}
	return column(rows, func(r deliveryRow) postback.Due {
		return postback.Due{Delivery: r.Delivery, Event: events[r.event.seq]}
	}), nil
}

// unique leaves out what stands twice.
func unique(keys []eventKey) []eventKey {
	seen := map[int64]bool{}
	var all []eventKey
	for _, key := range keys {
		if !seen[key.seq] {
			seen[key.seq] = true
			all = append(all, key)
		}
	}
	return all
}
