package sim_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/storetest"
)

// gated is the ledger as one process has it: a real one, every call to which
// waits at the gate.
type gated struct {
	storetest.Ledger
	world   *world
	process *process
}

// over carries a call that may change something over the gate.
func over[T any](ctx context.Context, g gated, quiet bool, what string, do func(context.Context) (T, error)) (T, error) {
	return cross(ctx, g, quiet, what, func(ctx context.Context) (T, error) {
		g.world.changes++ // perhaps
		return do(ctx)
	})
}

// counted is over for a call that says how many rows it changed. With none, all
// answers are as before.
func counted(ctx context.Context, g gated, quiet bool, what string, do func(context.Context) (int, error)) (int, error) {
	return cross(ctx, g, quiet, what, func(ctx context.Context) (int, error) {
		n, err := do(ctx)
		if n > 0 || err != nil {
			g.world.changes++
		}
		return n, err
	})
}

// reading is over for what is read again and again: as long as nothing changed
// the answer is the one before.
func reading[T any](ctx context.Context, g gated, what string, do func(context.Context) (T, error)) (T, error) {
	return cross(ctx, g, true, what, func(ctx context.Context) (T, error) {
		return remembered(g.world, what, func() (T, error) { return do(ctx) })
	})
}

// cross carries a call to the ledger over the gate.
func cross[T any](ctx context.Context, g gated, quiet bool, what string, do func(context.Context) (T, error)) (T, error) {
	var answer, none T
	r := request{process: g.process, boundary: toLedger, name: g.process.name + " ledger " + what, quiet: quiet}
	err := g.world.cross(ctx, r, func() (err error) {
		answer, err = do(context.WithoutCancel(ctx))
		return err
	})
	if err != nil {
		return none, err
	}
	return answer, nil
}

// remembered spares asking the ledger again while nothing has changed.
func remembered[T any](w *world, what string, ask func() (T, error)) (T, error) {
	if last, read := w.readings[what]; read && last.changes == w.changes && !w.asks {
		answer, _ := last.answer.(T)
		return answer, nil
	}
	answer, err := ask()
	if err == nil {
		w.readings[what] = known{w.changes, answer}
	}
	return answer, err
}

// known is an answer, and how much had changed before.
type known struct {
	changes int
	answer  any
}

// done is over for a call without an answer.
func done(ctx context.Context, g gated, what string, do func(context.Context) error) error {
	_, err := over(ctx, g, false, what, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) })
	return err
}

func (g gated) Accept(ctx context.Context, items []postback.Acceptance) ([]postback.Acceptance, error) {
	names := make([]string, len(items))
	for i, item := range items {
		names[i] = item.Event.ID
		g.world.names.deliveries(item)
	}
	if g.world.scenario.has(cutOff) {
		ctx = g.world.producerOf(ctx, items[0].Event.ID)
	}
	return over(ctx, g, false, "accept "+strings.Join(names, ","), func(ctx context.Context) ([]postback.Acceptance, error) {
		answers, err := g.Ledger.Accept(ctx, g.withFault(ctx, items))
		if err == nil {
			g.world.model.written(answers)
		}
		return answers, err
	})
}

func (g gated) Due(ctx context.Context, ref postback.Ref) (postback.Due, error) {
	return cross(ctx, g, false, "due "+g.world.names.ref(ref), func(ctx context.Context) (postback.Due, error) {
		return g.Ledger.Due(ctx, ref)
	})
}

func (g gated) Record(ctx context.Context, move postback.Transition) error {
	what := fmt.Sprintf("record %s %s", g.world.names.ref(move.Ref), move.To)
	if move.Reason != "" {
		what += " " + string(move.Reason)
	}
	return done(ctx, g, what, func(ctx context.Context) error {
		err := g.Ledger.Record(ctx, g.putOffAgain(move))
		if move.Attempt != nil && (err == nil || postback.CodeOf(err) == postback.CodeConflict) {
			g.world.model.recorded(g.process, *move.Attempt)
		}
		return err
	})
}

func (g gated) Ping(ctx context.Context) error {
	_, err := cross(ctx, g, false, "ping", func(ctx context.Context) (struct{}, error) { return struct{}{}, g.Ledger.Ping(ctx) })
	return err
}

func (g gated) Identity(ctx context.Context) (string, error) {
	return reading(ctx, g, "identity", g.Ledger.Identity)
}

func (g gated) Claim(ctx context.Context, wanted postback.Claim) ([]postback.Due, error) {
	return cross(ctx, g, true, "claim", func(ctx context.Context) ([]postback.Due, error) {
		if g.world.nothingDue(wanted.Now) {
			return nil, nil
		}
		claimed, err := g.Ledger.Claim(ctx, wanted)
		if len(claimed) > 0 || err != nil {
			g.world.changes++
		}
		if len(claimed) > 0 {
			g.world.note("%s claims %s", g.process.name, g.world.names.dues(claimed))
		}
		return claimed, err
	})
}

// nothingDue spares looks for due deliveries that find none.
func (w *world) nothingDue(now time.Time) bool {
	if w.peeker == nil || w.asks {
		return false
	}
	next := w.peek().sweepAt
	return next.IsZero() || now.Before(next)
}

func (g gated) Requeue(ctx context.Context, before time.Time, limit int) (int, error) {
	return counted(ctx, g, false, "requeue", func(ctx context.Context) (int, error) {
		n, err := g.Ledger.Requeue(ctx, before, limit)
		g.world.model.requeued(n)
		g.world.note("%s made %d queued deliveries due again", g.process.name, n)
		return n, err
	})
}

func (g gated) ParkedEndpoints(ctx context.Context) ([]string, error) {
	return reading(ctx, g, "parked endpoints", g.Ledger.ParkedEndpoints)
}

func (g gated) OrderedEndpoints(ctx context.Context) ([]string, error) {
	return reading(ctx, g, "ordered endpoints", g.Ledger.OrderedEndpoints)
}

func (g gated) Release(ctx context.Context, endpointID string, at time.Time, window, limit int) (int, error) {
	what := fmt.Sprintf("%s releases %d of %d of %s", g.process.name, limit, window, endpointID)
	return counted(ctx, g, true, "release "+g.world.names.of(endpointID), func(ctx context.Context) (int, error) {
		n, err := remembered(g.world, what, func() (int, error) { return g.Ledger.Release(ctx, endpointID, at, window, limit) })
		if n > 0 {
			g.world.note("%s released %d of %s", g.process.name, n, g.world.names.of(endpointID))
		}
		return n, err
	})
}

// MendGroups mends what a fault left behind, and there must be none.
func (g gated) MendGroups(ctx context.Context, endpointID string, at time.Time, limit int) (int, error) {
	return counted(ctx, g, true, "mend groups of "+g.world.names.of(endpointID), func(ctx context.Context) (int, error) {
		n, err := g.Ledger.MendGroups(ctx, endpointID, at, limit)
		if n > 0 {
			g.world.model.breaks("%d ordering groups of %s had to be mended", n, g.world.names.of(endpointID))
		}
		return n, err
	})
}

func (g gated) Cancel(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error) {
	return over(ctx, g, false, "cancel "+g.world.names.of(endpointID), func(ctx context.Context) (int, error) {
		return g.Ledger.Cancel(ctx, endpointID, reason, at, limit)
	})
}

func (g gated) Expire(ctx context.Context, endpointID string, openedBefore, at time.Time, limit int) (int, error) {
	return counted(ctx, g, true, "expire "+g.world.names.of(endpointID), func(ctx context.Context) (int, error) {
		return g.Ledger.Expire(ctx, endpointID, openedBefore, at, limit)
	})
}

func (g gated) Reopen(ctx context.Context, ids []string, at, sweepAt time.Time) ([]postback.Reopened, error) {
	return over(ctx, g, false, "reopen "+g.world.names.of(ids[0]), func(ctx context.Context) ([]postback.Reopened, error) {
		answers, err := g.Ledger.Reopen(ctx, ids, at, sweepAt)
		g.world.checkReopened(answers)
		return answers, err
	})
}

func (g gated) CreateReplay(ctx context.Context, job postback.ReplayJob, most int) error {
	g.world.names.replay(job.ID)
	return done(ctx, g, "create "+g.world.names.of(job.ID), func(ctx context.Context) error { return g.Ledger.CreateReplay(ctx, job, most) })
}

func (g gated) CollectReplay(ctx context.Context, id string, limit int, at time.Time) (postback.ReplayJob, error) {
	return over(ctx, g, false, "collect "+g.world.names.of(id), func(ctx context.Context) (postback.ReplayJob, error) {
		return g.Ledger.CollectReplay(ctx, id, limit, at)
	})
}

func (g gated) AdvanceReplay(ctx context.Context, id string, handled, limit int, at time.Time) (postback.ReplayJob, error) {
	return over(ctx, g, false, fmt.Sprintf("advance %s behind %d", g.world.names.of(id), handled), func(ctx context.Context) (postback.ReplayJob, error) {
		job, err := g.Ledger.AdvanceReplay(ctx, id, handled, limit, at)
		if err == nil {
			g.world.checkReplay(job)
		}
		return job, err
	})
}

func (g gated) ReopenedDue(ctx context.Context, jobID string, last int, at time.Time) (int, error) {
	return cross(ctx, g, true, "reopened due of "+g.world.names.of(jobID), func(ctx context.Context) (int, error) {
		return g.Ledger.ReopenedDue(ctx, jobID, last, at)
	})
}

func (g gated) RunningReplays(ctx context.Context) ([]postback.ReplayJob, error) {
	return reading(ctx, g, "running replays", g.Ledger.RunningReplays)
}

func (g gated) NoteFailures(ctx context.Context, more postback.FailureStreak) error {
	return done(ctx, g, "note failures of "+g.world.names.of(more.EndpointID), func(ctx context.Context) error { return g.Ledger.NoteFailures(ctx, more) })
}

func (g gated) OpenCircuit(ctx context.Context, endpointID string, at, probeAt time.Time) (bool, error) {
	return over(ctx, g, false, "open circuit of "+g.world.names.of(endpointID), func(ctx context.Context) (bool, error) {
		return g.Ledger.OpenCircuit(ctx, endpointID, at, probeAt)
	})
}

func (g gated) Probe(ctx context.Context, streak postback.FailureStreak, at, next time.Time) (bool, error) {
	return over(ctx, g, false, "probe "+g.world.names.of(streak.EndpointID), func(ctx context.Context) (bool, error) {
		return g.Ledger.Probe(ctx, streak, at, next)
	})
}

func (g gated) Recover(ctx context.Context, endpointID string, at time.Time) (streak postback.FailureStreak, had bool, err error) {
	err = done(ctx, g, "recover "+g.world.names.of(endpointID), func(ctx context.Context) (err error) {
		streak, had, err = g.Ledger.Recover(ctx, endpointID, at)
		return err
	})
	return streak, had, err
}

func (g gated) StreaksSince(ctx context.Context, mark int64) (postback.StreakChanges, error) {
	return reading(ctx, g, fmt.Sprintf("troubles since %d", mark), func(ctx context.Context) (postback.StreakChanges, error) {
		return g.Ledger.StreaksSince(ctx, mark)
	})
}

func (g gated) EndpointsSince(ctx context.Context, revision int64) ([]postback.Endpoint, error) {
	return reading(ctx, g, fmt.Sprintf("endpoints since %d", revision), func(ctx context.Context) ([]postback.Endpoint, error) {
		return g.Ledger.EndpointsSince(ctx, revision)
	})
}

func (g gated) SaveEndpoint(ctx context.Context, endpoint postback.Endpoint) (postback.Endpoint, error) {
	what := fmt.Sprintf("save %s %s", g.world.names.of(endpoint.ID), endpoint.State)
	return over(ctx, g, false, what, func(ctx context.Context) (postback.Endpoint, error) { return g.Ledger.SaveEndpoint(ctx, endpoint) })
}

func (g gated) UseSecrets(ctx context.Context, uses []postback.SecretUse) error {
	return done(ctx, g, "use secrets", func(ctx context.Context) error { return g.Ledger.UseSecrets(ctx, uses) })
}

func (g gated) Prepare(ctx context.Context, until time.Time) error {
	return done(ctx, g, "prepare", func(ctx context.Context) error { return g.Ledger.Prepare(ctx, until) })
}
