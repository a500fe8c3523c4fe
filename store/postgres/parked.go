package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

const (
	// parkedEndpoints steps from one endpoint to the next in the index, so that a
	// million parked deliveries of one endpoint cost one look.
	parkedEndpoints = `WITH RECURSIVE parked AS (
			(SELECT endpoint_id, id FROM waiting WHERE state = 'parked' AND reason <> 'ordered' ORDER BY endpoint_id, id LIMIT 1)
			UNION ALL
			SELECT n.* FROM parked CROSS JOIN LATERAL (
				SELECT endpoint_id, id FROM waiting WHERE state = 'parked' AND reason <> 'ordered' AND endpoint_id > parked.endpoint_id
				ORDER BY endpoint_id, id LIMIT 1) n
		) SELECT endpoint_id, id FROM parked`

	// parkedOf looks at some endpoints alone, and of each from an id on.
	parkedOf = `SELECT n.* FROM unnest($1::text[], $2::text[]) k (endpoint_id, since) CROSS JOIN LATERAL (
			SELECT endpoint_id, id FROM waiting
			WHERE endpoint_id = k.endpoint_id AND id >= k.since AND state = 'parked' AND reason <> 'ordered' ORDER BY id LIMIT 1) n`
)

// ParkedEndpoints lists the ids of the endpoints that have parked deliveries
// other than ordered ones. It looks at all that is parked, or, while that takes
// long, at the endpoints that are known to have some: what other processes park of
// others is seen a little later then.
func (l *Ledger) ParkedEndpoints(ctx context.Context) ([]string, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	began := time.Now()
	look := l.parked.look(began)
	found, err := collect(ctx, l.pool, parkedDest, look.query, look.args...)
	if err != nil {
		return nil, fmt.Errorf("list endpoints with parked deliveries: %w", err)
	}
	if look.wide {
		l.parked.pace.took(began, time.Now())
	}
	l.parked.found(look, found)
	ids := column(found, func(p parkedOne) string { return p.endpointID })
	slices.Sort(ids)
	return ids, nil
}

// parkedOne is an endpoint and the first of its parked deliveries.
type parkedOne struct{ endpointID, id string }

func parkedDest(p *parkedOne) []any { return []any{&p.endpointID, &p.id} }

// parkings are the endpoints that have deliveries parked, as far as this process
// knows, each with an id before which none is known to be. A look for the oldest
// ones begins there, not at the entries of those that were released long ago.
// What another process parks before it is found by the next look at everything.
type parkings struct {
	pace  pace
	whole bool // every look is at everything

	mu     sync.Mutex
	looked bool              // at everything, once
	looks  int               // that were noted
	first  map[string]string // as of the last look
	parked map[string]string // by this process since
}

// parkedLook is a look that is under way.
type parkedLook struct {
	query string
	args  []any
	wide  bool // at everything
	since int
}

// look begins one.
func (p *parkings) look(now time.Time) parkedLook {
	wide := p.whole || p.pace.due(now)
	p.mu.Lock()
	defer p.mu.Unlock()
	if wide || !p.looked {
		return parkedLook{query: parkedEndpoints, wide: true, since: p.looks}
	}
	known := p.known()
	ids := slices.Sorted(maps.Keys(known))
	froms := column(ids, func(id string) string { return known[id] })
	return parkedLook{query: parkedOf, args: []any{ids, froms}, since: p.looks}
}

// known are all that are known, by endpoint.
func (p *parkings) known() map[string]string {
	all := maps.Clone(p.first)
	for endpointID, id := range p.parked {
		all[endpointID] = earlier(all, endpointID, id)
	}
	return all
}

func earlier(among map[string]string, endpointID, id string) string {
	if before, known := among[endpointID]; known && before < id {
		return before
	}
	return id
}

// found notes what a look found, unless another one was noted since it began: it
// may have seen more. What was parked here meanwhile it need not have seen.
func (p *parkings) found(look parkedLook, all []parkedOne) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if look.since != p.looks {
		return
	}
	p.looks++
	p.looked = p.looked || look.wide
	p.first = make(map[string]string, len(all))
	for _, one := range all {
		p.first[one.endpointID] = one.id
	}
	p.first = p.known()
	p.parked = map[string]string{}
}

// add notes a delivery that was parked by this process, once it is written.
func (p *parkings) add(endpointID, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.looked { // or nobody asks
		p.parked[endpointID] = earlier(p.parked, endpointID, id)
	}
}

// from is the id from which on an endpoint's parked deliveries are looked for.
func (p *parkings) from(endpointID string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, known := p.first[endpointID]
	switch parked, more := p.parked[endpointID]; {
	case p.whole:
		return ""
	case known && more:
		return min(before, parked)
	case known:
		return before
	default:
		return "" // others may know of more than this process parked
	}
}

// addMoved notes which of some deliveries were parked.
func (p *parkings) addMoved(moved map[string]*lockedDelivery) {
	for id, s := range moved {
		if s.planned && s.releasable() {
			p.add(s.endpointID, id)
		}
	}
}

// addAccepted notes which of some new deliveries were parked.
func (p *parkings) addAccepted(items []postback.Acceptance) {
	for _, item := range items {
		for _, d := range item.Deliveries {
			if d.State == postback.Parked && d.Reason != postback.ReasonOrdered && !item.Duplicate {
				p.add(clean(d.EndpointID), clean(d.ID))
			}
		}
	}
}
