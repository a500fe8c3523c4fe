package sim_test

import (
	"fmt"
	"strings"
	"sync"

	"github.com/waybillhq/waybill/postback"
)

// names are short names of what has an id, in the order in which it came: the
// same in every run of a seed.
type names struct {
	mu      sync.Mutex
	byID    map[string]string
	replays int
}

func (n *names) of(id string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name, known := n.byID[id]; known {
		return name
	}
	return "?" + id
}

func (n *names) set(id, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.byID[id] = name
}

func (n *names) replay(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.replays++
	n.byID[id] = fmt.Sprintf("replay%d", n.replays)
}

// deliveries names those of an event. Several tries of one acceptance make other
// deliveries each; those of the one that was written count.
func (n *names) deliveries(item postback.Acceptance) {
	for _, d := range item.Deliveries {
		n.set(d.ID, d.EventID+">"+n.of(d.EndpointID))
	}
}

func (n *names) ref(ref postback.Ref) string {
	return fmt.Sprintf("%s#%d.%d", n.of(ref.DeliveryID), ref.Generation, ref.Attempt)
}

func (n *names) dues(all []postback.Due) string {
	parts := make([]string, len(all))
	for i, due := range all {
		parts[i] = n.ref(due.Delivery.Ref())
	}
	return strings.Join(parts, " ")
}
