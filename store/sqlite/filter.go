package sqlite

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// conditions are the terms of a WHERE clause with their arguments.
type conditions struct {
	terms []string
	args  []any
}

func (c *conditions) add(term string, args ...any) {
	c.terms = append(c.terms, term)
	c.args = append(c.args, args...)
}

// addText adds a term unless the filter leaves the field open.
func (c *conditions) addText(term, value string) {
	if value != "" {
		c.add(term, value)
	}
}

// addTime adds a term unless the filter leaves the field open.
func (c *conditions) addTime(term string, at time.Time) {
	if !at.IsZero() {
		c.add(term, at.UnixMicro())
	}
}

func (c *conditions) addType(column, pattern string) {
	if from, before, bounded := store.TypeRange(pattern); bounded {
		c.add(column+` >= ? AND `+column+` < ?`, from, before)
	}
}

// addAny adds that a column is one of several values, unless the filter leaves it
// open.
func addAny[T any](c *conditions, column string, values []T) {
	if len(values) > 0 {
		c.add(isAny(column, values), anys(values)...)
	}
}

func isAny[T any](column string, values []T) string {
	return column + ` IN (?` + strings.Repeat(`, ?`, len(values)-1) + `)`
}

func anys[T any](values []T) []any {
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = value
	}
	return args
}

// addAfter continues a listing behind a position, if there is one.
func (c *conditions) addAfter(columns string, after *position) {
	if after != nil {
		c.add(columns+` < (?, ?)`, after.at, after.seq)
	}
}

func (c *conditions) sql() string {
	if len(c.terms) == 0 {
		return ""
	}
	return `WHERE ` + strings.Join(c.terms, ` AND `)
}

// position is where a page ended: the time and the sequence number of its last
// row.
type position struct{ at, seq int64 }

// positionOf reads a cursor; nil is the beginning.
func positionOf(listing store.Listing, cursor string) (*position, error) {
	last, found, err := listing.Position(cursor)
	if err != nil || !found {
		return nil, err //nolint:wrapcheck // a domain error
	}
	seq, err := strconv.ParseInt(last.Key, 10, 64)
	if err != nil {
		return nil, postback.Invalid("cursor", postback.CodeInvalid, "is not a cursor of this ledger; leave it out to begin")
	}
	return &position{at: last.At.UnixMicro(), seq: seq}, nil
}

// deliveryPosition reads a cursor of deliveries, which may be the id of one.
func (l *Ledger) deliveryPosition(ctx context.Context, cursor string) (*position, error) {
	if !strings.HasPrefix(cursor, "dlv_") {
		return positionOf(store.Deliveries, cursor)
	}
	const query = `SELECT created_at, seq FROM deliveries WHERE id = ?`
	found, err := single(ctx, l.reads, "delivery", func(p *position) []any { return []any{&p.at, &p.seq} }, query, cursor)
	if postback.CodeOf(err) == postback.CodeNotFound {
		return nil, postback.Invalid("cursor", postback.CodeInvalid, "names a delivery that is not there; leave it out to begin")
	}
	return &found, err
}

// cursorAt spells the position of a row.
func cursorAt(listing store.Listing, at time.Time, seq int64) string {
	return listing.Cursor(store.Position{At: at, Key: strconv.FormatInt(seq, 10)})
}

// deliveryQuery is a filter over deliveries together with the index that
// answers it. The index is named in the statement: the planner of SQLite knows
// nothing of how rare a state or a status code is.
func deliveryQuery(f postback.DeliveryFilter, state postback.State) (index string, where conditions) {
	where.addText(`d.event_id = ?`, f.EventID)
	where.addText(`d.endpoint_id = ?`, f.EndpointID)
	where.addText(`d.publisher = ?`, f.Publisher)
	where.addText(`d.state = ?`, string(state))
	where.addType(`d.event_type`, f.EventType)
	if f.Reference != "" {
		where.add(`d.reference = ? AND d.reference <> ''`, f.Reference)
	}
	codes := f.Statuses.Codes()
	addAny(&where, `d.last_status_code`, codes)
	addAny(&where, `d.reason`, f.Reasons)
	if len(f.Errors) > 0 {
		named := isAny(`substr(d.last_error, 1, instr(d.last_error || ': ', ': ') - 1)`, f.Errors) // what follows is the field; see postback.FailureOf
		status := isAny(`'status_' || d.last_status_code`, f.Errors)
		where.add(`(`+named+` OR d.last_error = 'status_not_200' AND `+status+`)`, anys(slices.Repeat(f.Errors, 2))...)
	}
	where.addTime(`d.created_at >= ?`, f.Since)
	where.addTime(`d.created_at < ?`, f.Until)
	where.addTime(`d.completed_at < ?`, f.EndedBefore)
	if f.NoTests {
		where.add(`d.test = 0`)
	}
	// A partial index is used only when its own condition is repeated.
	openState := state != "" && state != postback.Succeeded
	if openState {
		where.add(`d.state <> 'succeeded'`)
	}
	troubled := openState && state != postback.Pending
	if troubled {
		where.add(`d.state NOT IN ('pending', 'succeeded')`)
	}
	badStatus := len(codes) == 1 && codes[0] != http.StatusOK
	if badStatus {
		where.add(`d.last_status_code NOT IN (0, 200)`)
	}
	switch {
	case f.EventID != "":
		return "deliveries_by_event", where
	case f.Reference != "":
		return "deliveries_by_reference", where
	case f.EndpointID != "" && openState:
		return "deliveries_by_endpoint_state", where
	case f.EndpointID != "":
		return "deliveries_by_endpoint", where
	case f.Publisher != "" && troubled:
		return "deliveries_by_publisher_state", where
	case openState:
		return "deliveries_by_state", where
	case badStatus:
		return "deliveries_by_status_code", where
	case f.Publisher != "":
		return "deliveries_by_publisher", where
	default:
		return "deliveries_by_time", where
	}
}

// eventQuery is deliveryQuery for events.
func eventQuery(f postback.EventFilter) (index string, where conditions) {
	where.addText(`e.publisher = ?`, f.Publisher)
	where.addType(`e.type`, f.EventType)
	where.addTime(`e.accepted_at >= ?`, f.Since)
	where.addTime(`e.accepted_at < ?`, f.Until)
	if f.Rejected {
		where.add(`e.rejection <> ''`)
	}
	if f.Unmatched {
		where.add(`e.unmatched = 1`)
	}
	if f.Unmatched && f.Publisher == "" {
		where.add(`e.publisher <> ?`, postback.Operator)
	}
	switch {
	case f.Rejected:
		return "events_rejected", where
	case f.Unmatched:
		return "events_unmatched", where
	case f.Publisher != "":
		return "events_by_publisher", where
	default:
		return "events_by_time", where
	}
}
