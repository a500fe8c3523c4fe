package traffic

import (
	"maps"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// copied is the count as it is now.
func (c *count) copied() postback.AttemptCounts {
	one := c.AttemptCounts
	one.Errors, one.Latencies = maps.Clone(c.Errors), maps.Clone(c.Latencies)
	return one
}

// sum adds up what was counted in the slots from a time on. The times of the
// last ones are those of all slots.
func sum(counted []postback.AttemptCounts, since time.Time) postback.Traffic {
	total := postback.Traffic{Since: since, Errors: map[string]int{}}
	latencies := map[int]int{}
	for _, one := range counted {
		total.LastAttemptAt = later(total.LastAttemptAt, one.LastAttemptAt)
		total.LastSuccessAt = later(total.LastSuccessAt, one.LastSuccessAt)
		if one.Slot.Before(since) {
			continue
		}
		total.Attempts += one.Attempts
		total.Succeeded += one.Succeeded
		addAll(total.Errors, one.Errors)
		addAll(latencies, one.Latencies)
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
