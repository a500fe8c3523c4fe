package sim_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"testing/synctest"
	"time"
)

// maxSteps is more than any run takes that does not turn in circles.
const maxSteps = 40_000

// plan is something that the scheduler does at a time.
type plan struct {
	at   time.Time
	name string
	do   func()
}

// in plans something. Plans of one instant go by their names.
func (w *world) in(after time.Duration, name string, do func()) {
	w.plans = append(w.plans, plan{at: time.Now().Add(after), name: name, do: do})
}

// run lets calls on and carries plans out, one at a time, until done says so. No
// two things happen at the same instant, so that the run does not depend on the
// order in which goroutines happen to go on.
func (w *world) run(done func() bool) {
	for {
		synctest.Wait()
		w.admit()
		w.repeatBatches()
		w.offer()
		if w.trace.all > maxSteps {
			w.model.breaks("it does not come to rest: %d steps", w.trace.all)
			return
		}
		if done() {
			return
		}
		c, p := w.earliest()
		switch {
		case c == nil && p == nil:
			panic("the scheduler has nothing to do")
		case p == nil || c != nil && c.at.Before(p.at):
			if w.sleepUntil(c.at) {
				w.let(c)
			}
		default:
			if w.sleepUntil(p.at) {
				w.carryOut(p)
			}
		}
	}
}

// sleepUntil lets time pass; false when somebody came to the gate meanwhile, or
// may have.
func (w *world) sleepUntil(at time.Time) bool {
	left := time.Until(at)
	if left <= 0 {
		return true
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.bell:
	}
	return false
}

// admit decides about the calls that came since, in the order of their names.
func (w *world) admit() {
	w.mu.Lock()
	came := w.arrived
	w.arrived = nil
	w.mu.Unlock()
	slices.SortStableFunc(came, func(a, b *call) int { return cmp.Compare(a.name, b.name) })
	for _, c := range came {
		w.counts[c.name]++
		key := c.name + "#" + strconv.Itoa(w.counts[c.name])
		if c.delay == 0 {
			c.fate = w.fateOf(c, key)
			c.delay = w.latency(c, key)
		}
		c.at = w.free(time.Now().Add(c.delay))
		w.parked = append(w.parked, c)
	}
}

// free is the first instant from at on in which nothing else happens.
func (w *world) free(at time.Time) time.Time {
	for slices.ContainsFunc(w.parked, func(c *call) bool { return c.at.Equal(at) }) {
		at = at.Add(1)
	}
	return at
}

// latency is how long a call is on its way.
func (w *world) latency(c *call, key string) time.Duration {
	if c.boundary == toWorld {
		return w.chance.between(key, 100*time.Microsecond, 2*time.Millisecond)
	}
	if w.scenario.stalls > 0 && w.chance.of(key+"stall") < w.scenario.stalls && w.faulty() {
		return w.chance.between(key, 100*time.Millisecond, 4*time.Second)
	}
	return w.chance.between(key, 20*time.Microsecond, time.Millisecond)
}

func (w *world) earliest() (*call, *plan) {
	w.parked = slices.DeleteFunc(w.parked, func(c *call) bool { return c.left })
	var c *call
	for _, one := range w.parked {
		if c == nil || one.at.Before(c.at) {
			c = one
		}
	}
	var p *plan
	for i := range w.plans {
		if one := &w.plans[i]; p == nil || one.at.Before(p.at) || one.at.Equal(p.at) && one.name < p.name {
			p = one
		}
	}
	return c, p
}

func (w *world) let(c *call) {
	w.parked = slices.DeleteFunc(w.parked, func(one *call) bool { return one == c })
	line := c.name
	if c.fate != passes {
		line += ": " + string(c.fate)
	}
	w.trace.add(line, c.quiet && c.fate == passes)
	c.on <- c.fate
}

func (w *world) carryOut(p *plan) {
	chosen := *p
	w.plans = slices.DeleteFunc(w.plans, func(one plan) bool { return one.at.Equal(chosen.at) && one.name == chosen.name })
	chosen.do()
}

// note writes a line of the trace that is no call.
func (w *world) note(format string, args ...any) { w.trace.add(fmt.Sprintf(format, args...), false) }
