package outage

import (
	"maps"
	"time"
)

// suspects are the receivers that began to fail when nothing was reached any more:
// of them the egress path may be the cause. Whoever began to fail while others were
// reached is down by itself, and stays so until it is reached.
type suspects struct {
	proof    time.Time // the latest start of an attempt that reached something
	failing  group
	unknown  group                // of which the attempts say nothing
	byItself map[string]time.Time // when it failed last
}

func newSuspects() suspects {
	return suspects{failing: newGroup(), unknown: newGroup(), byItself: map[string]time.Time{}}
}

// forget suspects nobody any more.
func (s *suspects) forget() {
	s.failing.forget()
	s.unknown.forget()
}

// reached clears a receiver, and with it the egress path until its attempt began.
func (s *suspects) reached(attempt Attempt) {
	s.failing.remove(attempt.Host)
	s.unknown.remove(attempt.Host)
	delete(s.byItself, attempt.Host)
	if attempt.StartedAt.After(s.proof) {
		s.proof = attempt.StartedAt
	}
	for host, one := range s.failing.hosts {
		if one.since.Before(s.proof) {
			s.failing.remove(host)
			s.downByItself(host, one.last)
		}
	}
	for host, one := range s.unknown.hosts {
		if one.last.Before(s.proof) {
			s.unknown.remove(host)
		}
	}
}

// downByItself remembers a receiver that is down. When there are too many, or it
// was long ago, they are forgotten, and count again.
func (s *suspects) downByItself(host string, at time.Time) {
	if len(s.byItself) >= maxDown {
		maps.DeleteFunc(s.byItself, func(_ string, last time.Time) bool { return at.Sub(last) >= forgetAfter })
	}
	if len(s.byItself) < maxDown {
		s.byItself[host] = at
	}
}

func (s *suspects) failed(attempt Attempt, now time.Time) {
	if _, down := s.byItself[attempt.Host]; down {
		s.byItself[attempt.Host] = now
		return
	}
	s.unknown.remove(attempt.Host)
	s.failing.saw(attempt, now)
}

func (s *suspects) unclear(attempt Attempt, now time.Time) {
	if _, failing := s.failing.hosts[attempt.Host]; !failing {
		s.unknown.saw(attempt, now)
	}
}

// failedAt is when a receiver failed last.
func (s *suspects) failedAt(host string) time.Time {
	if one, failing := s.failing.hosts[host]; failing {
		return one.last
	}
	return s.byItself[host]
}

// tooMany reports whether so many receivers of so many publishers fail that the
// fault is ours.
func (s *suspects) tooMany(policy Policy, now time.Time) bool {
	failing, unknown := s.failing.count(policy, now), s.unknown.count(policy, now)
	return failing >= policy.Hosts && float64(failing) >= policy.Share*float64(failing+unknown)
}

// first is when the first of them began to fail.
func (s *suspects) first(now time.Time) time.Time {
	first := now
	for _, one := range s.failing.hosts {
		if one.since.Before(first) {
			first = one.since
		}
	}
	return first
}
