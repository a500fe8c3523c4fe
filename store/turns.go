package store

import (
	"cmp"
	"slices"
	"sync"

	"github.com/waybillhq/waybill/postback"
)

// Turns goes round the endpoints that have deliveries due, so that each has its
// turn however many another one has. It is safe for concurrent use.
type Turns struct {
	mu   sync.Mutex
	last string // whose turn it was last, when not all had one
}

// Next picks the endpoints whose turn it is, in the order of their ids, and how
// many deliveries of each may be claimed.
func (t *Turns) Next(ids []string, claim postback.Claim) (chosen []string, each int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ids {
		if !claim.Except[id] {
			chosen = append(chosen, id)
		}
	}
	slices.Sort(chosen)
	chosen = slices.Compact(chosen)
	if len(chosen) > claim.Limit {
		from, _ := slices.BinarySearch(chosen, t.last+"\x00")
		chosen = slices.Concat(chosen[from:], chosen[:from])[:claim.Limit]
		t.last = chosen[len(chosen)-1]
		slices.Sort(chosen)
	}
	if len(chosen) == 0 {
		return nil, 0
	}
	return chosen, min(cmp.Or(claim.Each, claim.Limit), max(1, claim.Limit/len(chosen)))
}
