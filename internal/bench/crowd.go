package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The scenarios of many endpoints that behave alike, beside the healthy ones;
// [ScenarioReplay] and [ScenarioBurst] are others.
const (
	// ScenarioDrip: endpoints of as many publishers answer 200 at once, and
	// their bodies never end.
	ScenarioDrip = "drip"
	// ScenarioPublisher: all endpoints of one publisher hang, and each of its
	// events goes to all of them.
	ScenarioPublisher = "publisher"
	// ScenarioHealthy: as many endpoints as drip, with as many events, answer at
	// once. What it costs the others is what the load costs, and nobody's fault.
	ScenarioHealthy = "healthy"
)

const (
	// few and hanging are how many endpoints a crowd has.
	few     = 8
	hanging = 64
	// drip is the time between two bytes of a body that never ends.
	drip = 100 * time.Millisecond
)

// Scenarios lists what Isolation.Scenarios may name.
func Scenarios() []string {
	return []string{ScenarioHealthy, ScenarioDrip, ScenarioPublisher, ScenarioReplay, ScenarioBurst}
}

// checkScenarios says what is wrong, by the name of the flag.
func checkScenarios(names []string) error {
	for place, name := range names {
		if !slices.Contains(Scenarios(), name) || slices.Contains(names[:place], name) {
			return fmt.Errorf("scenarios: invalid list %q: use each of %s at most once", strings.Join(names, ","), strings.Join(Scenarios(), ", "))
		}
	}
	return nil
}

// scenarioTitle names the phase of a scenario.
func scenarioTitle(name string) string {
	switch name {
	case ScenarioHealthy:
		return fmt.Sprintf("%d more", few)
	case ScenarioDrip:
		return fmt.Sprintf("%d drip", few)
	case ScenarioReplay:
		return "one is replayed"
	case ScenarioBurst:
		return "one gets bursts"
	default:
		return fmt.Sprintf("%d of one hang", hanging)
	}
}

// crowdFor makes the endpoints of a scenario. Those that misbehave get as many deliveries as
// all healthy endpoints together.
func (i *isolation) crowdFor(ctx context.Context, scenario string) (*part, error) {
	p := &part{rate: i.plan.Rate, deliveries: 1}
	size := few
	switch scenario {
	case ScenarioReplay:
		return i.replayPart(), nil
	case ScenarioBurst:
		return i.burstPart(ctx)
	case ScenarioHealthy:
		p.offender = &i.offenders.takes
	case ScenarioPublisher:
		p.offender, p.rate, p.deliveries = &i.offenders.hangs, i.plan.Rate/hanging, hanging
		size = hanging
	default:
		p.offender = &i.offenders.drips
	}
	for number := range size {
		publisher := fmt.Sprintf("%s-%s-%d", i.naming.run, scenario, i.turns)
		if scenario != ScenarioPublisher {
			publisher += fmt.Sprintf("-%d", number)
		}
		id, err := i.makeOffender(ctx, p.offender, publisher)
		if err != nil {
			return nil, err
		}
		p.ids = append(p.ids, id)
		if !slices.Contains(p.publishers, publisher) {
			p.publishers = append(p.publishers, publisher)
		}
	}
	return p, nil
}

// dribble answers 200 at once, and lets the body drip until its client gives
// up, or all are released.
func (o *offenders) dribble(w http.ResponseWriter, request *http.Request) {
	defer o.drips.leave()
	if o.drips.enter() > maxHeld || !swallow(w, request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	ticker := time.NewTicker(drip)
	defer ticker.Stop()
	flush := http.NewResponseController(w).Flush
	for gate := o.gate(); ; {
		if _, err := io.WriteString(w, "x"); err != nil || flush() != nil {
			return
		}
		select {
		case <-ticker.C:
		case <-gate:
			return
		case <-request.Context().Done():
			return
		}
	}
}
