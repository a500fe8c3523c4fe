package bench

import (
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Bounds of an isolation run.
const (
	MaxBacklog = 1_000_000
	MaxReplay  = 1_000_000
	MaxShare   = 90
	MaxRounds  = 50
	// MaxPhase bounds how long each phase is measured, over all rounds.
	MaxPhase = 10 * time.Minute
	// offending is how many endpoints misbehave: one hangs, one fails, one is slow.
	offending = 3
)

// Isolation says how to find out what bad endpoints cost the healthy ones.
// [IsolationDefaults] gives the ones that need no more than a Program.
type Isolation struct {
	// Program is the command that starts an engine: a program and the
	// arguments before its settings, such as "waybill", "serve".
	Program  []string
	Settings []string // more settings of Program, as flags
	Redis    string   // URL of the queue's Redis; empty is the embedded one
	Database string   // URL of the PostgreSQL ledger, with Redis; empty is the embedded one

	Rate      float64 // events per second for all healthy endpoints together
	Endpoints int     // all of them: one hangs, one fails at once, one is slow
	// Shares of the traffic that the endpoint that hangs gets, in percent: one
	// phase for each. All other endpoints share the rest evenly.
	Shares []int
	// Scenarios beside the shares, one phase for each.
	Scenarios []string
	Duration  time.Duration // how long each phase is measured, over all rounds
	Rounds    int           // the phases take turns so often
	Deadline  time.Duration // of an attempt to the endpoint that hangs
	Slow      time.Duration // that the slow endpoint takes to answer
	// MaxInFlight is how many attempts at once the endpoint that hangs asks for;
	// 0 leaves it to the engine.
	MaxInFlight int
	Replay      int           // deliveries that are replayed in the scenario of that name
	Backlog     int           // deliveries that are parked for the endpoint that hangs, before
	Scheme      string        // of the endpoints: one of Schemes
	Patience    time.Duration // without any delivery, until the missing ones count as lost
}

// IsolationDefaults is a run of about ten minutes.
func IsolationDefaults() Isolation {
	return Isolation{
		Rate: 200, Endpoints: 50, Shares: []int{10, 50}, Scenarios: Scenarios(), Duration: time.Minute, Rounds: 3,
		Deadline: postback.DefaultTimeout, Slow: 2 * time.Second, Replay: 60_000, Scheme: defaultScheme, Patience: time.Minute,
	}
}

// Validate says what is wrong, by the names of the flags.
func (i Isolation) Validate() error {
	for _, check := range []struct {
		name       string
		value      int
		least, max int
	}{
		{"endpoints", i.Endpoints, offending + 1, MaxEndpoints},
		{"rounds", i.Rounds, 1, MaxRounds},
		{"backlog", i.Backlog, 0, MaxBacklog},
		{"replay", i.Replay, 1, MaxReplay},
		{"shares", len(i.Shares) + len(i.Scenarios), 1, 10},
		{"max-in-flight", i.MaxInFlight, 0, postback.MaxInFlight},
	} {
		if check.value < check.least || check.value > check.max {
			return fmt.Errorf("%s: must be from %d to %d", check.name, check.least, check.max)
		}
	}
	for _, share := range i.Shares {
		if share < 1 || share > MaxShare {
			return fmt.Errorf("shares: each must be from 1 to %d percent", MaxShare)
		}
	}
	if err := checkScenarios(i.Scenarios); err != nil {
		return err
	}
	if i.Rate <= 0 || i.Rate > 10_000 {
		return fmt.Errorf("rate: must be more than 0 and at most 10000")
	}
	if err := i.validateTimes(); err != nil {
		return err
	}
	options := i.options()
	return options.Validate()
}

func (i Isolation) validateTimes() error {
	for _, check := range []struct {
		name              string
		value, least, max time.Duration
	}{
		{"duration", i.Duration, 100 * time.Millisecond, MaxPhase},
		{"deadline", i.Deadline, time.Second, postback.MaxTimeout},
		{"slow", i.Slow, 0, postback.DefaultTimeout},
	} {
		if check.value < check.least || check.value > check.max {
			return fmt.Errorf("%s: must be from %s to %s", check.name, check.least, check.max)
		}
	}
	return nil
}

// slot is how long a phase is measured in one round.
func (i Isolation) slot() time.Duration { return i.Duration / time.Duration(i.Rounds) }

// lead is how long the healthy load runs before a phase is measured.
func (i Isolation) lead() time.Duration { return min(2*time.Second, i.slot()/4) }

// healthy is how many endpoints are well.
func (i Isolation) healthy() int { return i.Endpoints - offending }

// events is how many the healthy endpoints get in a time.
func (i Isolation) events(length time.Duration) int {
	return max(1, int(i.Rate*length.Seconds()))
}

// offences is what the endpoints that misbehave get of events per second, when
// the one that hangs has that share (in percent) of all traffic: the two others
// get as much as each healthy one does.
func (i Isolation) offences(share int) (hangs, others float64) {
	if share == 0 {
		return 0, 0
	}
	others = i.Rate / float64(i.healthy())
	part := float64(share) / 100
	return part / (1 - part) * others * float64(i.Endpoints-1), others
}

// options are of the run that the healthy endpoints are.
func (i Isolation) options() Options {
	phases := len(i.Shares) + len(i.Scenarios) + 1
	total := phases * i.Rounds * (i.events(i.slot()) + i.events(i.lead()))
	if i.Backlog > 0 {
		total += 2 * (i.events(i.Duration) + i.events(i.lead()))
	}
	return Options{
		Program: i.Program, Settings: i.Settings, Redis: i.Redis, Database: i.Database,
		Events: total, Rate: i.Rate, Concurrency: senders, Batch: 1, Endpoints: i.healthy(), Scheme: i.Scheme,
		Verify: true, Patience: i.Patience,
	}
}
