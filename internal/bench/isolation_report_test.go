package bench_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/bench"
)

func TestIsolationValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*bench.Isolation)
		want   string // in the error; empty for none
	}{
		{"defaults", func(*bench.Isolation) {}, ""},
		{"a million parked", func(i *bench.Isolation) { i.Backlog = 1_000_000 }, ""},
		{"more parked", func(i *bench.Isolation) { i.Backlog = 1_000_001 }, "backlog: "},
		{"nothing to replay", func(i *bench.Isolation) { i.Replay = 0 }, "replay: "},
		{"no healthy endpoint", func(i *bench.Isolation) { i.Endpoints = 3 }, "endpoints: "},
		{"no rounds", func(i *bench.Isolation) { i.Rounds = 0 }, "rounds: "},
		{"no shares", func(i *bench.Isolation) { i.Shares, i.Scenarios = nil, nil }, "shares: "},
		{"all traffic hangs", func(i *bench.Isolation) { i.Shares = []int{10, 100} }, "shares: "},
		{"no share", func(i *bench.Isolation) { i.Shares = []int{0} }, "shares: "},
		{"no rate", func(i *bench.Isolation) { i.Rate = 0 }, "rate: "},
		{"too long", func(i *bench.Isolation) { i.Duration = time.Hour }, "duration: "},
		{"more events than a run may have", func(i *bench.Isolation) { i.Rate, i.Duration = 10_000, 10*time.Minute }, "events: "},
		{"deadline that no endpoint may have", func(i *bench.Isolation) { i.Deadline = time.Hour }, "deadline: "},
		{"slower than its deadline", func(i *bench.Isolation) { i.Slow = time.Minute }, "slow: "},
		{"more places than may be asked for", func(i *bench.Isolation) { i.MaxInFlight = 1025 }, "max-in-flight: "},
		{"unknown scheme", func(i *bench.Isolation) { i.Scheme = "carrier-pigeon" }, "scheme: "},
		{"Redis elsewhere", func(i *bench.Isolation) { i.Redis = "redis://:hidden@redis.example.com:6379" }, "redis: must be on this machine"},
		{"PostgreSQL without Redis", func(i *bench.Isolation) { i.Database = "postgres://u:hidden@127.0.0.1/x" }, "database: belongs to"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			plan := bench.IsolationDefaults()
			plan.Program = []string{"waybill", "serve"}
			tt.change(&plan)
			err := plan.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hidden") {
				t.Errorf("the error repeats a password: %v", err)
			}
		})
	}
}

// Whatever the share, the endpoint that hangs gets it of all traffic, and the
// two others as much as a healthy one.
func TestOffencesAreAShareOfAllTraffic(t *testing.T) {
	t.Parallel()
	plan := bench.IsolationDefaults()
	for _, share := range []int{1, 10, 50, 90} {
		hangs, others := bench.Offences(plan, share)
		if each := plan.Rate / 47; math.Abs(others-each) > 1e-9 {
			t.Errorf("%d %%: others get %g, healthy ones %g", share, others, each)
		}
		if got := hangs / (hangs + 2*others + plan.Rate); math.Abs(got-float64(share)/100) > 1e-9 {
			t.Errorf("%d %%: it gets %g of all", share, got)
		}
	}
}

func TestIsolationArithmetic(t *testing.T) {
	t.Parallel()
	const ms, s = time.Millisecond, time.Second
	plan := bench.IsolationDefaults()
	plan.Rate, plan.Duration, plan.Rounds, plan.Deadline, plan.Shares, plan.Scenarios = 2, 4*s, 1, s, []int{50}, nil
	// Two events a second from 10 s on; what is due in the first half second
	// (a lead that the turn has) does not count.
	at := func(start time.Duration, late, answer, delivery time.Duration) bench.Times {
		return bench.Times{Begun: start + late, Accepted: start + late + answer, Received: start + late + answer + delivery}
	}
	alone := []bench.Times{
		at(10*s, 0, 9*s, 9*s), at(10*s+500*ms, ms, 2*ms, 10*ms), at(11*s, ms, 2*ms, 20*ms), at(11*s+500*ms, ms, 4*ms, -ms),
	}
	beside := []bench.Times{
		at(20*s, 0, 9*s, 9*s), at(20*s+500*ms, ms, 2*ms, 15*ms), at(21*s, 2*ms, 2*ms, 30*ms), {}, at(22*s, ms, 2*ms, 5*ms),
	}
	before := bench.Sample{At: 10 * s, Engine: s, Queue: 1000}
	after := bench.Sample{At: 12 * s, Engine: 2 * s, Queue: 3000}
	got := bench.FillIsolation(plan, []bench.Played{
		{Share: 0, Start: 10 * s, Lead: 500 * ms, Noted: alone, Begin: before, End: after},
		{Share: 50, Start: 20 * s, Lead: 500 * ms, Noted: beside, Begin: before, End: after, Most: 5000},
	})
	if want := (bench.Healthy{Accepted: 8, Received: 8}); got.Healthy != want {
		t.Errorf("healthy: %+v", got.Healthy)
	}
	if len(got.Phases) != 2 {
		t.Fatalf("phases: %+v", got.Phases)
	}
	base, bad := got.Phases[0], got.Phases[1]
	if base.Events != 3 || base.Latency != (bench.Latency{P50: 10, P90: 20, P99: 20, Max: 20}) || base.Ratio != 1 || base.MedianRatio != 1 {
		t.Errorf("alone: %+v", base)
	}
	if base.Due.Max != 23 || base.Late.Max != 1 || base.Answer.Max != 4 || base.Until == nil || base.Until.Max != 20 || base.Then == nil || base.Then.Max != 0 {
		t.Errorf("alone: %+v", base)
	}
	if bad.Events != 3 || bad.Latency.P99 != 30 || bad.Ratio != 1.5 || bad.MedianRatio != 1.5 || bad.Rounds[0].Ratio != 1.5 || bad.Late.Max != 2 {
		t.Errorf("beside: %+v", bad)
	}
	if bad.EngineCPU != 50 || bad.RedisBefore != 1000 || bad.RedisMost != 5000 {
		t.Errorf("used: %+v", bad)
	}
}
