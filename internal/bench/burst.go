package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/client"
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
	begun := time.Now()
	for number := range int(i.plan.slot() / burstEvery) {
		pause(ctx, time.Until(begun.Add(time.Duration(number)*burstEvery)))
		batch := make([]client.Event, i.plan.events(burstEvery))
		for place := range batch {
			batch[place] = i.dialect.event(names, number*len(batch)+place, 1)
		}
		results, err := i.bad.SendBatch(ctx, batch)
		if err != nil {
			return fmt.Errorf("send a burst: %w", err)
		}
		if err := checkResults(results, len(batch)); err != nil {
			return err
		}
		p.accepted.Add(int64(len(results)))
	}
	return nil
}
