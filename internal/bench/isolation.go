package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// isolation is one run: the healthy endpoints are those of the run within it.
type isolation struct {
	*run

	plan      Isolation
	offenders *offenders
	bad       *client.Client // sends what the offenders get, on its own connections
	watch     *watch
	backlog   naming // of the events that wait, and of their publisher
	hoard     string // the endpoint that they wait for; empty without a backlog
	history   history
	measured  int // healthy events of the phases so far
	offended  int // events for offenders so far, without the backlog
	turns     int // so far
}

// RunIsolation measures what bad endpoints cost the healthy ones. The report is
// complete when the error is nil; deliveries that are missing at the end are
// part of it and no error.
func RunIsolation(ctx context.Context, plan Isolation) (report IsolationReport, err error) {
	if err := plan.Validate(); err != nil {
		return IsolationReport{}, err
	}
	i := &isolation{run: newRun(plan.options()), plan: plan, offenders: newOffenders(plan.Slow)}
	err = i.within(ctx, func(ctx context.Context) error {
		if err := i.open(ctx); err != nil {
			return err
		}
		report, err = i.measure(ctx)
		return err
	})
	return report, err
}

// open makes the parts. Those that hang are released before the engine is
// stopped, or it would wait for them.
func (i *isolation) open(ctx context.Context) (err error) {
	if err := i.offenders.open(ctx); err != nil {
		return err
	}
	i.onClose(i.offenders.close)
	if err := i.run.open(ctx); err != nil {
		return err
	}
	if i.bad, err = i.newClient(); err != nil {
		return err
	}
	i.onClose(func(context.Context) error { i.offenders.release(); return nil })
	i.watch = startWatch(ctx, i.run)
	i.onClose(func(context.Context) error { return i.watch.close() })
	return nil
}

// measure runs the phases in turns, so that what else the machine does falls on
// all of them alike.
func (i *isolation) measure(ctx context.Context) (IsolationReport, error) {
	report := IsolationReport{StartedAt: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Settings: i.settings()}
	var turns []turn
	play := func(of phase, length time.Duration) error {
		one, err := i.turn(ctx, of, length)
		turns = append(turns, one)
		return err
	}
	if i.plan.Backlog > 0 {
		if err := play(phase{before: true}, i.plan.Duration); err != nil {
			return report, err
		}
		var err error
		if report.Backlog, err = i.fillBacklog(ctx); err != nil {
			return report, err
		}
	}
	if i.replays() {
		if err := i.fillHistory(ctx); err != nil {
			return report, err
		}
	}
	phases := i.phases()
	for round := range i.plan.Rounds {
		for place := range phases {
			if err := play(phases[(round+place)%len(phases)], i.plan.slot()); err != nil {
				return report, err
			}
		}
	}
	if i.plan.Backlog > 0 { // at last, since it leaves less of it
		if err := play(phase{after: true}, i.plan.Duration); err != nil {
			return report, err
		}
	}
	report.Machine.LoadAfter = loadAverage()
	i.report(&report, turns)
	return report, ctx.Err()
}

// phase is what is measured again in each round.
type phase struct {
	share  int  // of the traffic that the endpoint that hangs gets, in percent; 0 is the healthy ones alone
	before bool // alone, before the backlog is there
	after  bool // the endpoint with the backlog answers again, at once

	scenario string // of many endpoints that misbehave alike; empty for none
}

func (p phase) name() string {
	switch {
	case p.before:
		return "before the backlog"
	case p.after:
		return "backlog is sent"
	case p.scenario != "":
		return scenarioTitle(p.scenario)
	case p.share == 0:
		return "alone"
	default:
		return fmt.Sprintf("%d %% hang", p.share)
	}
}

func (i *isolation) phases() []phase {
	phases := []phase{{}}
	for _, share := range i.plan.Shares {
		phases = append(phases, phase{share: share})
	}
	for _, scenario := range i.plan.Scenarios {
		phases = append(phases, phase{scenario: scenario})
	}
	return phases
}

// makeOffender makes an endpoint that misbehaves.
func (i *isolation) makeOffender(ctx context.Context, one *offender, publisher string) (id string, err error) {
	spec := client.EndpointSpec{
		Publisher: publisher, Scheme: i.Scheme,
		EndpointSettings: postback.EndpointSettings{
			URL:     i.offenders.url + "/" + one.name + i.dialect.query,
			Timeout: postback.Duration(i.plan.Deadline), Description: "made by waybill bench",
		},
	}
	if one == &i.offenders.hangs {
		spec.MaxInFlight = i.plan.MaxInFlight
	}
	made, err := i.api.CreateEndpoint(ctx, spec)
	if err != nil {
		return "", fmt.Errorf("make endpoint: %w", err)
	}
	return made.ID, nil
}

// settle waits until nothing is due or parked for endpoints.
func (i *isolation) settle(ctx context.Context, ids []string) error {
	deadline := time.Now().Add(i.Patience)
	for _, id := range ids {
		filter := client.DeliveryFilter{Endpoint: postback.Given(id), States: []postback.State{postback.Pending, postback.Parked}}
		for {
			page, err := i.api.ListDeliveries(ctx, filter, client.PageRequest{Limit: 1})
			if err != nil {
				return fmt.Errorf("look for what is left of a phase: %w", err)
			}
			if len(page.Items) == 0 {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("deliveries of an endpoint that misbehaved are %s after %s", page.Items[0].State, i.Patience)
			}
			pause(ctx, 10*glance)
		}
	}
	return ctx.Err()
}

// dismiss deletes the endpoints of a phase that misbehave, but of parts that are
// dismissed in another way.
func (i *isolation) dismiss(ctx context.Context, cast []*part) error {
	var failed []error
	var deleted []string
	for _, one := range cast {
		if one.dismiss != nil {
			failed = append(failed, one.dismiss(ctx))
			continue
		}
		for _, id := range one.ids {
			deleted = append(deleted, id)
			failed = append(failed, i.api.DeleteEndpoint(ctx, id))
		}
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("dismiss endpoints: %w", err)
	}
	i.offenders.release()
	err := i.settle(ctx, deleted)
	pause(ctx, i.plan.lead())
	i.offenders.well.Store(false)
	return err
}
