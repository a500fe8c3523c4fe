package bench

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// IsolationReport is what an isolation run found. Latencies are of healthy
// endpoints alone, from the API's answer to the receipt of the valid request;
// sizes are in bytes, rates in events per second.
type IsolationReport struct {
	StartedAt time.Time         `json:"started_at"`
	Machine   Machine           `json:"machine"`
	Settings  IsolationSettings `json:"settings"`
	Healthy   Healthy           `json:"healthy"`
	Phases    []Phase           `json:"phases"`
	Backlog   *Backlog          `json:"backlog,omitempty"`
}

// IsolationSettings are what was asked for.
type IsolationSettings struct {
	Engine    string   `json:"engine"`
	Flags     []string `json:"engine_flags,omitempty"`
	Scheme    string   `json:"scheme"`
	Healthy   int      `json:"healthy_endpoints"`
	Rate      float64  `json:"rate"` // for all healthy endpoints together
	Rounds    int      `json:"rounds"`
	Slot      string   `json:"slot"` // how long a phase is measured in each round
	Lead      string   `json:"lead"` // healthy load before that
	Deadline  string   `json:"deadline"`
	SlowFor   string   `json:"slow"`
	InFlight  int      `json:"max_in_flight,omitempty"` // that the one that hangs asks for
	Backlog   int      `json:"backlog"`
	Replay    int      `json:"replay,omitempty"` // deliveries of the endpoint that is replayed
	Shares    []int    `json:"shares"`
	Scenarios []string `json:"scenarios,omitempty"`
	Endpoints int      `json:"endpoints"`
}

// Healthy counts the deliveries of the healthy endpoints in all phases, with
// what was sent before each was measured.
type Healthy struct {
	Accepted  int   `json:"accepted"`
	Received  int   `json:"received"` // different ones
	Missing   int   `json:"missing"`
	Repeated  int   `json:"repeated"`
	Forged    int64 `json:"forged"`    // invalid signatures
	Strangers int64 `json:"strangers"` // requests of no event of this run
}

// Phase is one phase, over all its rounds.
type Phase struct {
	Name     string  `json:"name"`
	Share    int     `json:"hanging_percent"` // of all traffic; 0 without bad endpoints
	Scenario string  `json:"scenario,omitempty"`
	Events   int     `json:"events"` // that count
	Latency  Latency `json:"latency"`
	// Until and Then are the part in which no attempt to the endpoint that
	// hangs had reached its deadline, and the rest of each round; nil when a
	// round is too short for both.
	Until *Latency `json:"until_deadline,omitempty"`
	Then  *Latency `json:"after_deadline,omitempty"`
	// Due is from when the event was to be sent to its receipt, Answer the time
	// that the API took, Late how late requests were begun.
	Due    Latency `json:"from_due"`
	Answer Latency `json:"answer"`
	Late   Latency `json:"late"`

	Rounds      []Round `json:"rounds"`
	Ratio       float64 `json:"p99_ratio"`        // to the healthy endpoints alone
	MedianRatio float64 `json:"p99_ratio_median"` // over rounds, each to its own

	Offenders   []Offender `json:"offenders,omitempty"`
	EngineCPU   float64    `json:"engine_cpu_percent"` // of one core
	Starved     float64    `json:"starved_percent"`    // time the engine's threads together waited for a core
	EngineMost  int64      `json:"engine_memory_most"`
	RedisBefore int64      `json:"redis_memory_before,omitempty"` // when the first round began
	RedisMost   int64      `json:"redis_memory_most,omitempty"`
}

// Round is a phase in one round.
type Round struct {
	Events  int     `json:"events"`
	Latency Latency `json:"latency"`
	Ratio   float64 `json:"p99_ratio"` // to the healthy endpoints alone in the same round
	Load    string  `json:"load"`      // average when it began
}

// Offender is an endpoint that misbehaves, over all rounds of a phase.
type Offender struct {
	Name     string  `json:"name"`
	Rate     float64 `json:"rate"`
	Accepted int64   `json:"accepted"`
	Requests int64   `json:"requests"`
	Most     int64   `json:"at_once"` // requests under way at most
}

func (i *isolation) settings() IsolationSettings {
	base := i.run.settings()
	settings := IsolationSettings{
		Engine: base.Engine, Flags: base.Flags, Scheme: base.Scheme, Healthy: base.Endpoints, Rate: i.plan.Rate,
		Rounds: i.plan.Rounds, Slot: i.plan.slot().String(), Lead: i.plan.lead().String(),
		Deadline: i.plan.Deadline.String(), SlowFor: i.plan.Slow.String(), InFlight: i.plan.MaxInFlight, Backlog: i.plan.Backlog,
		Shares: i.plan.Shares, Scenarios: i.plan.Scenarios, Endpoints: i.plan.Endpoints,
	}
	if i.replays() {
		settings.Replay = i.plan.Replay
	}
	return settings
}

// report works out the figures.
func (i *isolation) report(report *IsolationReport, turns []turn) {
	found := i.journal.findings()
	report.Healthy = Healthy{
		Accepted: found.accepted, Received: found.received, Missing: found.accepted - found.received,
		Repeated: found.repeated, Forged: i.sink.forged.Load(), Strangers: i.sink.strangers.Load(),
	}
	for _, of := range i.allPhases() {
		rounds := slices.DeleteFunc(slices.Clone(turns), func(t turn) bool { return t.phase != of })
		report.Phases = append(report.Phases, i.phaseOf(of, rounds))
	}
	compare(report.Phases)
}

// allPhases are those of the rounds and what comes before and after them.
func (i *isolation) allPhases() []phase {
	phases := i.phases()
	if i.plan.Backlog > 0 {
		phases = append(append([]phase{{before: true}}, phases...), phase{after: true})
	}
	return phases
}

func (i *isolation) phaseOf(of phase, turns []turn) Phase {
	found := Phase{Name: of.name(), Share: of.share, Scenario: of.scenario}
	var all spread
	for _, one := range turns {
		taken := i.spread(one)
		all.add(taken)
		found.Rounds = append(found.Rounds, Round{Events: len(taken.receipt), Latency: LatencyOf(taken.receipt), Load: one.load})
		found.EngineMost, found.RedisMost = max(found.EngineMost, one.most.engine), max(found.RedisMost, one.most.queue)
	}
	found.Events, found.Latency = len(all.receipt), LatencyOf(all.receipt)
	found.Due, found.Answer, found.Late = LatencyOf(all.due), LatencyOf(all.answer), LatencyOf(all.late)
	if len(all.until) > 0 && len(all.then) > 0 {
		until, then := LatencyOf(all.until), LatencyOf(all.then)
		found.Until, found.Then = &until, &then
	}
	found.Offenders = offendersOf(turns)
	found.use(turns)
	return found
}

// use adds up what the engine used in the turns.
func (p *Phase) use(turns []turn) {
	var cpu, starved, length time.Duration
	for place, one := range turns {
		if one.begin.engine != nil && one.end.engine != nil {
			cpu += one.end.engine.cpu - one.begin.engine.cpu
			starved += one.end.engine.starved - one.begin.engine.starved
			length += one.end.at - one.begin.at
		}
		if place == 0 && one.begin.queue != nil {
			p.RedisBefore = one.begin.queue.memory
		}
	}
	p.EngineCPU, p.Starved = percent(cpu, length), percent(max(0, starved), length)
}

func offendersOf(turns []turn) []Offender {
	var found []Offender
	for _, one := range turns {
		if found == nil && len(one.cast) > 0 {
			found = make([]Offender, len(one.cast))
		}
		for place, p := range one.cast {
			found[place].Name, found[place].Rate = p.name, math.Round(p.rate*10)/10
			found[place].Accepted += p.accepted.Load()
			found[place].Requests += p.saw.requests
			found[place].Most = max(found[place].Most, p.saw.most)
		}
	}
	return found
}

// spread is what was noted of the healthy events of turns that count.
type spread struct {
	receipt     []time.Duration // from the answer to the receipt, zero when that came first
	until, then []time.Duration // of those, the ones before and after the deadline
	due         []time.Duration // from when it was to be sent to the receipt
	answer      []time.Duration // from the request to its answer
	late        []time.Duration // from when it was to be sent to the request
}

func (s *spread) add(other spread) {
	s.receipt = append(s.receipt, other.receipt...)
	s.until, s.then = append(s.until, other.until...), append(s.then, other.then...)
	s.due = append(s.due, other.due...)
	s.answer, s.late = append(s.answer, other.answer...), append(s.late, other.late...)
}

func (i *isolation) spread(one turn) spread {
	var found spread
	for place := range one.count {
		due := one.start + dueAfter(place, i.plan.Rate)
		begun, accepted, received := i.journal.times(one.first + place)
		if due < one.from || accepted == 0 || received == 0 {
			continue
		}
		latency := max(0, received-accepted)
		found.receipt = append(found.receipt, latency)
		if due < one.from+i.plan.Deadline {
			found.until = append(found.until, latency)
		} else {
			found.then = append(found.then, latency)
		}
		found.due = append(found.due, received-due)
		found.answer = append(found.answer, accepted-begun)
		found.late = append(found.late, begun-due)
	}
	return found
}

// compare relates every phase to the healthy endpoints alone, as a whole and
// round by round.
func compare(phases []Phase) {
	alone := slices.IndexFunc(phases, func(p Phase) bool { return p.Name == phase{}.name() })
	if alone < 0 {
		return
	}
	base := phases[alone]
	for place := range phases {
		p := &phases[place]
		p.Ratio = ratio(p.Latency.P99, base.Latency.P99)
		var ratios []float64
		for at := range min(len(p.Rounds), len(base.Rounds)) {
			p.Rounds[at].Ratio = ratio(p.Rounds[at].Latency.P99, base.Rounds[at].Latency.P99)
			ratios = append(ratios, p.Rounds[at].Ratio)
		}
		p.MedianRatio = median(ratios)
	}
}

// ratio is zero to nothing.
func ratio(value, base float64) float64 {
	if base == 0 {
		return 0
	}
	return math.Round(value/base*100) / 100
}

// median is the lower one of two; zero of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// Worst is the highest ratio of a phase's p99 to that of the healthy endpoints
// alone.
func (r IsolationReport) Worst() float64 {
	worst := 0.0
	for _, one := range r.Phases {
		if one.Share > 0 || one.Scenario != "" {
			worst = max(worst, one.Ratio)
		}
	}
	return worst
}

// Verdict is an error when a healthy delivery did not come, or came twice, or
// anything else came, and when a phase's ratio is above maxRatio, unless that is
// zero.
func (r IsolationReport) Verdict(maxRatio float64) error {
	h := r.Healthy
	if h.Missing != 0 || h.Repeated != 0 || h.Forged != 0 || h.Strangers != 0 {
		return fmt.Errorf("of %d healthy deliveries %d are missing, %d came again, %d are forged and %d are none of this run",
			h.Accepted, h.Missing, h.Repeated, h.Forged, h.Strangers)
	}
	if maxRatio > 0 && r.Worst() > maxRatio {
		return fmt.Errorf("a p99 is %.2f times the one alone, more than %g", r.Worst(), maxRatio)
	}
	return nil
}
