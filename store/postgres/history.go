package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// snapshot reads several times from one state of the ledger.
func (l *Ledger) snapshot(ctx context.Context, read func(ctx context.Context, db querier) error) error {
	ctx, cancel := bound(ctx)
	defer cancel()
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return replanned(func() error {
		return pgx.BeginTxFunc(ctx, l.pool, options, func(tx pgx.Tx) error { return read(ctx, tx) })
	})
}

// Event returns one event with its deliveries; CodeNotFound.
func (l *Ledger) Event(ctx context.Context, id string) (postback.Event, []postback.Delivery, error) {
	var found map[string]postback.Acceptance
	err := l.snapshot(ctx, func(ctx context.Context, db querier) (err error) {
		found, err = readAccepted(ctx, db, readEvents, []string{clean(id)})
		return err
	})
	if err != nil {
		return postback.Event{}, nil, err
	}
	accepted, stored := found[clean(id)]
	if !stored {
		return postback.Event{}, nil, missing("event")
	}
	return accepted.Event, accepted.Deliveries, nil
}

// Events lists events without their data, newest first, and the next cursor (""
// at the end).
func (l *Ledger) Events(ctx context.Context, filter postback.EventFilter, page postback.Page) ([]postback.Event, string, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	size := store.Size(page)
	query, args, err := listEvents(filter, page.Cursor, size+1)
	if err != nil {
		return nil, "", err
	}
	var rows []eventRow
	err = l.searches.use(ctx, func() error {
		rows, err = collect(ctx, l.pool, eventRowDest, query, args...)
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
	return column(rows, eventRow.inner), next, nil
}

// listEvents is the statement of a listing.
func listEvents(f postback.EventFilter, cursor string, limit int) (string, []any, error) {
	var where conditions
	where.addText(`e.publisher`, f.Publisher)
	where.addType(`e.type`, f.EventType)
	where.addTime(`e.accepted_at >=`, f.Since)
	where.addTime(`e.accepted_at <`, f.Until)
	if f.Rejected {
		where.add(`e.rejection <> ''`)
	}
	if f.Unmatched {
		where.add(`e.unmatched`)
	}
	if f.Unmatched && f.Publisher == "" {
		where.add(`e.publisher <> '` + postback.Operator + `'`)
	}
	if err := where.addAfter(`e.accepted_at`, `e.seq`, store.Events, cursor); err != nil {
		return "", nil, err
	}
	byTypes := f.EventType != "" && f.EventType != "*" && f.Publisher == "" && !f.Rejected && !f.Unmatched
	order := ` ORDER BY e.accepted_at DESC, e.seq DESC LIMIT ` + where.value(limit)
	inner := `SELECT * FROM events e ` + where.sql() + order
	if byTypes {
		inner = eachType(inner, `e`, `type`, f.EventType, &where, order)
	}
	return `SELECT ` + store.ListedEventColumns + `, e.seq FROM (` + inner + `) e ORDER BY e.accepted_at DESC, e.seq DESC`, where.args, nil
}

// eachType runs a listing for each of the types that a pattern matches, and
// merges them. A comparison that is no equality, in the order of an index by
// type, leaves the planner that index alone: it does not know which type it will
// be, and would read all types from the newest on to find a rare one.
func eachType(inner, table, column, pattern string, where *conditions, order string) string {
	var types conditions
	types.args = where.args
	types.addType(`t.type`, pattern)
	where.args = types.args
	column = table + `.` + column
	each := strings.TrimSuffix(inner, order) + ` AND ` + column + ` >= t.type AND ` + column + ` <= t.type` +
		strings.Replace(order, `ORDER BY `, `ORDER BY `+column+` DESC, `, 1)
	return `SELECT ` + table + `.* FROM event_types t CROSS JOIN LATERAL (` + each + `) ` + table + ` ` + types.sql() + order
}

// Delivery returns one delivery with its attempts, oldest first; CodeNotFound.
func (l *Ledger) Delivery(ctx context.Context, id string) (delivery postback.Delivery, attempts []postback.Attempt, err error) {
	err = l.search(ctx, func(ctx context.Context, db querier) error {
		rows, err := deliveriesBy(ctx, db, []string{clean(id)})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return missing("delivery")
		}
		delivery = rows[0].Delivery
		attempts, err = attemptsOf(ctx, db, delivery.ID)
		return err
	})
	return delivery, attempts, err
}

// Deliveries lists deliveries, newest first, and the next cursor.
func (l *Ledger) Deliveries(ctx context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.Delivery, string, error) {
	after, err := behind(page.Cursor)
	if err != nil {
		return nil, "", err
	}
	size := store.Size(page)
	rows, err := l.readDeliveries(ctx, filter, after, size+1)
	if err != nil {
		return nil, "", fmt.Errorf("read deliveries: %w", err)
	}
	next := ""
	if len(rows) > size {
		rows = rows[:size]
		next = cursorOf(rows[size-1])
	}
	return column(rows, deliveryRow.inner), next, nil
}

// cursorOf spells the position of a delivery.
func cursorOf(row deliveryRow) string {
	return store.Deliveries.Cursor(store.Position{At: row.CreatedAt, Key: row.ID})
}

// readDeliveries reads from one state of the ledger.
func (l *Ledger) readDeliveries(ctx context.Context, filter postback.DeliveryFilter, after string, limit int) (rows []deliveryRow, err error) {
	err = l.search(ctx, func(ctx context.Context, db querier) error {
		rows, err = readDeliveries(ctx, db, filter, after, limit)
		return err
	})
	return rows, err
}

// readDeliveries reads one span of ids after the other until there are enough.
func readDeliveries(ctx context.Context, db querier, filter postback.DeliveryFilter, after string, limit int) (rows []deliveryRow, err error) {
	if filter.EventID != "" {
		if rows, err = deliveriesOf(ctx, db, filter.EventID); err != nil {
			return nil, err
		}
		rows = slices.DeleteFunc(rows, func(r deliveryRow) bool { return !picks(filter, r.Delivery) || after != "" && r.ID >= after })
	} else {
		all, some, err := reach(ctx, db, filter, after)
		if err != nil || !some {
			return nil, err
		}
		if filter, err = withoutOwner(ctx, db, filter); err != nil {
			return nil, err
		}
		for _, within := range spans(filter, all, time.Now()) {
			found, err := readSpan(ctx, db, filter, within, limit-len(rows))
			if err != nil {
				return nil, err
			}
			if rows = append(rows, found...); len(rows) >= limit {
				break
			}
		}
		return rows, nil
	}
	slices.SortFunc(rows, newestFirst)
	return rows[:min(limit, len(rows))], nil
}

// readSpan reads each branch of the filter, which is in order already, and
// merges them.
func readSpan(ctx context.Context, db querier, filter postback.DeliveryFilter, within span, limit int) (rows []deliveryRow, err error) {
	for _, part := range branches(filter, within) {
		read := part.read
		if part.waiting {
			read = part.readWaiting
		}
		found, err := read(ctx, db, filter, limit)
		if err != nil {
			return nil, err
		}
		rows = append(rows, found...)
	}
	slices.SortFunc(rows, newestFirst)
	return rows[:min(limit, len(rows))], nil
}

func newestFirst(a, b deliveryRow) int { return cmp.Compare(b.ID, a.ID) }

// deliveriesOf reads the deliveries of one event.
func deliveriesOf(ctx context.Context, db querier, eventID string) ([]deliveryRow, error) {
	anchors, err := collect(ctx, db, anchorDest, readAnchors, []string{clean(eventID)})
	if err != nil || len(anchors) == 0 {
		return nil, err
	}
	return deliveriesBy(ctx, db, anchors[0].deliveries)
}

// picks is what a filter means; the event id was looked at already.
func picks(f postback.DeliveryFilter, d postback.Delivery) bool {
	return among(f.States, d.State) &&
		(f.EndpointID == "" || f.EndpointID == d.EndpointID) &&
		(f.Publisher == "" || f.Publisher == d.Publisher) &&
		(f.EventType == "" || postback.MatchType(f.EventType, d.EventType)) &&
		f.Statuses.Has(d.LastStatusCode) &&
		among(f.Errors, d.FailedCode()) &&
		among(f.Reasons, d.Reason) &&
		(f.Reference == "" || f.Reference == d.Reference) &&
		(f.Since.IsZero() || !d.CreatedAt.Before(f.Since)) &&
		(f.Until.IsZero() || d.CreatedAt.Before(f.Until)) &&
		(f.EndedBefore.IsZero() || !d.CompletedAt.IsZero() && d.CompletedAt.Before(f.EndedBefore)) &&
		(!f.NoTests || !d.Test)
}

// among reports whether a value is one of those that are asked for; none are all.
func among[T comparable](asked []T, value T) bool {
	return len(asked) == 0 || slices.Contains(asked, value)
}

// read reads a branch of the deliveries themselves.
func (b branch) read(ctx context.Context, db querier, f postback.DeliveryFilter, limit int) ([]deliveryRow, error) {
	query, args := b.list(f, limit)
	return collect(ctx, db, deliveryRowDest, query, args...)
}

// readWaiting reads the branch of those that have not ended: first which they
// are, and then only the days that they are of. What the table of those that wait
// does not know is compared with the delivery itself.
func (b branch) readWaiting(ctx context.Context, db querier, f postback.DeliveryFilter, limit int) (rows []deliveryRow, err error) {
	for {
		query, args := b.list(f, limit)
		ids, err := collect(ctx, db, one[string], query, args...)
		if err != nil {
			return nil, err
		}
		found, err := deliveriesBy(ctx, db, ids)
		if err != nil {
			return nil, err
		}
		for _, row := range found {
			if picks(f, row.Delivery) {
				rows = append(rows, row)
			}
		}
		if len(ids) < limit || len(rows) >= limit {
			return rows, nil
		}
		b.args = slices.Clone(b.args)
		b.terms = append(slices.Clone(b.terms), `w.id < `+b.value(ids[len(ids)-1]))
	}
}

// list is the statement that reads a branch, or the ids of the one that waits.
func (b branch) list(f postback.DeliveryFilter, limit int) (string, []any) {
	if b.waiting {
		return `SELECT w.id FROM waiting w ` + b.sql() + ` ORDER BY w.id DESC LIMIT ` + b.value(limit), b.args
	}
	order := ` ORDER BY d.id DESC LIMIT ` + b.value(limit)
	inner := `SELECT * FROM deliveries d ` + b.sql() + order
	if b.byTypes {
		inner = eachType(inner, `d`, `event_type`, f.EventType, &b.conditions, order)
	}
	return `SELECT ` + deliveryColumns + `, d.event_at, d.event_seq FROM (` + inner + `) d` + joinWaiting + `ORDER BY d.id DESC`, b.args
}

// count is the statement that counts a branch.
func (b branch) count(f postback.DeliveryFilter, within span) (string, []any) {
	from, args := b.from(f, within)
	return `SELECT count(*)` + from, args
}

func (b branch) groups(f postback.DeliveryFilter, within span) (string, []any) {
	from, args := b.from(f, within)
	return `SELECT d.endpoint_id, d.state, d.reason, count(*)` + from + ` GROUP BY 1, 2, 3`, args
}

// from is what is counted.
func (b branch) from(f postback.DeliveryFilter, within span) (string, []any) {
	if b.waiting {
		b.addRest(f)
		b.addIDs(`d.id`, f, within) // says which partitions the join is with
		return ` FROM waiting w JOIN deliveries d ON d.id = w.id ` + b.sql(), b.args
	}
	return ` FROM deliveries d ` + b.sql(), b.args
}

// CountDeliveries counts what a filter picks.
func (l *Ledger) CountDeliveries(ctx context.Context, filter postback.DeliveryFilter) (int, error) {
	if filter.EventID != "" {
		rows, err := l.readDeliveries(ctx, filter, "", maxPerEvent)
		return len(rows), err
	}
	total := 0
	err := l.search(ctx, func(ctx context.Context, db querier) error {
		all, some, err := reach(ctx, db, filter, "")
		if err != nil || !some {
			return err
		}
		for _, part := range branches(filter, all) {
			query, args := part.count(filter, all)
			counts, err := collect(ctx, db, one[int], query, args...)
			if err != nil {
				return fmt.Errorf("count deliveries: %w", err)
			}
			total += counts[0]
		}
		return nil
	})
	return total, err
}

// maxPerEvent is more deliveries than any event has.
const maxPerEvent = 1 << 20
