package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// acceptEvents writes events and their deliveries in one statement, which is
// one transaction and one round trip. Ids that are there already are left out,
// with all that belongs to them. Ids are written in their order, so that
// transactions of several processes that write the same ones cannot deadlock. Events
// whose deliveries are in ordering groups ($34) are written as they came instead: their
// seq is the order in which their deliveries are sent.
const acceptEvents = `WITH
	e AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[], $6::timestamptz[],
			$7::bytea[], $8::text[], $9::boolean[], $10::text[], $11::boolean[]) WITH ORDINALITY
		AS e (id, type, publisher, data, occurred_at, accepted_at, digest, traceparent, test, rejection, unmatched, place)),
	d AS MATERIALIZED (SELECT * FROM unnest($12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[],
			$19::text[], $20::boolean[], $21::integer[], $22::integer[], $23::integer[], $24::integer[], $25::text[],
			$26::timestamptz[], $27::timestamptz[], $28::timestamptz[], $29::timestamptz[], $30::timestamptz[], $31::integer[], $32::text[]) WITH ORDINALITY
		AS d (id, event_id, event_type, publisher, endpoint_id, reference, state,
			reason, test, generation, attempts, attempts_before, last_status_code, last_error,
			created_at, opened_at, next_attempt_at, completed_at, sweep_at, bytes, order_key, place)),
	made AS (SELECT event_id, array_agg(id ORDER BY place) AS ids FROM d GROUP BY event_id),
	fresh AS (
		INSERT INTO event_ids (id, accepted_at, deliveries)
		SELECT e.id, e.accepted_at, coalesce(made.ids, '{}') FROM e LEFT JOIN made ON made.event_id = e.id
		ORDER BY CASE WHEN $34 THEN e.place END, e.id COLLATE "C"
		ON CONFLICT (id) DO NOTHING RETURNING id, seq, accepted_at),
	stored AS (
		INSERT INTO events (id, seq, type, publisher, data, occurred_at, accepted_at, digest, traceparent, test, rejection, unmatched)
		SELECT e.id, fresh.seq, e.type, e.publisher, e.data, e.occurred_at, e.accepted_at, e.digest, e.traceparent, e.test, e.rejection, e.unmatched
		FROM e JOIN fresh ON fresh.id = e.id),
` + writeDeliveries + `,
	types AS (INSERT INTO event_types (type) SELECT unnest($33::text[]) ON CONFLICT DO NOTHING)
	SELECT id, seq FROM fresh`

// writeDeliveries writes the deliveries d of the events in fresh: those that
// wait into their table, too, and those that are dead letters from the start into
// that of dead letters, of which postback.MaxNamedDead are named.
const writeDeliveries = `	delivered AS (
		INSERT INTO deliveries (id, event_id, event_at, event_seq, event_type, publisher, endpoint_id, reference, order_key, state, reason, test,
			generation, attempts, attempts_before, last_status_code, last_error, created_at, opened_at, completed_at)
		SELECT d.id, d.event_id, fresh.accepted_at, fresh.seq, d.event_type, d.publisher, d.endpoint_id, d.reference, d.order_key, d.state, d.reason, d.test,
			d.generation, d.attempts, d.attempts_before, d.last_status_code, d.last_error, d.created_at, d.opened_at, d.completed_at
		FROM d JOIN fresh ON fresh.id = d.event_id ORDER BY d.id COLLATE "C"),
	listed AS (
		INSERT INTO waiting (endpoint_id, id, event_seq, order_key, publisher, event_type, state, reason, next_attempt_at, sweep_at, bytes, code)
		SELECT d.endpoint_id, d.id, fresh.seq, d.order_key, d.publisher, d.event_type, d.state, d.reason, d.next_attempt_at, d.sweep_at, d.bytes, d.last_status_code
		FROM d JOIN fresh ON fresh.id = d.event_id WHERE d.state IN ('pending', 'retrying', 'parked')),
	dead AS (
		INSERT INTO deaths (endpoint_id, reason, count, first_at, last_at, deliveries)
		SELECT d.endpoint_id, d.reason, count(*), min(d.completed_at), max(d.completed_at), to_json((array_agg(d.id ORDER BY d.place))[:5])::text
		FROM d JOIN fresh ON fresh.id = d.event_id WHERE d.state = 'dead' AND NOT d.test GROUP BY d.endpoint_id, d.reason)`

// Accept writes each event with its deliveries. An event whose id is stored
// already is answered with what is stored, or with CodeConflict when its content
// differs.
func (l *Ledger) Accept(ctx context.Context, items []postback.Acceptance) ([]postback.Acceptance, error) {
	if len(items) == 0 {
		return nil, nil
	}
	by := l.intake
	if len(orderedOf(items)) > 0 {
		by = l.ordered
	}
	answers, err := by.Do(ctx, items, sizeOf(items))
	l.parked.addAccepted(answers)
	return answers, err
}

// acceptAll writes the items of several callers. It may be called again with the
// same ones when it failed, so it changes copies.
func (l *Ledger) acceptAll(ctx context.Context, group [][]postback.Acceptance) ([][]postback.Acceptance, error) {
	group = column(group, detach)
	offered := map[string]bool{}
	var first []postback.Acceptance // of each id
	for _, items := range group {
		for _, item := range items {
			if !offered[item.Event.ID] {
				offered[item.Event.ID] = true
				first = append(first, item)
			}
		}
	}
	fresh, err := l.writeEvents(ctx, first)
	if err != nil {
		return nil, err
	}
	answers := make([][]postback.Acceptance, len(group))
	var repeats []*postback.Acceptance
	for i, items := range group {
		answers[i] = items
		for j := range items {
			if _, written := fresh[items[j].Event.ID]; !written {
				repeats = append(repeats, &answers[i][j])
			}
			delete(fresh, items[j].Event.ID) // the next one is a repeat
		}
	}
	l.answerRepeats(ctx, repeats)
	return answers, nil
}

// made is a delivery to write, with the size of what it carries.
type made struct {
	postback.Delivery
	bytes int
}

// fresh are the ids of events that were not there before, with their seq.
type fresh map[string]int64

// writeEvents returns the ids that were not there before.
func (l *Ledger) writeEvents(ctx context.Context, items []postback.Acceptance) (written fresh, err error) {
	unknown := l.types.unknown(items)
	if coming := orderedOf(items); len(coming) == 0 {
		written, err = l.insertPlain(ctx, items, unknown)
	} else {
		err = l.transact(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			written, err = insertOrdered(ctx, tx, items, unknown, coming)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("write events: %w", err)
	}
	l.types.learn(unknown)
	return written, nil
}

// insertPlain writes events in one round trip.
func (l *Ledger) insertPlain(ctx context.Context, items []postback.Acceptance, unknown []string) (written fresh, err error) {
	err = l.oneTrip(ctx, func(batch *pgx.Batch) {
		plannedOnce(batch, func() {
			batch.Queue(acceptEvents, acceptArgs(items, unknown, false)...).Query(func(rows pgx.Rows) (err error) {
				written, err = readFresh(rows)
				return err
			})
		})
	})
	return written, err
}

// plannedOnce has a statement that inserts what it is given planned once for each
// connection: the rows are sent to their partitions when it runs. How many there are
// the planner cannot know then, and for few it would compare each with each.
func plannedOnce(batch *pgx.Batch, queue func()) {
	batch.Queue("SET LOCAL plan_cache_mode = force_generic_plan")
	batch.Queue("SET LOCAL enable_nestloop = off")
	queue()
}

func acceptArgs(items []postback.Acceptance, unknown []string, inOrder bool) []any {
	var deliveries []made
	for _, item := range items {
		for _, d := range item.Deliveries {
			deliveries = append(deliveries, made{d, len(item.Event.Data)})
		}
	}
	return append(append(eventArgs(items), deliveryArgs(deliveries)...), unknown, inOrder)
}

func readFresh(rows pgx.Rows) (fresh, error) {
	type event struct {
		id  string
		seq int64
	}
	written, err := scanAll(rows, func(e *event) []any { return []any{&e.id, &e.seq} })
	ids := make(fresh, len(written))
	for _, e := range written {
		ids[e.id] = e.seq
	}
	return ids, err
}

func eventArgs(items []postback.Acceptance) []any {
	type item = postback.Acceptance
	return []any{
		texts(items, func(i item) string { return i.Event.ID }),
		texts(items, func(i item) string { return i.Event.Type }),
		texts(items, func(i item) string { return i.Event.Publisher }),
		column(items, func(i item) []byte { return append([]byte{}, i.Event.Data...) }), // a nil one would be NULL
		times(items, func(i item) time.Time { return i.Event.OccurredAt }),
		times(items, func(i item) time.Time { return i.Event.AcceptedAt }),
		column(items, func(i item) []byte { return i.Event.Digest }),
		texts(items, func(i item) string { return i.Event.TraceParent }),
		column(items, func(i item) bool { return i.Event.Test }),
		texts(items, func(i item) string { return i.Event.Rejection }),
		column(items, func(i item) bool { return len(i.Deliveries) == 0 && i.Event.Rejection == "" }),
	}
}

func deliveryArgs(rows []made) []any {
	return []any{
		texts(rows, func(d made) string { return d.ID }),
		texts(rows, func(d made) string { return d.EventID }),
		texts(rows, func(d made) string { return d.EventType }),
		texts(rows, func(d made) string { return d.Publisher }),
		texts(rows, func(d made) string { return d.EndpointID }),
		texts(rows, func(d made) string { return d.Reference }),
		texts(rows, func(d made) postback.State { return d.State }),
		texts(rows, func(d made) postback.Reason { return d.Reason }),
		column(rows, func(d made) bool { return d.Test }),
		column(rows, func(d made) int { return d.Generation }),
		column(rows, func(d made) int { return d.Attempts }),
		column(rows, func(d made) int { return d.AttemptsBefore }),
		column(rows, func(d made) int { return d.LastStatusCode }),
		texts(rows, func(d made) string { return d.LastError }),
		times(rows, func(d made) time.Time { return d.CreatedAt }),
		times(rows, func(d made) time.Time { return d.OpenedAt }),
		times(rows, func(d made) time.Time { return d.NextAttemptAt }),
		times(rows, func(d made) time.Time { return d.CompletedAt }),
		times(rows, func(d made) time.Time { return d.SweepAt }),
		column(rows, func(d made) int { return d.bytes }),
		texts(rows, func(d made) string { return d.OrderKey }),
	}
}

// answerRepeats answers for events whose ids are stored already. The others are
// written by now, so one that cannot be read is its sender's trouble alone: its id
// is not free yet though a purge took the event, or the ledger fails. Their data is not
// read: that of a batch of large ones would be much, while others wait to be written.
func (l *Ledger) answerRepeats(ctx context.Context, repeats []*postback.Acceptance) {
	if len(repeats) == 0 {
		return
	}
	stored, err := readAccepted(ctx, l.pool, readListedEvents, texts(repeats, func(r *postback.Acceptance) string { return r.Event.ID }))
	if err != nil {
		l.logger.WarnContext(ctx, "repeated events not read", slog.Any("error", err))
	}
	for _, repeat := range repeats {
		before, found := stored[clean(repeat.Event.ID)]
		if !found {
			repeat.Err = postback.Failure(postback.CodeUnavailable,
				"an event with the id %q was accepted before and cannot be read now; send it again later", repeat.Event.ID)
			continue
		}
		*repeat = repeat.Answer(before.Event, before.Deliveries)
	}
}

// waits reports whether a delivery has a row in the table of those that have
// not ended.
func waits(state postback.State) bool { return store.Waits(state) || state == postback.Parked }

// knownTypes are the event types that this process knows to be in the table.
type knownTypes struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (k *knownTypes) unknown(items []postback.Acceptance) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := []string{}
	for _, item := range items {
		if eventType := clean(item.Event.Type); !k.seen[eventType] {
			found = append(found, eventType)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func (k *knownTypes) learn(types []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, eventType := range types {
		k.seen[eventType] = true
	}
}
