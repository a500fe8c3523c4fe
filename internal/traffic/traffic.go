// Package traffic answers how an endpoint does: what came of its attempts
// lately, and what waits for it.
//
// It guarantees that counting costs an attempt no more than a lock in memory,
// whatever the ledger does; that what several processes count adds up; that a
// process which is killed takes no more with it than what it counted since the
// last flush; that its memory is bounded; and that percentiles are off by less
// than 5 %. It knows nothing of single attempts: those are in the history.
package traffic

import (
	"time"
)

const (
	// slotLength is the time whose attempts are counted together. It divides a
	// day, so that all processes have the same slots.
	slotLength = 5 * time.Minute
	// kept is how long counts are kept.
	kept = 24 * time.Hour
)

// slotOf is when the slot of a time began.
func slotOf(at time.Time) time.Time { return at.UTC().Truncate(slotLength) }

// slotsSince are the slots from that of a time to the one behind now: the clock
// of another process may be ahead.
func slotsSince(since, now time.Time) []time.Time {
	var slots []time.Time
	for slot := slotOf(since); !slot.After(slotOf(now).Add(slotLength)); slot = slot.Add(slotLength) {
		slots = append(slots, slot)
	}
	return slots
}
