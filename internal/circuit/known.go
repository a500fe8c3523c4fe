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

// Refresh reads what all processes know, as far as it changed. Where a failure streak has
// ended, what this process counted of it ends, too.
func (b *Breaker) Refresh(ctx context.Context) error {
	changes, err := b.Ledger.StreaksSince(ctx, b.since())
	if err != nil {
		return fmt.Errorf("read failing endpoints: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	were := b.failing(b.touchedBy(changes))
	b.take(changes)
	for _, id := range were {
		if known, failed := b.unsaved[id]; failed && b.streak(id).EndpointID == "" {
			b.unsaved[id] = unsavedStreak{last: known.last, noted: known.noted}
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
func (b *Breaker) touchedBy(changes postback.StreakChanges) []string {
	touched := slices.AppendSeq(slices.Clone(changes.Ended), maps.Keys(b.ahead))
	if changes.All {
		touched = slices.AppendSeq(touched, maps.Keys(b.known))
	}
	return touched
}

// failing are those of some endpoints that are known to fail.
func (b *Breaker) failing(ids []string) []string {
	return slices.DeleteFunc(ids, func(id string) bool { return b.streak(id).EndpointID == "" })
}

// take makes what is known what the ledger had.
func (b *Breaker) take(changes postback.StreakChanges) {
	if changes.All {
		b.known = make(map[string]postback.FailureStreak, len(changes.Changed))
	}
	for _, one := range changes.Changed {
		b.known[one.EndpointID] = one
	}
	for _, id := range changes.Ended {
		delete(b.known, id)
	}
	b.mark = changes.Mark
	clear(b.ahead)
}

// streak is what is known of an endpoint's; without an endpoint when it is in none.
func (b *Breaker) streak(endpointID string) postback.FailureStreak {
	if changed, here := b.ahead[endpointID]; here {
		return changed
	}
	return b.known[endpointID]
}

// Open reports whether the endpoint's circuit is open.
func (b *Breaker) Open(endpointID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.streak(endpointID).Open()
}

// Streak returns what is known of an endpoint's streak.
func (b *Breaker) Streak(endpointID string) (postback.FailureStreak, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	streak := b.streak(endpointID)
	return streak, streak.EndpointID != ""
}

// Streaks are those of the failing endpoints, by their ids.
func (b *Breaker) Streaks() []postback.FailureStreak {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := maps.Clone(b.known)
	maps.Copy(known, b.ahead)
	all := slices.DeleteFunc(slices.Collect(maps.Values(known)), func(t postback.FailureStreak) bool { return t.EndpointID == "" })
	slices.SortFunc(all, func(a, c postback.FailureStreak) int { return cmp.Compare(a.EndpointID, c.EndpointID) })
	return all
}
