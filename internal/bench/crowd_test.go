package bench_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/bench"
)

// Each scenario is a phase beside the healthy endpoints, whose deliveries all
// come, and its crowd gets what it is to get.
func TestCrowdsMisbehaveBesideTheHealthy(t *testing.T) {
	t.Parallel()
	plan := brief(t)
	plan.Shares, plan.Scenarios, plan.Rounds, plan.Duration, plan.Rate = nil, bench.Scenarios(), 1, time.Second, 64
	plan.Replay = 40
	report, err := bench.RunIsolation(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := report.Healthy, (bench.Healthy{Accepted: 6 * 80, Received: 6 * 80}); got != want {
		t.Errorf("healthy: %+v, want %+v", got, want)
	}
	want := []struct {
		name, scenario, offender string
		accepted                 int64
	}{{"alone", "", "", 0}, {"8 more", "healthy", "takes", 64}, {"8 drip", "drip", "drips", 64}, {"64 of one hang", "publisher", "hangs", 1}, {"one is replayed", "replay", "takes", 40}, {"one gets bursts", "burst", "takes", 64}}
	if len(report.Phases) != len(want) {
		t.Fatalf("%d phases", len(report.Phases))
	}
	for place, phase := range report.Phases {
		if phase.Name != want[place].name || phase.Scenario != want[place].scenario || phase.Events != 64 || phase.Ratio <= 0 {
			t.Errorf("got %+v", phase)
		}
		if place == 0 {
			continue
		}
		if len(phase.Offenders) != 1 {
			t.Fatalf("got %+v", phase.Offenders)
		}
		if got := phase.Offenders[0]; got.Name != want[place].offender || got.Accepted != want[place].accepted {
			t.Errorf("got %+v", got)
		}
	}
}

// A dripping body begins at once and ends only when all are let go.
func TestDripBeginsAndDoesNotEnd(t *testing.T) {
	t.Parallel()
	url, letGo := bench.OpenOffenders(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/drips", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadFull(response.Body, make([]byte, 3)); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", response.StatusCode, err)
	}
	letGo()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Error(err)
	}
}

func TestScenariosCountInTheVerdict(t *testing.T) {
	t.Parallel()
	report := bench.IsolationReport{Phases: []bench.Phase{{Name: "alone", Ratio: 1}, {Scenario: "replay", Ratio: 1.3}}}
	if err := report.Verdict(1.2); err == nil || report.Worst() != 1.3 {
		t.Errorf("worst %g, verdict %v", report.Worst(), err)
	}
}

func TestScenariosAreChecked(t *testing.T) {
	t.Parallel()
	for text, fails := range map[string]bool{"drip": false, "drip,publisher": false, "drip,drip": true, "flood": true, "": true} {
		plan := brief(t)
		plan.Shares, plan.Scenarios = nil, nil
		if text != "" {
			plan.Scenarios = strings.Split(text, ",")
		}
		if err := plan.Validate(); (err != nil) != fails {
			t.Errorf("%q: %v", text, err)
		}
	}
}
