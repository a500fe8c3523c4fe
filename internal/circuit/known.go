package circuit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/waybillhq/waybill/internal/loop"
	"github.com/waybillhq/waybill/postback"
)

// readAll is how many times only what changed is read before all is: whatever a
// ledger lost or was restored to, this process knows it then.
const readAll = 100

// Follow refreshes at every interval until ctx ends, and logs what an outage
// makes fail once.
func (b *Breaker) Follow(ctx context.Context, interval time.Duration) {
	loop.Run(ctx, loop.Job{Name: "follow circuits", Every: interval, Do: b.Refresh, Logger: b.Logger})
}

// Refresh reads what all processes know, as far as it changed. Where a trouble has
// ended, what this process counted of it ends, too.
func (b *Breaker) Refresh(ctx context.Context) error {
	changes, err := b.Ledger.TroublesSince(ctx, b.since())
	if err != nil {
		return fmt.Errorf("read endpoints in trouble: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	were := b.inTrouble(b.touchedBy(changes))
	b.take(changes)
	for _, id := range were {
		if known, failed := b.streaks[id]; failed && b.trouble(id).EndpointID == "" {
			b.streaks[id] = streak{last: known.last, noted: known.noted}
		}
	}
	return nil
}

// since is the mark to read from.
func (b *Breaker) since() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.parts++; b.parts > readAll {
		b.parts, b.mark = 0, 0
	}
	return b.mark
}

// touchedBy are the endpoints of which something else may be known after some
// changes.
func (b *Breaker) touchedBy(changes postback.TroubleChanges) []string {
	touched := slices.AppendSeq(slices.Clone(changes.Ended), maps.Keys(b.ahead))
	if changes.All {
		touched = slices.AppendSeq(touched, maps.Keys(b.troubles))
	}
	return touched
}

// inTrouble are those of some endpoints that are known to be in trouble.
func (b *Breaker) inTrouble(ids []string) []string {
	return slices.DeleteFunc(ids, func(id string) bool { return b.trouble(id).EndpointID == "" })
}

// take makes what is known what the ledger had.
func (b *Breaker) take(changes postback.TroubleChanges) {
	if changes.All {
		b.troubles = make(map[string]postback.Trouble, len(changes.Changed))
	}
	for _, one := range changes.Changed {
		b.troubles[one.EndpointID] = one
	}
	for _, id := range changes.Ended {
		delete(b.troubles, id)
	}
	b.mark = changes.Mark
	clear(b.ahead)
}

// trouble is what is known of an endpoint's; without an endpoint when it is in none.
func (b *Breaker) trouble(endpointID string) postback.Trouble {
	if changed, here := b.ahead[endpointID]; here {
		return changed
	}
	return b.troubles[endpointID]
}

// Open reports whether the endpoint's circuit is open.
func (b *Breaker) Open(endpointID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.trouble(endpointID).Open()
}

// Trouble returns what is known of an endpoint's trouble.
func (b *Breaker) Trouble(endpointID string) (postback.Trouble, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	trouble := b.trouble(endpointID)
	return trouble, trouble.EndpointID != ""
}

// Troubles are the endpoints in trouble, by their ids.
func (b *Breaker) Troubles() []postback.Trouble {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := maps.Clone(b.troubles)
	maps.Copy(known, b.ahead)
	all := slices.DeleteFunc(slices.Collect(maps.Values(known)), func(t postback.Trouble) bool { return t.EndpointID == "" })
	slices.SortFunc(all, func(a, c postback.Trouble) int { return cmp.Compare(a.EndpointID, c.EndpointID) })
	return all
}
