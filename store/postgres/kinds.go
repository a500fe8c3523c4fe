package postgres

import (
	"context"
	"fmt"

	"github.com/waybillhq/waybill/postback"
)

// The table of kinds has the first digits of ids. They are made whole again with
// the last of the digits that are missing, and something that is behind them all.
const (
	bucketEnd = "ffffff"
	beyond    = "~"
)

// kindsSpan is from when to when somebody got something. A column of NULLs says
// never.
const kindsSpan = `SELECT coalesce(min(k.first), ''), coalesce(max(k.last), '') FROM kinds k `

// ownedAlone reports whether an endpoint never had another publisher.
const ownedAlone = `SELECT NOT EXISTS (SELECT FROM kinds k WHERE k.endpoint_id = $1 AND k.publisher <> $2)`

// withoutOwner leaves the publisher out of a filter whose endpoint has no other:
// the planner would take it for a second filter, expect next to nothing of the
// endpoint, and read all of it.
func withoutOwner(ctx context.Context, db querier, f postback.DeliveryFilter) (postback.DeliveryFilter, error) {
	if f.EndpointID == "" || f.Publisher == "" {
		return f, nil
	}
	alone, err := collect(ctx, db, one[bool], ownedAlone, clean(f.EndpointID), clean(f.Publisher))
	if err != nil {
		return f, fmt.Errorf("look for an endpoint's publishers: %w", err)
	}
	if alone[0] {
		f.Publisher = ""
	}
	return f, nil
}

// reach is where in the ids behind a cursor there can be anything that a filter
// picks; false when there is nothing. It is known of endpoints and publishers, by
// type if one is asked for, and of types that nobody ever got.
func reach(ctx context.Context, db querier, f postback.DeliveryFilter, after string) (span, bool, error) {
	all := span{before: after}
	var where conditions
	switch {
	case f.Reference != "":
		return all, true, nil // It is found as soon.
	case f.EndpointID == "" && f.Publisher == "" && f.EventType == "":
		return all, true, nil
	case f.EndpointID == "" && f.Publisher == "":
		where.addType(`t.type`, f.EventType)
		known, err := collect(ctx, db, one[bool], `SELECT EXISTS (SELECT FROM event_types t `+where.sql()+`)`, where.args...)
		if err != nil {
			return all, false, fmt.Errorf("look for types: %w", err)
		}
		return all, known[0], nil
	}
	where.addText(`k.endpoint_id`, f.EndpointID)
	where.addText(`k.publisher`, f.Publisher)
	where.addType(`k.event_type`, f.EventType)
	spans, err := collect(ctx, db, func(s *span) []any { return []any{&s.from, &s.before} }, kindsSpan+where.sql(), where.args...)
	if err != nil {
		return all, false, fmt.Errorf("look for kinds: %w", err)
	}
	found := spans[0]
	if found.before == "" || after != "" && after <= found.from {
		return all, false, nil
	}
	if found.before += beyond; after != "" {
		found.before = min(found.before, after)
	}
	return found, true, nil
}
