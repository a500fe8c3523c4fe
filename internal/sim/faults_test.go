package sim_test

import (
	"fmt"
	"strings"
	"time"
)

// faulty reports whether things go wrong still.
func (w *world) faulty() bool { return time.Since(w.start) < w.scenario.heal }

// fateOf decides about a call that came to the gate.
func (w *world) fateOf(c *call, key string) fate {
	if !w.faulty() || c.boundary == toWorld {
		return passes
	}
	what := w.errorOf(c, key)
	switch {
	case what == passes:
	case what == failsAfter && c.boundary == toLedger:
		// Who claimed or accepted deliveries and does not know it leaves them to the
		// sweeper.
		w.disturb(grace + 5*time.Second)
	default:
		w.disturb(10 * time.Second)
	}
	return what
}

func (w *world) errorOf(c *call, key string) fate {
	if w.away(c.boundary, key) {
		if w.chance.of(key+"effect") < 0.2 {
			return failsAfter
		}
		return failsFirst
	}
	if draw := w.chance.of(key + "error"); draw < w.scenario.errors {
		return []fate{failsFirst, failsFirst, failsAfter, slow}[int(draw/w.scenario.errors*4)]
	}
	return passes
}

// away reports whether a call fails because the other side has an outage.
func (w *world) away(over boundary, key string) bool {
	since := time.Since(w.start)
	for _, o := range w.scenario.outages {
		if o.boundary == over && since >= o.from && since < o.to && w.chance.of(key+"outage") < o.share {
			return true
		}
	}
	return false
}

func (w *world) redisAway(key string) bool { return w.away(toQueue, key+time.Since(w.start).String()) }

// disturbance is something on our side for which deliveries may have to wait.
type disturbance struct{ from, to time.Time }

func (w *world) disturb(horizon time.Duration) {
	now := time.Now()
	skew := w.skew()
	if last := len(w.disturbances) - 1; last >= 0 && !w.disturbances[last].to.Before(now) {
		w.disturbances[last].to = maxTime(w.disturbances[last].to, now.Add(horizon+2*skew))
		return
	}
	w.disturbances = append(w.disturbances, disturbance{now, now.Add(horizon + 2*skew)})
}

// skew is how far off a clock is at most.
func (w *world) skew() (most time.Duration) {
	for _, one := range w.scenario.skews {
		most = max(most, one.Abs())
	}
	return most
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// undisturbed is how much of a time was none in which something was wrong on our
// side, nor within its consequences.
func (w *world) undisturbed(from, to time.Time) time.Duration {
	for _, d := range w.disturbances {
		if d.from.Before(to) && d.to.After(from) {
			from = d.to
		}
	}
	return max(0, to.Sub(from))
}

// restartTime is the longest that a process is gone.
const restartTime = 5 * time.Second

// bootLater starts another process in the place of one that ended.
func (w *world) bootLater(place int) {
	what := fmt.Sprintf("restart of %s", w.processes[place].name)
	w.in(w.chance.between(what, 50*time.Millisecond, restartTime), what, func() {
		if w.processes[place].crashed {
			w.boot(place)
		}
	})
}

// planFaults plans what the scenario has go wrong.
func (w *world) planFaults() {
	for i, at := range w.scenario.crashes {
		place := i % len(w.processes)
		w.in(at, "crash"+strings.Repeat("i", i), func() {
			w.crash(place)
			w.bootLater(place)
		})
	}
	for i, at := range w.scenario.stops {
		place := i % len(w.processes)
		w.in(at, "stop"+strings.Repeat("i", i), func() { w.drain(place, func() { w.bootLater(place) }) })
	}
	for i, at := range w.scenario.wipes {
		w.in(at, "wipe"+strings.Repeat("i", i), func() {
			w.note("Redis is wiped")
			w.model.forgotten(w.queue.held(), w.processes)
			w.queue.wipe()
			w.limits.wipe()
			w.model.redisLost = true
			w.disturb(grace + 5*time.Second)
		})
	}
	for i, at := range w.scenario.losses {
		w.in(at, "lose"+strings.Repeat("i", i), func() {
			w.note("Redis loses %d tasks", w.queue.lose(5))
			w.disturb(grace + 5*time.Second)
		})
	}
}
