package store

import (
	"cmp"
	"slices"

	"github.com/waybillhq/waybill/postback"
)

// Groups puts counts of the same endpoint, state and reason together, the largest
// first, and marks those of endpoints that are deleted.
func Groups(counts []postback.DeliveryGroup, deleted []string) []postback.DeliveryGroup {
	sums := map[postback.DeliveryGroup]int{}
	for _, one := range counts {
		key := one
		key.Count, key.EndpointDeleted = 0, slices.Contains(deleted, one.EndpointID)
		sums[key] += one.Count
	}
	var groups []postback.DeliveryGroup
	for group, count := range sums {
		group.Count = count
		groups = append(groups, group)
	}
	slices.SortFunc(groups, func(a, b postback.DeliveryGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.EndpointID, b.EndpointID), cmp.Compare(a.State, b.State), cmp.Compare(a.Reason, b.Reason))
	})
	return groups
}

// EndpointsOf are the endpoints of groups, each once.
func EndpointsOf(groups []postback.DeliveryGroup) []string {
	var ids []string
	for _, one := range groups {
		ids = append(ids, one.EndpointID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Outcome counts how many deliveries of a replay are in a state, by the name that
// the stores' queries give it.
func Outcome(into *postback.ReplayOutcomes, name string, count int) {
	fields := map[string]*int{
		"pending": &into.Waiting, "retrying": &into.Waiting, "parked": &into.Parked,
		"succeeded": &into.Succeeded, "dead": &into.Dead, "cancelled": &into.Cancelled,
		"unsent": &into.Unsent, "again": &into.ReplayedAgain, "purged": &into.Purged,
	}
	if field, known := fields[name]; known {
		*field += count
	}
}

// OutcomeCase is the SQL that names what became of a delivery d that a replay's
// item i opened.
const OutcomeCase = `CASE WHEN d.id IS NULL THEN 'purged' WHEN d.generation <> i.opened THEN 'again'
	WHEN d.completed_at IS NOT NULL AND d.attempts = d.attempts_before THEN 'unsent' ELSE d.state END`
