package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybillhq/waybill/client"
)

// mercyPatience is how long the endpoint with the backlog may take to be probed
// when it is resumed.
const mercyPatience = 30 * time.Second

// part is what an offender plays in one turn of a phase.
type part struct {
	*offender

	ids, publishers []string // its endpoints, and whose events go to them
	deliveries      int      // that each event leads to
	rate            float64  // events per second
	accepted        atomic.Int64
	saw             seen

	begin   func(context.Context) error // what is done when its turn counts; nil for nothing more
	dismiss func(context.Context) error // what is done in the end; nil deletes the endpoints
}

// turn is a phase in one round.
type turn struct {
	phase phase

	start, from, to time.Duration // when the first healthy event was due, and those that count
	first, count    int           // of the healthy events, in the journal
	cast            []*part
	begin, end      snapshot
	most            peaks
	load            string
}

// turn sends the healthy load for the lead and for a length, and what the
// offenders get for the length, and waits for what the healthy ones are due.
func (i *isolation) turn(ctx context.Context, of phase, length time.Duration) (turn, error) {
	lead := i.plan.lead()
	one := turn{phase: of, first: i.measured, count: i.plan.events(lead + length), load: loadAverage()}
	i.measured += one.count
	i.turns++
	if err := i.castFor(ctx, &one); err != nil {
		return one, err
	}
	one.start = time.Duration(i.journal.now())
	one.from, one.to = one.start+lead, one.start+lead+length
	group, playing := errgroup.WithContext(ctx)
	healthy := i.healthyStream(one)
	group.Go(func() error { return healthy.run(playing) })
	group.Go(func() error { return i.play(playing, &one) })
	if err := group.Wait(); err != nil {
		return one, err
	}
	if err := i.awaitDeliveries(ctx); err != nil {
		return one, err
	}
	return one, i.dismiss(ctx, one.cast)
}

func (i *isolation) healthyStream(one turn) *stream {
	return &stream{
		api: i.api, journal: i.journal, rate: i.plan.Rate, count: one.count, each: 1, start: one.start,
		event: func(index int) client.Event { return i.dialect.event(i.naming, one.first+index, i.Endpoints) },
		sent:  func(index int, begun int64) { i.journal.answered(one.first+index, 1, begun) },
	}
}

// castFor makes the endpoints that misbehave in a turn.
func (i *isolation) castFor(ctx context.Context, one *turn) error {
	if one.phase.after {
		one.cast = []*part{i.hoarding(&part{offender: &i.offenders.hangs, deliveries: 1}, true)}
		return nil
	}
	if one.phase.scenario != "" {
		crowd, err := i.crowdFor(ctx, one.phase.scenario)
		one.cast = []*part{crowd}
		return err
	}
	if one.phase.share == 0 {
		return nil
	}
	hangs, others := i.plan.offences(one.phase.share)
	one.cast = []*part{
		{offender: &i.offenders.hangs, rate: hangs, deliveries: 1},
		{offender: &i.offenders.fails, rate: others, deliveries: 1},
		{offender: &i.offenders.slow, rate: others, deliveries: 1},
	}
	for _, p := range one.cast {
		if p.offender == &i.offenders.hangs && i.hoard != "" {
			i.hoarding(p, false).publishers = []string{i.backlog.publisher(0)}
			continue
		}
		publisher := fmt.Sprintf("%s-%s-%d", i.naming.run, p.name, i.turns)
		id, err := i.makeOffender(ctx, p.offender, publisher)
		if err != nil {
			return err
		}
		p.ids, p.publishers = []string{id}, []string{publisher}
	}
	return nil
}

// hoarding gives a part the endpoint with the backlog, which is resumed for the
// turn and then paused.
func (i *isolation) hoarding(p *part, well bool) *part {
	p.ids = []string{i.hoard}
	p.begin = func(ctx context.Context) error { return i.resume(ctx, well) }
	p.dismiss = func(ctx context.Context) error {
		_, err := i.api.PauseEndpoint(ctx, i.hoard)
		return err //nolint:wrapcheck // dismiss says what it was doing
	}
	return p
}

// play lets the offenders have their part from when the turn counts until its
// end.
func (i *isolation) play(ctx context.Context, one *turn) (err error) {
	pause(ctx, one.from-time.Duration(i.journal.now()))
	i.watch.reset()
	if one.begin, err = i.snapshot(ctx); err != nil {
		return err
	}
	i.watch.note(one.begin)
	for _, p := range one.cast {
		p.seen() // of the turn before
	}
	group, playing := errgroup.WithContext(ctx)
	for _, p := range one.cast {
		if p.begin != nil {
			group.Go(func() error { return p.begin(playing) })
		}
		bad := i.offences(p, one)
		group.Go(func() error { return bad.run(playing) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	pause(ctx, one.to-time.Duration(i.journal.now()))
	for _, p := range one.cast {
		p.saw = p.seen()
	}
	if one.end, err = i.snapshot(ctx); err != nil {
		return err
	}
	i.watch.note(one.end)
	one.most = i.watch.peaks()
	return ctx.Err()
}

// offences are the events for an offender in a turn.
func (i *isolation) offences(p *part, one *turn) *stream {
	count := int(p.rate * (one.to - one.from).Seconds())
	first := i.offended
	i.offended += count
	return &stream{
		api: i.bad, journal: i.journal, rate: p.rate, count: count, each: p.deliveries, start: one.from,
		event: func(index int) client.Event { return i.offence(first+index, p.publishers) },
		sent:  func(int, int64) { p.accepted.Add(1) },
	}
}

// offence is an event for one of an offender's publishers.
func (i *isolation) offence(index int, publishers []string) client.Event {
	event := i.dialect.event(naming{run: i.naming.run + "-bad"}, index, 1)
	event.Publisher = publishers[index%len(publishers)]
	return event
}

// resume lets the endpoint with the backlog have its deliveries again. The
// first is answered, so that its circuit is shut as it is when an endpoint goes
// down; all that follow hang, unless it is well.
func (i *isolation) resume(ctx context.Context, well bool) error {
	i.offenders.mercy.Store(true)
	i.offenders.well.Store(well)
	if _, err := i.api.ResumeEndpoint(ctx, i.hoard); err != nil {
		return fmt.Errorf("resume endpoint: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, mercyPatience)
	defer cancel()
	for i.offenders.mercy.Load() && ctx.Err() == nil {
		pause(ctx, glance)
	}
	if i.offenders.mercy.Load() {
		return errors.New("the endpoint with the backlog gets nothing though it was resumed")
	}
	return nil
}
