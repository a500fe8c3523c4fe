package store

import (
	"cmp"
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Gather puts dead letters of the same endpoint and reason together, in the
// order of both.
func Gather(each []postback.DeadLetters) []postback.DeadLetters {
	type kind struct {
		endpointID string
		reason     postback.Reason
	}
	places := map[kind]int{}
	var gathered []postback.DeadLetters
	for _, one := range each {
		place, known := places[kind{one.EndpointID, one.Reason}]
		if !known {
			places[kind{one.EndpointID, one.Reason}] = len(gathered)
			gathered = append(gathered, one)
			continue
		}
		gathered[place] = together(gathered[place], one)
	}
	slices.SortFunc(gathered, func(a, b postback.DeadLetters) int {
		return cmp.Or(cmp.Compare(a.EndpointID, b.EndpointID), cmp.Compare(a.Reason, b.Reason))
	})
	return gathered
}

func together(a, b postback.DeadLetters) postback.DeadLetters {
	if b.First.Before(a.First) {
		a, b = b, a
	}
	a.Count += b.Count
	a.Last = later(a.Last, b.Last)
	a.Deliveries = named(a.Deliveries, b.Deliveries)
	return a
}

// Sum makes the notices of dead letters, one for each endpoint. Their ids are
// the ledger's to give.
func Sum(each []postback.DeadLetters) []postback.Notice {
	slices.SortStableFunc(each, func(a, b postback.DeadLetters) int { return a.First.Compare(b.First) })
	var notices []postback.Notice
	places := map[string]int{}
	for _, one := range each {
		place, known := places[one.EndpointID]
		if !known {
			place = len(notices)
			places[one.EndpointID] = place
			notices = append(notices, postback.Notice{
				Type: postback.NoticeDead, EndpointID: one.EndpointID, Since: one.First, At: one.Last,
				Dead: &postback.DeadSum{Reasons: map[postback.Reason]int{}},
			})
		}
		notice := &notices[place]
		notice.Count += one.Count
		notice.At = later(notice.At, one.Last)
		notice.Dead.Reasons[one.Reason] += one.Count
		notice.Dead.Deliveries = named(notice.Dead.Deliveries, one.Deliveries)
	}
	return notices
}

func named(ids, more []string) []string {
	all := slices.Concat(ids, more)
	return all[:min(len(all), postback.MaxNamedDead)]
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
