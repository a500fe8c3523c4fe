package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// ScenarioReplay has all deliveries of an endpoint, which ended before, replayed
// as fast as the engine replays.
const ScenarioReplay = "replay"

// history is the endpoint whose deliveries are replayed.
type history struct {
	naming   naming
	endpoint string
	job      string // of the turn under way
}

// replays is whether a phase replays.
func (i *isolation) replays() bool { return slices.Contains(i.plan.Scenarios, ScenarioReplay) }

// fillHistory delivers what the turns replay, to an endpoint that answers at
// once.
func (i *isolation) fillHistory(ctx context.Context) (err error) {
	i.history.naming = naming{run: i.naming.run + "-history"}
	if i.history.endpoint, err = i.makeOffender(ctx, &i.offenders.takes, i.history.naming.publisher(0)); err != nil {
		return err
	}
	if _, err := i.fill(ctx, i.history.naming, i.plan.Replay); err != nil {
		return err
	}
	if err := i.awaitHistory(ctx); err != nil {
		return err
	}
	return i.settle(ctx, []string{i.history.endpoint})
}

// awaitHistory waits until the endpoint got everything.
func (i *isolation) awaitHistory(ctx context.Context) error {
	seen, changed := int64(-1), time.Now()
	for seen < int64(i.plan.Replay) {
		if now := i.offenders.takes.requests.Load(); now != seen {
			seen, changed = now, time.Now()
		}
		if time.Since(changed) > i.Patience {
			return fmt.Errorf("the endpoint to replay got %d of %d deliveries, and none for %s", seen, i.plan.Replay, i.Patience)
		}
		if err := i.engine.failure(); err != nil {
			return err
		}
		pause(ctx, glance)
		if ctx.Err() != nil {
			return fmt.Errorf("wait for deliveries to replay: %w", ctx.Err())
		}
	}
	return nil
}

// replayPart is the replay of a turn.
func (i *isolation) replayPart() *part {
	p := &part{offender: &i.offenders.takes, ids: []string{i.history.endpoint}, deliveries: 1}
	p.begin = i.beginReplay
	p.dismiss = func(ctx context.Context) error { return i.endReplay(ctx, p) }
	return p
}

// beginReplay starts the job and waits until it has reopened something.
func (i *isolation) beginReplay(ctx context.Context) error {
	job, err := i.api.StartReplay(ctx, client.ReplayRequest{Filter: client.DeliveryFilter{
		Endpoint: postback.Given(i.history.endpoint), States: []postback.State{postback.Succeeded, postback.Dead},
	}})
	if err != nil {
		return fmt.Errorf("start replay: %w", err)
	}
	i.history.job = job.ID
	for patience := time.Now().Add(i.Patience); job.Replayed == 0; {
		if time.Now().After(patience) {
			return errors.New("the replay reopens nothing")
		}
		pause(ctx, glance)
		if job, err = i.api.ReplayProgress(ctx, job.ID); err != nil {
			return fmt.Errorf("look at replay: %w", err)
		}
	}
	return nil
}

// endReplay cancels what is left of the job and waits for what it reopened.
func (i *isolation) endReplay(ctx context.Context, p *part) error {
	_, err := i.api.CancelReplay(ctx, i.history.job)
	if problem, refused := errors.AsType[*client.Problem](err); err != nil && (!refused || problem.Code != postback.CodeConflict) {
		return fmt.Errorf("cancel replay: %w", err)
	}
	job, err := i.api.ReplayProgress(ctx, i.history.job)
	if err != nil {
		return fmt.Errorf("look at replay: %w", err)
	}
	p.accepted.Store(int64(job.Replayed))
	return i.settle(ctx, p.ids)
}
