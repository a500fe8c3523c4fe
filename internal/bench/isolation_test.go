package bench_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/bench"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// brief is an isolation run of some seconds against an engine of its own.
func brief(t *testing.T) bench.Isolation {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	plan := bench.IsolationDefaults()
	plan.Program = []string{self, "serve"}
	plan.Rate, plan.Endpoints, plan.Shares, plan.Scenarios = 40, 6, []int{50}, nil
	plan.Duration, plan.Rounds, plan.Deadline, plan.Slow = time.Second, 2, time.Second, 100*time.Millisecond
	return plan
}

func TestIsolationCountsEveryHealthyDelivery(t *testing.T) {
	t.Parallel()
	plan := brief(t)
	plan.Redis, plan.Backlog, plan.MaxInFlight = testkit.StartRedis(t).URL(), 2500, postback.MaxInFlight
	report, err := bench.RunIsolation(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	// Once before the backlog and once when it is sent, and twice in each of two
	// phases, each after a quarter more that does not count.
	if got, want := report.Healthy, (bench.Healthy{Accepted: 2*45 + 4*25, Received: 2*45 + 4*25}); got != want {
		t.Errorf("healthy: %+v, want %+v", got, want)
	}
	if err := report.Verdict(0); err != nil {
		t.Error(err)
	}
	var names []string
	for _, phase := range report.Phases {
		names = append(names, phase.Name)
		if phase.Events != 40 || phase.EngineMost <= 0 || phase.RedisMost <= 0 {
			t.Errorf("%+v", phase)
		}
	}
	if got := strings.Join(names, ", "); got != "before the backlog, alone, 50 % hang, backlog is sent" {
		t.Fatalf("phases: %s", got)
	}
	checkOffenders(t, report.Phases[2].Offenders)
	if filled := report.Backlog; filled == nil || filled.Deliveries != 2500 || filled.EngineAfter <= 0 || filled.RedisAfter <= 0 || filled.LedgerAfter <= 0 {
		t.Errorf("backlog: %+v", filled)
	}
	checkIsolationText(t, report)
}

// checkOffenders checks what two rounds of half a second led to: with 40 events
// a second for 3 healthy endpoints, each other one gets 13.3 but the one that
// hangs, which gets as much as all together.
func checkOffenders(t *testing.T, all []bench.Offender) {
	t.Helper()
	if len(all) != 3 {
		t.Fatalf("got %+v", all)
	}
	for place, want := range []bench.Offender{
		{Name: "hangs", Rate: 66.7, Accepted: 66}, {Name: "fails", Rate: 13.3, Accepted: 12}, {Name: "slow", Rate: 13.3, Accepted: 12},
	} {
		got := all[place]
		if got.Name == "hangs" && (got.Requests < 1 || got.Most < 1) { // the others may get theirs later
			t.Errorf("it was not tried: %+v", got)
		}
		// It gets 128 slots, half of what a shard has for retries; one that was given
		// up may be noticed later than the next one comes.
		if got.Most > 200 {
			t.Errorf("it got too many slots: %+v", got)
		}
		got.Requests, got.Most = 0, 0
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func checkIsolationText(t *testing.T, report bench.IsolationReport) {
	t.Helper()
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"190 accepted, 190 delivered; 0 missing", "2500 deliveries parked", "p99 to alone", "50 % hang"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
	if _, err := json.Marshal(report); err != nil {
		t.Error(err)
	}
}

// An engine that loses a delivery, sends one twice or signs with another secret
// fails the run.
func TestIsolationFindsABrokenEngine(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"none", "loses", "repeats", "forges"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			plan := brief(t)
			plan.Program = append(plan.Program[:1], "broken", fault)
			plan.Rounds, plan.Duration = 1, 200*time.Millisecond
			if fault == "loses" || fault == "forges" { // it waits so long, and finds none
				plan.Patience = 200 * time.Millisecond
			}
			report, err := bench.RunIsolation(t.Context(), plan)
			if err != nil {
				t.Fatal(err)
			}
			got := report.Healthy
			found := map[string]int{"loses": got.Missing, "repeats": got.Repeated, "forges": int(got.Forged)}[fault]
			if verdict := report.Verdict(0); (verdict != nil) != (fault != "none") {
				t.Errorf("verdict %v on %+v", verdict, got)
			}
			if fault != "none" && found == 0 {
				t.Errorf("not found in %+v", got)
			}
		})
	}
}

func TestIsolationVerdictOfARatio(t *testing.T) {
	t.Parallel()
	report := bench.IsolationReport{Phases: []bench.Phase{{Name: "alone", Ratio: 1}, {Share: 10, Ratio: 1.1}, {Share: 50, Ratio: 1.3}}}
	if report.Worst() != 1.3 {
		t.Errorf("worst %g", report.Worst())
	}
	for maxRatio, fails := range map[float64]bool{0: false, 1.2: true, 1.3: false} {
		if err := report.Verdict(maxRatio); (err != nil) != fails {
			t.Errorf("at most %g: %v", maxRatio, err)
		}
	}
}
