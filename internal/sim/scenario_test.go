package sim_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Settings that are the same in every scenario.
const (
	grace       = 45 * time.Second
	timeout     = 2 * time.Second // of an attempt
	maxInFlight = 2
	firstEvent  = 2500 * time.Millisecond // when the processes are up and the queue is known
	maxAge      = 20 * time.Second        // of deliveries that cannot be sent
)

// endpoint is one of the receivers.
type endpoint struct {
	name      string
	publisher string
	kind      kind
	id        string // once it is made
}

// batch is one call of a producer.
type batch struct {
	at     time.Duration
	place  int // of the process that it goes to
	events []produced
	cancel time.Duration // after which the producer goes away; 0: it waits
}

type produced struct{ id, publisher, group string }

// replayed is what an operator replays.
type replayed struct {
	at        time.Duration
	place     int
	one       bool // a single delivery, not a job
	rate      float64
	publisher string // whose deliveries; empty: everybody's
}

// outage is a time in which calls over a boundary fail.
type outage struct {
	from, to time.Duration
	boundary boundary
	share    float64 // of the calls
}

// scenario is all that a seed decides before the run.
type scenario struct {
	calm      bool // nothing fails on our side
	endpoints []*endpoint
	batches   []batch
	replays   []replayed
	outages   []outage
	crashes   []time.Duration
	stops     []time.Duration // of a process, which another one replaces
	wipes     []time.Duration
	losses    []time.Duration // of the newest tasks
	skews     []time.Duration // of the processes' clocks; as many as there are processes
	errors    float64         // share of the calls to ledger and queue that fail
	stalls    float64         // share of those that take long
	heal      time.Duration   // when everything is well again
	keep      time.Duration   // after its end; 0: longer than the run
	shards    int
	workers   int // of each queue in each process
	senders   int
	handoff   int
	maxQueued int
	fault     knownFault // that is put back
}

func (s scenario) String() string {
	text := fmt.Sprintf("calm=%t processes=%d skews=%v shards=%d workers=%d senders=%d handoff=%d max_queued=%d errors=%.3f stalls=%.3f heal=%s keep=%s\n",
		s.calm, len(s.skews), s.skews, s.shards, s.workers, s.senders, s.handoff, s.maxQueued, s.errors, s.stalls, s.heal, s.keep)
	for _, e := range s.endpoints {
		text += fmt.Sprintf("  %s of %s is %s\n", e.name, e.publisher, e.kind)
	}
	return text + fmt.Sprintf("  crashes=%v stops=%v wipes=%v losses=%v outages=%v\n", s.crashes, s.stops, s.wipes, s.losses, s.outages)
}

// draw makes the scenario of a seed.
func draw(seed uint64) scenario {
	r := rand.New(rand.NewPCG(seed, 0))
	s := scenario{
		calm: r.IntN(2) == 0, shards: 1 + r.IntN(2), workers: 6 + r.IntN(5), senders: 1 + r.IntN(3),
		handoff: 8 << r.IntN(4), maxQueued: 8 << r.IntN(4), heal: time.Duration(7+r.IntN(6)) * time.Second,
		skews: make([]time.Duration, 1+r.IntN(3)),
	}
	s.drawEndpoints(r)
	s.drawEvents(r)
	if r.IntN(3) == 0 {
		s.drawBacklog(r.IntN(len(s.skews)))
	}
	s.drawReplays(r)
	if !s.calm {
		s.drawFaults(r)
	}
	for range r.IntN(3) {
		s.stops = append(s.stops, s.between(r))
	}
	if r.IntN(4) == 0 {
		s.keep = time.Duration(1+r.IntN(6)) * time.Second
	}
	return s
}

func (s *scenario) drawEndpoints(r *rand.Rand) {
	bad := []kind{slowing, failing, hanging, dripping, flaky, gone, paused, changed, deleted, limited, ordered, sealed}
	for _, publisher := range []string{"pub_1", "pub_2"} {
		for range 1 + r.IntN(2) {
			s.add(publisher, healthy)
		}
	}
	for range 1 + r.IntN(2) {
		s.add([]string{"pub_1", "pub_2"}[r.IntN(2)], bad[r.IntN(len(bad))])
	}
}

func (s *scenario) add(publisher string, k kind) {
	name := fmt.Sprintf("ep%d(%s)", len(s.endpoints)+1, k)
	s.endpoints = append(s.endpoints, &endpoint{name: name, publisher: publisher, kind: k})
}

// between is a time at which something happens before all is well.
func (s *scenario) between(r *rand.Rand) time.Duration {
	return firstEvent + time.Duration(r.Int64N(int64(s.heal-firstEvent)))
}

func (s *scenario) drawEvents(r *rand.Rand) {
	for n, left := 0, 10+r.IntN(31); left > 0; {
		size := 1 + r.IntN(4)
		if r.IntN(4) == 0 {
			size = min(left, 8+r.IntN(12)) // a burst
		}
		size = min(size, left)
		one := batch{at: s.between(r), place: r.IntN(len(s.skews))}
		publisher := []string{"pub_1", "pub_2"}[r.IntN(2)]
		for range size {
			n++
			one.events = append(one.events, produced{fmt.Sprintf("e%d", n), publisher, fmt.Sprintf("g%d", r.IntN(3))})
		}
		if r.IntN(5) == 0 {
			one.cancel = time.Duration(1 + r.Int64N(int64(400*time.Microsecond)))
		}
		s.batches = append(s.batches, one)
		left -= size
	}
	slices.SortFunc(s.batches, func(a, b batch) int { return int(a.at - b.at) })
}

// drawBacklog has one endpoint slow down, and then everything that it got before is
// replayed, while others get new events.
func (s *scenario) drawBacklog(place int) {
	s.add("pub_3", slowing)
	var burst batch
	for i := range 30 {
		burst.events = append(burst.events, produced{fmt.Sprintf("b%d", i), "pub_3", "g1"})
	}
	burst.at, burst.place = firstEvent, place
	s.batches = append([]batch{burst}, s.batches...)
	s.replays = append(s.replays, replayed{at: s.heal / 2, place: place, publisher: "pub_3"})
}

// crowd is a backlog of two hundred, with new events for others all the time.
func (s *scenario) crowd() {
	s.drawBacklog(0)
	for i := range 170 {
		s.batches[0].events = append(s.batches[0].events, produced{fmt.Sprintf("c%d", i), "pub_3", "g1"})
	}
	for i := range 20 {
		at := s.heal/2 + time.Duration(i)*100*time.Millisecond
		s.batches = append(s.batches, batch{at: at, events: []produced{{fmt.Sprintf("n%d", i), "pub_2", "g1"}}})
	}
}

func (s *scenario) drawReplays(r *rand.Rand) {
	for range r.IntN(3) {
		one := replayed{at: s.between(r), place: r.IntN(len(s.skews)), one: r.IntN(2) == 0}
		if r.IntN(3) == 0 {
			one.rate = 5
		}
		s.replays = append(s.replays, one)
	}
}

func (s *scenario) drawFaults(r *rand.Rand) {
	some := func(most int) (all []time.Duration) {
		for range r.IntN(most + 1) {
			all = append(all, s.between(r))
		}
		return all
	}
	if r.IntN(2) == 0 {
		s.crashes = some(3)
	}
	if r.IntN(4) == 0 {
		s.wipes = some(2)
	}
	if r.IntN(4) == 0 {
		s.losses = some(2)
	}
	if r.IntN(2) == 0 {
		s.errors = 0.05 * r.Float64()
	}
	if r.IntN(4) == 0 {
		s.stalls = 0.02 * r.Float64()
	}
	if r.IntN(3) == 0 {
		for place := range s.skews {
			s.skews[place] = time.Duration(r.Int64N(int64(20*time.Second))) - 10*time.Second
		}
	}
	for _, over := range []boundary{toLedger, toQueue, toLimits} {
		if r.IntN(4) == 0 {
			from := s.between(r)
			s.outages = append(s.outages, outage{from: from, to: min(from+time.Duration(r.Int64N(int64(4*time.Second))), s.heal), boundary: over, share: 0.3 + 0.7*r.Float64()})
		}
	}
}

// spec is how an endpoint is made.
func (e *endpoint) spec() postback.EndpointSpec {
	spec := postback.EndpointSpec{
		Publisher: e.publisher, Scheme: "standard-webhooks",
		EndpointSettings: postback.EndpointSettings{
			URL: "https://receiver.example.com/" + e.publisher, Timeout: postback.Duration(timeout),
			Retry: postback.RetryPolicy{Schedule: []postback.Duration{
				postback.Duration(500 * time.Millisecond), postback.Duration(time.Second), postback.Duration(3 * time.Second), postback.Duration(5 * time.Second),
				postback.Duration(5 * time.Second),
			}},
		},
	}
	switch e.kind {
	case limited:
		spec.RateLimit = &postback.RateLimit{PerSecond: 5, Burst: 2}
	case ordered:
		spec.OrderBy = "group"
	case sealed:
		spec.Retry.MaxAge = postback.Duration(maxAge)
	case healthy, slowing, failing, hanging, dripping, flaky, gone, paused, changed, deleted:
	}
	return spec
}
