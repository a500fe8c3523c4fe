package outage

import (
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Monitor finds out from the attempts of this process whether its egress path works.
// It is safe for concurrent use.
type Monitor struct {
	policy Policy

	mu       sync.Mutex
	suspects suspects
	broken   []failure         // beyond doubt, of the last Window
	heldFrom time.Time         // when so many receivers began to fail that the fault is ours; zero: they do not
	counted  time.Time         // when it was looked at last whether they still are
	probes   map[string]string // the delivery that is a publisher's probe
	outage   *outage           // nil: the egress path works
	works    chan struct{}     // closed while something may get through
}

// failure is an attempt that failed beyond doubt.
type failure struct {
	at      time.Time
	attempt Attempt
}

// NewMonitor makes a Monitor.
func NewMonitor(policy Policy) *Monitor {
	m := &Monitor{policy: policy, suspects: newSuspects(), probes: map[string]string{}, works: make(chan struct{})}
	close(m.works)
	return m
}

// Enter reports whether an attempt may be made now. While the receivers of many
// cannot be reached, only a probe may; the others are held. Whoever entered leaves,
// whatever becomes of the attempt, and tells Learn before what came of it.
func (m *Monitor) Enter(attempt Attempt, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.holds(now) || m.probe(attempt, now) {
		return true
	}
	m.outage.held(attempt)
	return false
}

// probe takes one of the probes for an attempt, if its receiver was not tried
// just now.
func (m *Monitor) probe(attempt Attempt, now time.Time) bool {
	_, probing := m.probes[attempt.Publisher]
	if probing || len(m.probes) >= m.policy.Probes || now.Sub(m.suspects.failedAt(attempt.Host)) < m.policy.Probe {
		return false
	}
	m.probes[attempt.Publisher] = attempt.DeliveryID
	return true
}

// Leave ends an attempt.
func (m *Monitor) Leave(attempt Attempt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.probes[attempt.Publisher] == attempt.DeliveryID {
		delete(m.probes, attempt.Publisher)
	}
}

// Learn hears what came of an attempt, and says whose fault a failure is. code and
// message are of a failure.
func (m *Monitor) Learn(attempt Attempt, found Finding, code, message string, now time.Time) Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch found {
	case Reached:
		m.reached(attempt)
	case Unclear:
		m.suspects.unclear(attempt, now)
	case Broken:
		return m.fail(attempt, code, message, now)
	case Unreached:
		return m.unreached(attempt, message, now)
	}
	return Theirs
}

// Works gives a channel that is closed as soon as something may get through, as
// far as is known: at once when the egress path works.
func (m *Monitor) Works() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.works
}

// Missing reports something that nothing can be sent without.
func (m *Monitor) Missing(code, message string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.note(code, message, now, now)
	m.block()
}

// State is the outage, if there is one now.
func (m *Monitor) State(now time.Time) (postback.Outage, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.outage == nil {
		return postback.Outage{}, false
	}
	if !m.holds(now) && now.Sub(m.outage.last) >= m.policy.Quiet {
		m.outage, m.broken = nil, nil
		m.unblock()
		return postback.Outage{}, false
	}
	return m.outage.state(now), true
}

// reached ends what seemed to be an outage, or was one.
func (m *Monitor) reached(attempt Attempt) {
	if !m.heldFrom.IsZero() && attempt.StartedAt.After(m.heldFrom) {
		m.release()
	}
	m.suspects.reached(attempt)
	if m.heldFrom.IsZero() && m.outage != nil && m.suspects.proof.After(m.outage.since) {
		m.unblock()
	}
}

// release holds nothing any more. Those who failed in an outage did not fail by
// themselves.
func (m *Monitor) release() {
	m.heldFrom = time.Time{}
	m.suspects.forget()
	m.unblock()
}

// block says that nothing gets through.
func (m *Monitor) block() {
	select {
	case <-m.works:
		m.works = make(chan struct{})
	default:
	}
}

// unblock says that something may.
func (m *Monitor) unblock() {
	select {
	case <-m.works:
	default:
		close(m.works)
	}
}

func (m *Monitor) unreached(attempt Attempt, message string, now time.Time) Fault {
	m.suspects.failed(attempt, now)
	if m.heldFrom.IsZero() && m.suspects.tooMany(m.policy, now) {
		m.heldFrom, m.counted = m.suspects.first(now), now
		m.block()
	}
	if m.heldFrom.IsZero() {
		return Theirs
	}
	m.note(Reason, message, m.heldFrom, now).held(attempt)
	return Ours
}

// holds reports whether too many receivers still cannot be reached: it is over
// when one is, and when few have failed of late.
func (m *Monitor) holds(now time.Time) bool {
	if !m.heldFrom.IsZero() && now.Sub(m.counted) >= countEvery {
		m.counted = now
		if 2*m.suspects.failing.count(m.policy, now) < m.policy.Hosts {
			m.release()
		}
	}
	return !m.heldFrom.IsZero()
}

// fail counts a failure beyond doubt. A few are an outage when nothing is reached
// meanwhile, or when they are of several publishers: an egress path may be broken for
// some receivers alone, such as those with names. Of few publishers, while others
// are reached, they are none: there is no way to these receivers.
func (m *Monitor) fail(attempt Attempt, code, message string, now time.Time) Fault {
	m.broken = append(m.recent(now), failure{now, attempt})
	publishers := map[string]bool{}
	for _, one := range m.broken {
		publishers[one.attempt.Publisher] = true
	}
	first := m.broken[0].at
	proven := m.suspects.proof.After(first)
	switch {
	case m.outage == nil && len(m.broken) < m.policy.Failures:
		return Ours
	case len(m.broken) >= m.policy.Failures && proven && len(publishers) < m.policy.Publishers:
		return Alone
	}
	outage := m.note(code, message, first, now)
	for _, one := range m.broken {
		outage.held(one.attempt)
	}
	if !proven {
		m.block()
	}
	return Ours
}

// recent are the failures beyond doubt that still count.
func (m *Monitor) recent(now time.Time) []failure {
	var kept []failure
	for _, one := range m.broken[max(0, len(m.broken)-maxFailures+1):] {
		if now.Sub(one.at) < m.policy.Window {
			kept = append(kept, one)
		}
	}
	return kept
}

// note begins an outage, or goes on with the one that there is.
func (m *Monitor) note(code, message string, since, now time.Time) *outage {
	if m.outage == nil {
		m.outage = &outage{reason: code, message: message, since: since, deliveries: map[string]struct{}{}, endpoints: map[string]struct{}{}}
	}
	m.outage.last = now
	return m.outage
}

// outage is what is known of one.
type outage struct {
	reason, message       string
	since, last           time.Time
	deliveries, endpoints map[string]struct{} // that are held
}

// held counts a delivery that waits for the end of it.
func (o *outage) held(attempt Attempt) {
	add(o.deliveries, attempt.DeliveryID)
	add(o.endpoints, attempt.EndpointID)
}

func add(set map[string]struct{}, id string) {
	if len(set) < postback.MaxHeld {
		set[id] = struct{}{}
	}
}

func (o *outage) state(now time.Time) postback.Outage {
	return postback.Outage{
		Reason: o.reason, Message: o.message, Since: o.since, At: now,
		Deliveries: len(o.deliveries), Endpoints: len(o.endpoints),
	}
}
