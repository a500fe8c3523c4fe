package sim_test

import (
	"fmt"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// model is what is believed: what was promised to producers and what endpoints
// saw, by the one true clock.
type model struct {
	mu         sync.Mutex
	names      *names
	promised   []string        // events that were accepted by what a producer was answered
	accepted   map[string]bool // events in the ledger
	order      []taken         // in the order of acceptance
	attempts   []attempt       // in the order in which endpoints saw them
	open       map[string]int  // attempts that were made and are not recorded, by process and delivery
	excused    map[string]int  // those that crashes and purges kept from being recorded, by delivery
	repeated   map[string]int  // those under way when the queue forgot who has what
	purged     map[string]postback.Delivery
	cut        map[string]int // attempts that were purged, by delivery
	entering   map[string]int // calls that bring a delivery into the queue
	flying     map[string]int // by process and endpoint
	slots      map[string][]time.Time
	rates      map[string]postback.RateLimit
	reopenings int  // asked for, each of which may reopen a delivery once
	redisLost  bool // the queue was wiped
	refills    int  // queued deliveries that were made due again
	crashes    int
	broken     []string
}

// taken is a delivery, and when its event was accepted.
type taken struct {
	postback.Delivery
	at time.Time
}

// attempt is a request that an endpoint saw.
type attempt struct {
	delivery string
	endpoint *endpoint
	at       time.Time
	took     bool // it answered 200 in time
}

func newModel(n *names) *model {
	return &model{
		names: n, accepted: map[string]bool{}, open: map[string]int{}, excused: map[string]int{}, repeated: map[string]int{},
		purged: map[string]postback.Delivery{}, cut: map[string]int{}, entering: map[string]int{},
		flying: map[string]int{}, slots: map[string][]time.Time{}, rates: map[string]postback.RateLimit{},
	}
}

// breaks notes what must not happen.
func (m *model) breaks(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); len(m.broken) < 6 {
		m.broken = append(m.broken, text)
	}
}

// written notes what the ledger took.
func (m *model) written(answers []postback.Acceptance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, answer := range answers {
		if m.accepted[answer.Event.ID] || answer.Err != nil {
			continue
		}
		m.accepted[answer.Event.ID] = true
		for _, d := range answer.Deliveries {
			m.order = append(m.order, taken{d, time.Now()})
		}
	}
}

func (m *model) acked(eventID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.promised = append(m.promised, eventID)
}

// sent notes that an endpoint sees a request, and says how many it saw of the
// delivery before.
func (m *model) sent(p *process, e *endpoint, delivery string) (before int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.attempts {
		if one.delivery == delivery {
			before++
		}
	}
	m.attempts = append(m.attempts, attempt{delivery: delivery, endpoint: e, at: time.Now()})
	if _, gone := m.purged[delivery]; gone {
		m.excused[delivery]++ // it was asked for before
	} else {
		m.open[p.name+delivery]++
	}
	m.flying[p.name+e.name]++
	if flying := m.flying[p.name+e.name]; flying > maxInFlight {
		m.breaks("%s has %d attempts to %s in flight, more than %d", p.name, flying, e.name, maxInFlight)
	}
	return before
}

func (m *model) answered(p *process, e *endpoint, delivery string, took bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flying[p.name+e.name]--
	for i := len(m.attempts) - 1; took && i >= 0; i-- {
		if m.attempts[i].delivery == delivery {
			m.attempts[i].took = true
			return
		}
	}
}

func (m *model) recorded(p *process, a postback.Attempt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.open, p.name+a.DeliveryID)
}

// crashed excuses what a process had under way.
func (m *model) crashed(p *process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crashes++
	for _, d := range m.order {
		if n := m.open[p.name+d.ID]; n > 0 {
			m.excused[d.ID] += n
		}
	}
}

// forgotten notes that the queue forgot who has what: what is under way, held by
// a worker that has not sent it yet, or on its way into the queue, may be sent
// once more.
func (m *model) forgotten(held map[string]int, processes []*process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.order {
		open := 0
		for _, p := range processes {
			open += m.open[p.name+d.ID]
		}
		m.repeated[d.ID] += max(open, held[d.ID]) + m.entering[d.ID]
	}
}

// enters notes that a call brings a delivery into the queue, or has done so.
func (m *model) enters(id string, calls int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entering[id] += calls
}

func (m *model) slot(endpointID string, rate postback.RateLimit, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slots[endpointID] = append(m.slots[endpointID], at)
	m.rates[endpointID] = rate
}

// requeued notes that queued deliveries were made due again.
func (m *model) requeued(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refills += n
}

func (m *model) mayReopen() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reopenings++
}
