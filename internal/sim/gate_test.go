package sim_test

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// boundary is what a call of a process goes over.
type boundary string

const (
	toLedger boundary = "ledger"
	toQueue  boundary = "queue"
	toLimits boundary = "limits"
	toWorld  boundary = "endpoint"
)

// fate is what becomes of a call.
type fate string

const (
	passes     fate = ""
	failsFirst fate = "fails before it has an effect"
	failsAfter fate = "has its effect and its answer is lost"
	slow       fate = "has its effect and is answered late"
	refused    fate = "is of a process that crashed"
	givenUp    fate = "is given up by its caller"
	givenUpYet fate = "is given up by its caller and has its effect"
)

var (
	errCrashed = errors.New("the process crashed")
	errAway    = errors.New("the other side is away")
)

// call is a call over a boundary that waits at the gate.
type call struct {
	process   *process
	boundary  boundary
	name      string        // says what it is, the same in every run of a seed
	delay     time.Duration // before it is let on; 0: by chance
	quiet     bool          // of no interest in a trace
	fate      fate
	at        time.Time // when it is let on
	on        chan fate
	left      bool // its caller has given up
	answering bool // it had its effect
}

// request is what a process asks for.
type request struct {
	process  *process
	boundary boundary
	name     string
	quiet    bool
}

// cross carries a call over a boundary once the scheduler lets it on. A process
// that crashed is refused for ever.
func (w *world) cross(ctx context.Context, r request, do func() error) error {
	if r.process.booting {
		return do()
	}
	what := w.wait(ctx, &call{process: r.process, boundary: r.boundary, name: r.name, quiet: r.quiet})
	switch what {
	case passes, slow, failsAfter, givenUpYet:
		if err := do(); err != nil || what == passes {
			return err
		}
	case failsFirst, givenUp, refused:
	}
	if what == slow {
		answer := &call{process: r.process, boundary: r.boundary, name: r.name + " (answer)", answering: true, delay: w.chance.between(r.name+"late", time.Second, 8*time.Second)}
		what = w.wait(ctx, answer)
	}
	switch what {
	case refused:
		return errCrashed
	case givenUp, givenUpYet:
		return context.Cause(ctx)
	case failsFirst, failsAfter:
		return fmt.Errorf("%s: %w", r.name, errAway)
	default:
		return nil
	}
}

// wait parks a call at the gate.
func (w *world) wait(ctx context.Context, c *call) fate {
	c.on = make(chan fate, 1)
	w.mu.Lock()
	if c.process.crashed {
		w.mu.Unlock()
		return refused
	}
	if ctx.Err() != nil {
		w.mu.Unlock()
		return givenUp
	}
	w.arrived = append(w.arrived, c)
	w.mu.Unlock()
	select {
	case w.bell <- struct{}{}:
	default:
	}
	select {
	case what := <-c.on:
		return what
	case <-ctx.Done():
		return w.leave(c)
	}
}

// leave takes a call away whose caller gave up. What it asked for may happen
// all the same.
func (w *world) leave(c *call) fate {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.left = true
	switch {
	case c.process.crashed:
		return refused
	case c.boundary == toLedger && !c.answering && w.chance.of(c.name+"yet") < 0.5:
		return givenUpYet
	default:
		return givenUp
	}
}
