package bench

import (
	"context"
	"fmt"
	"time"
)

// ScenarioBurst has a publisher's events come in one request each second, as many
// as all healthy endpoints get in it. Its endpoint answers at once.
const ScenarioBurst = "burst"

const burstEvery = time.Second

// burstPart makes the endpoint of a turn.
func (i *isolation) burstPart(ctx context.Context) (*part, error) {
	names := naming{run: fmt.Sprintf("%s-%s-%d", i.naming.run, ScenarioBurst, i.turns)}
	id, err := i.makeOffender(ctx, &i.offenders.takes, names.publisher(0))
	p := &part{offender: &i.offenders.takes, ids: []string{id}, deliveries: 1}
	p.begin = func(ctx context.Context) error { return i.bursts(ctx, p, names) }
	return p, err
}

// bursts sends what comes within a turn.
func (i *isolation) bursts(ctx context.Context, p *part, names naming) error {
	size := i.plan.events(burstEvery)
	bursts := &load{
		api: i.bad, dialect: i.dialect, naming: names, journal: newJournal(size * int(i.plan.slot()/burstEvery)),
		batch: size, endpoints: 1, limit: newLimit(float64(size)/burstEvery.Seconds(), size),
	}
	err := bursts.run(ctx, 1, 0)
	p.accepted.Store(bursts.journal.acceptances.Load())
	return err
}
