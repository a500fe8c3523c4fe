package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// eventRow and deliveryRow carry what orders them among others of the same
// time.
type eventRow struct {
	postback.Event
	seq int64
}

type deliveryRow struct {
	postback.Delivery
	seq int64
}

func (r eventRow) event() postback.Event { return r.Event }

func (r deliveryRow) delivery() postback.Delivery { return r.Delivery }

func eventRowDest(r *eventRow) []any { return append(store.EventDest(&r.Event), &r.seq) }

func deliveryRowDest(r *deliveryRow) []any { return append(store.DeliveryDest(&r.Delivery), &r.seq) }

// Event returns one event with its deliveries; CodeNotFound.
func (l *Ledger) Event(ctx context.Context, id string) (event postback.Event, deliveries []postback.Delivery, err error) {
	err = l.snapshot(ctx, func(db querier) error {
		if event, err = readEvent(ctx, db, id); err != nil {
			return err
		}
		deliveries, err = deliveriesOf(ctx, db, id)
		return err
	})
	return event, deliveries, err
}

// Events lists events without their data, newest first, and the next cursor (""
// at the end).
func (l *Ledger) Events(ctx context.Context, filter postback.EventFilter, page postback.Page) ([]postback.Event, string, error) {
	after, err := positionOf(store.Events, page.Cursor)
	if err != nil {
		return nil, "", err
	}
	query, args := listEvents(filter, after)
	size := store.Size(page)
	var rows []eventRow
	err = l.search(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows, err = collect(ctx, tx, eventRowDest, query, append(args, size+1)...)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read events: %w", err)
	}
	next := ""
	if len(rows) > size {
		rows = rows[:size]
		next = cursorAt(store.Events, rows[size-1].AcceptedAt, rows[size-1].seq)
	}
	return unwrap(rows, eventRow.event), next, nil
}

// listEvents is the statement of a listing, whose last argument is the limit.
func listEvents(filter postback.EventFilter, after *position) (string, []any) {
	index, where := eventQuery(filter)
	where.addAfter(`(e.accepted_at, e.seq)`, after)
	return `SELECT ` + store.ListedEventColumns + `, e.seq FROM events e INDEXED BY ` + index + ` ` + where.sql() +
		` ORDER BY e.accepted_at DESC, e.seq DESC LIMIT ?`, where.args
}

// Delivery returns one delivery with its attempts, oldest first; CodeNotFound.
func (l *Ledger) Delivery(ctx context.Context, id string) (delivery postback.Delivery, attempts []postback.Attempt, err error) {
	err = l.snapshot(ctx, func(db querier) error {
		delivery, err = single(ctx, db, "delivery", store.DeliveryDest, `SELECT `+deliveryColumns+` FROM deliveries d WHERE d.id = ?`, id)
		if err != nil {
			return err
		}
		const query = `SELECT ` + attemptColumns + ` FROM deliveries d JOIN attempts a ON a.delivery = d.seq WHERE d.id = ? ORDER BY a.seq`
		rows, err := collect(ctx, db, store.AttemptDest, query, id)
		if err != nil {
			return fmt.Errorf("read attempts: %w", err)
		}
		attempts = unwrap(rows, store.AttemptRow.Whole)
		return nil
	})
	return delivery, attempts, err
}

// Deliveries lists deliveries, newest first, and the next cursor.
func (l *Ledger) Deliveries(ctx context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.Delivery, string, error) {
	after, err := l.deliveryPosition(ctx, page.Cursor)
	if err != nil {
		return nil, "", err
	}
	size := store.Size(page)
	var rows []deliveryRow
	err = l.search(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows, err = readDeliveries(ctx, tx, filter, after, size+1)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read deliveries: %w", err)
	}
	next := ""
	if len(rows) > size {
		rows = rows[:size]
		next = cursorAt(store.Deliveries, rows[size-1].CreatedAt, rows[size-1].seq)
	}
	return unwrap(rows, deliveryRow.delivery), next, nil
}

// readDeliveries reads each state of the filter by its own index range, which
// is in order already, and merges them.
func readDeliveries(ctx context.Context, db querier, filter postback.DeliveryFilter, after *position, limit int) ([]deliveryRow, error) {
	var rows []deliveryRow
	for _, state := range statesOf(filter) {
		query, args := listDeliveries(filter, state, after)
		found, err := collect(ctx, db, deliveryRowDest, query, append(args, limit)...)
		if err != nil {
			return nil, err
		}
		rows = append(rows, found...)
	}
	slices.SortFunc(rows, func(a, b deliveryRow) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.seq, a.seq))
	})
	return rows[:min(limit, len(rows))], nil
}

// listDeliveries is the statement of a listing, whose last argument is the
// limit.
func listDeliveries(filter postback.DeliveryFilter, state postback.State, after *position) (string, []any) {
	index, where := deliveryQuery(filter, state)
	where.addAfter(`(d.created_at, d.seq)`, after)
	return `SELECT ` + deliveryColumns + `, d.seq FROM deliveries d INDEXED BY ` + index + ` ` + where.sql() +
		` ORDER BY d.created_at DESC, d.seq DESC LIMIT ?`, where.args
}

// statesOf are the states to ask for one by one; an empty one stands for all.
func statesOf(filter postback.DeliveryFilter) []postback.State {
	states, some := store.States(filter)
	if some && len(states) == 0 {
		return []postback.State{""}
	}
	return states
}

// CountDeliveries counts what a filter picks.
func (l *Ledger) CountDeliveries(ctx context.Context, filter postback.DeliveryFilter) (int, error) {
	total := 0
	err := l.search(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, state := range statesOf(filter) {
			index, where := deliveryQuery(filter, state)
			query := `SELECT count(*) FROM deliveries d INDEXED BY ` + index + ` ` + where.sql()
			counts, err := collect(ctx, tx, func(n *int) []any { return []any{n} }, query, where.args...)
			if err != nil {
				return fmt.Errorf("count deliveries: %w", err)
			}
			total += counts[0]
		}
		return nil
	})
	return total, err
}

// unwrap turns rows into what callers know.
func unwrap[Row, T any](rows []Row, inner func(Row) T) []T {
	values := make([]T, len(rows))
	for i, row := range rows {
		values[i] = inner(row)
	}
	return values
}
