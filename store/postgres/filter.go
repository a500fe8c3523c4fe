package postgres

import (
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

// value adds an argument and returns its place.
func (c *conditions) value(arg any) string {
	c.args = append(c.args, arg)
	return "$" + strconv.Itoa(len(c.args))
}

func (c *conditions) add(term string) { c.terms = append(c.terms, term) }

// addText adds an equality unless the filter leaves the field open.
func (c *conditions) addText(column, value string) {
	if value != "" {
		c.add(column + ` = ` + c.value(clean(value)))
	}
}

// addTime adds a comparison unless the filter leaves the field open.
func (c *conditions) addTime(comparison string, at time.Time) {
	if !at.IsZero() {
		c.add(comparison + ` ` + c.value(at))
	}
}

func (c *conditions) addType(column, pattern string) {
	if !strings.HasSuffix(pattern, "*") {
		c.addText(column, pattern)
	} else if from, before, bounded := store.TypeRange(clean(pattern)); bounded {
		c.add(column + ` >= ` + c.value(from) + ` AND ` + column + ` < ` + c.value(before))
	}
}

// addAfter continues a listing by time behind a cursor, if there is one.
func (c *conditions) addAfter(at, seq string, listing store.Listing, cursor string) error {
	last, found, err := listing.Position(cursor)
	if err != nil || !found {
		return err //nolint:wrapcheck // a domain error
	}
	number, err := strconv.ParseInt(last.Key, 10, 64)
	if err != nil {
		return postback.Invalid("cursor", postback.CodeInvalid, "is not a cursor of this ledger; leave it out to begin")
	}
	moment := c.value(last.At)
	// A comparison of rows does not tell the planner which partitions it is.
	c.add(at + ` <= ` + moment + ` AND (` + at + `, ` + seq + `) < (` + moment + `, ` + c.value(number) + `)`)
	return nil
}

// addAny adds that a column is one of several values, unless the filter leaves it
// open.
func addAny[T ~string](c *conditions, column string, values []T) {
	if len(values) > 0 {
		c.add(column + ` = ANY(` + c.value(texts(values, func(v T) T { return v })) + `)`)
	}
}

func (c *conditions) sql() string {
	if len(c.terms) == 0 {
		return ""
	}
	return `WHERE ` + strings.Join(c.terms, ` AND `)
}

// cursorAt spells the position of a row.
func cursorAt(listing store.Listing, at time.Time, seq int64) string {
	return listing.Cursor(store.Position{At: at, Key: strconv.FormatInt(seq, 10)})
}

// behind is the id that a cursor of deliveries ends with. An id is a cursor,
// too.
func behind(cursor string) (string, error) {
	if strings.HasPrefix(cursor, deliveryPrefix) {
		return clean(cursor), nil
	}
	last, _, err := store.Deliveries.Position(cursor)
	return clean(last.Key), err
}

// branch is a part of a listing of deliveries that one index holds in order. The
// branches of a listing have no row in common.
type branch struct {
	conditions
	waiting bool // read from the table of those that have not ended
	byTypes bool // look up each of the types that match, one by one
}

// branches are the parts of what a filter picks within a span of ids.
func branches(f postback.DeliveryFilter, within span) []branch {
	states, some := store.States(f)
	codes := f.Statuses.Codes()
	switch {
	case !some:
		return nil
	case f.Reference != "":
		return []branch{mainBranch(f, within, states)}
	case len(states) == 0 && len(codes) == 0:
		return []branch{mainBranch(f, within, nil)}
	case len(states) == 0:
		states = postback.States()
	}
	var ended, open []postback.State
	for _, state := range states {
		if waits(state) {
			open = append(open, state)
		} else {
			ended = append(ended, state)
		}
	}
	var parts []branch
	if len(codes) == 1 && unusual(codes) && len(ended) > 0 {
		part := mainBranch(f, within, ended)
		part.byTypes = false
		part.add(`d.failed_code = ` + part.value(codes[0]))
		parts, ended = append(parts, part), nil
	}
	for _, state := range ended {
		parts = append(parts, endedBranch(f, within, state))
	}
	return append(parts, waitingBranches(f, within, open)...)
}

// unusual reports whether what ended with one of the statuses is in the indexes of
// failed_code, which leave 200 out.
func unusual(codes []int) bool {
	return len(codes) > 0 && !slices.Contains(codes, http.StatusOK)
}

// endedBranch reads the deliveries that ended in one way.
func endedBranch(f postback.DeliveryFilter, within span, state postback.State) branch {
	var part branch
	if state == postback.Succeeded {
		part = mainBranch(f, within, []postback.State{state})
		part.add(`d.failed IS NULL`)
	} else {
		part = mainBranch(f, within, nil)
		part.byTypes = false
		part.addText(`d.failed`, string(state))
	}
	if codes := f.Statuses.Codes(); unusual(codes) {
		part.add(`d.failed_code = ANY(` + part.value(codes) + `)`)
	}
	return part
}

// mainBranch reads the deliveries themselves.
func mainBranch(f postback.DeliveryFilter, within span, states []postback.State) branch {
	var b branch
	b.addText(`d.endpoint_id`, f.EndpointID)
	b.addText(`d.publisher`, f.Publisher)
	b.byTypes = f.EventType != "" && f.EventType != "*" && f.EndpointID == "" && f.Publisher == "" && f.Reference == ""
	b.addType(`d.event_type`, f.EventType)
	b.addRest(f)
	b.addIDs(`d.id`, f, within)
	addAny(&b.conditions, `d.state`, states)
	return b
}

// waitingBranches is the branch of those that have not ended, if there can be
// any.
func waitingBranches(f postback.DeliveryFilter, within span, states []postback.State) []branch {
	if len(states) == 0 || !f.EndedBefore.IsZero() {
		return nil
	}
	b := branch{waiting: true}
	b.addText(`w.endpoint_id`, f.EndpointID)
	b.addText(`w.publisher`, f.Publisher)
	b.addType(`w.event_type`, f.EventType)
	// A partial index is used only when its own condition is repeated.
	switch {
	case len(f.Statuses) > 0:
		b.add(`w.code <> 0 AND w.code = ANY(` + b.value(f.Statuses.Codes()) + `)`)
	case len(states) == 1 && states[0] != postback.Pending:
		b.add(`w.state <> 'pending'`)
	}
	if len(states) == 1 {
		b.add(`w.state = ` + b.value(string(states[0])))
	} else {
		addAny(&b.conditions, `w.state`, states)
	}
	addAny(&b.conditions, `w.reason`, f.Reasons)
	b.addIDs(`w.id`, f, within)
	return []branch{b}
}

// addRest adds what no index holds, but for the reference.
func (c *conditions) addRest(f postback.DeliveryFilter) {
	if f.Reference != "" {
		c.addText(`d.reference <> '' AND d.reference`, f.Reference)
	}
	if len(f.Statuses) > 0 {
		c.add(`d.last_status_code = ANY(` + c.value(f.Statuses.Codes()) + `)`)
	}
	addAny(c, `d.reason`, f.Reasons)
	if len(f.Errors) > 0 {
		codes := c.value(f.Errors)
		c.add(`(split_part(d.last_error, ': ', 1) = ANY(` + codes + `)` + // what follows is the field; see postback.FailureOf
			` OR d.last_error = 'status_not_200' AND 'status_' || d.last_status_code = ANY(` + codes + `))`)
	}
	c.addTime(`d.created_at >=`, f.Since)
	c.addTime(`d.created_at <`, f.Until)
	c.addTime(`d.completed_at <`, f.EndedBefore)
	if f.NoTests {
		c.add(`NOT d.test`)
	}
}

// addIDs adds the bounds that time and a span set to the ids.
func (c *conditions) addIDs(column string, f postback.DeliveryFilter, within span) {
	if !f.Since.IsZero() {
		c.add(column + ` >= ` + c.value(lowest(f.Since)))
	}
	if !f.Until.IsZero() {
		c.add(column + ` < ` + c.value(lowest(f.Until)))
	}
	if within.from != "" {
		c.add(column + ` >= ` + c.value(within.from))
	}
	if within.before != "" {
		c.add(column + ` < ` + c.value(within.before))
	}
}

// span is a range of ids, half open; an empty end is none.
type span struct{ from, before string }

// spans divide the ids of a range ("" is no end) into ranges, the newest first: a
// page is mostly full after the first, and a statement that touches few of the
// days is planned in a tenth of the time that all of them take. What is rare is
// looked for in one range after the other, with little more work than in one.
func spans(f postback.DeliveryFilter, all span, now time.Time) []span {
	newest := now
	if at, dated := timeOf(strings.TrimSuffix(all.before, beyond) + bucketEnd); dated && at.Before(newest) {
		newest = at
	}
	if !f.Until.IsZero() && f.Until.Before(newest) {
		newest = f.Until
	}
	var ranges []span
	before := all.before
	for _, days := range []int{2, 14} {
		at := newest.Add(-time.Duration(days) * wholeDay)
		from := lowest(at)
		if at.Before(f.Since) || from <= all.from {
			break
		}
		ranges = append(ranges, span{from: from, before: before})
		before = from
	}
	return append(ranges, span{from: all.from, before: before})
}
