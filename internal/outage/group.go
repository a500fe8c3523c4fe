package outage

import "time"

// group are receivers, a few of each publisher, so that none fills it alone.
type group struct {
	hosts map[string]suspect
	of    map[string]int // how many, by publisher
}

type suspect struct {
	publisher   string
	since, last time.Time
}

func newGroup() group { return group{hosts: map[string]suspect{}, of: map[string]int{}} }

// saw notes that an attempt failed in the same way again, or for the first time.
func (g group) saw(attempt Attempt, now time.Time) {
	known, found := g.hosts[attempt.Host]
	switch {
	case found:
		known.last = now
	case len(g.hosts) >= maxSuspects || g.of[attempt.Publisher] >= maxOfPublisher:
		return
	default:
		known = suspect{publisher: attempt.Publisher, since: now, last: now}
		g.of[attempt.Publisher]++
	}
	g.hosts[attempt.Host] = known
}

func (g group) remove(host string) {
	known, found := g.hosts[host]
	if !found {
		return
	}
	delete(g.hosts, host)
	if g.of[known.publisher]--; g.of[known.publisher] == 0 {
		delete(g.of, known.publisher)
	}
}

func (g group) forget() {
	clear(g.hosts)
	clear(g.of)
}

// count counts those that failed of late, of each publisher a few.
func (g group) count(policy Policy, now time.Time) (count int) {
	for host, one := range g.hosts {
		if now.Sub(one.last) >= policy.Window {
			g.remove(host)
		}
	}
	for _, hosts := range g.of {
		count += min(hosts, policy.PerPublisher)
	}
	return count
}
