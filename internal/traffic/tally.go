package traffic

import (
	"maps"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// copied is the tally as it is now.
func (c *count) copied() postback.Tally {
	tally := c.Tally
	tally.Errors, tally.Latencies = maps.Clone(c.Errors), maps.Clone(c.Latencies)
	return tally
}

// sum adds up what was counted in the slots from a time on. The times of the
// last ones are those of all slots.
func sum(tallies []postback.Tally, since time.Time) postback.Traffic {
	total := postback.Traffic{Since: since, Errors: map[string]int{}}
	latencies := map[int]int{}
	for _, tally := range tallies {
		total.LastAttemptAt = later(total.LastAttemptAt, tally.LastAttemptAt)
		total.LastSuccessAt = later(total.LastSuccessAt, tally.LastSuccessAt)
		if tally.Slot.Before(since) {
			continue
		}
		total.Attempts += tally.Attempts
		total.Succeeded += tally.Succeeded
		addAll(total.Errors, tally.Errors)
		addAll(latencies, tally.Latencies)
	}
	total.Latency = postback.Latency{
		P50: percentile(latencies, 0.50), P95: percentile(latencies, 0.95), P99: percentile(latencies, 0.99),
	}
	return total
}

func addAll[K comparable](total, more map[K]int) {
	for key, count := range more {
		total[key] += count
	}
}
