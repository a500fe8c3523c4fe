package sim_test

import (
	"context"
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// longHistory is longer than any run: nothing is purged.
const longHistory = 90 * 24 * time.Hour

// purges reports whether history is purged while the scenario runs.
func (s scenario) purges() bool { return s.keep > 0 }

// purgesAll reports whether everything is purged in the end.
func (w *world) purgesAll() bool { return w.scenario.purges() && !w.place.byDay }

// purgeTime is how long after the last delivery ended everything may be there
// still.
func (w *world) purgeTime() time.Duration {
	if !w.purgesAll() {
		return 0
	}
	return 3*w.scenario.keep + 2*w.skew() + 10*time.Second
}

// past is what the ledger knows.
type past struct {
	deliveries map[string]postback.History
	events     map[string]bool
}

func (w *world) past() past {
	known := past{deliveries: map[string]postback.History{}, events: map[string]bool{}}
	for _, h := range w.histories() {
		known.deliveries[h.Delivery.ID] = h
	}
	for _, e := range w.events() {
		known.events[e.ID] = true
	}
	return known
}

// Prune purges, and is watched where it may find something.
func (g gated) Prune(ctx context.Context, before time.Time) (int, error) {
	w := g.world
	return counted(ctx, g, false, "prune", func(ctx context.Context) (int, error) {
		limit := w.scenario.pruneTime(before)
		if !w.anyEndedBefore(limit) {
			return g.Ledger.Prune(ctx, limit)
		}
		was := w.past()
		n, err := g.Ledger.Prune(ctx, limit)
		w.changes++ // Also when it did not get as far as to count.
		if n > 0 {
			w.note("%s purged %d rows", g.process.name, n)
		}
		w.checkPurge(was, w.past(), before)
		return n, err
	})
}

// anyEndedBefore reports whether there is a delivery that may be purged.
func (w *world) anyEndedBefore(limit time.Time) bool {
	if w.peeker != nil {
		first := w.peek().endedAt
		return !first.IsZero() && first.Before(limit)
	}
	return slices.ContainsFunc(w.deliveries(), func(d postback.Delivery) bool { return endedBefore(d, limit) })
}

func endedBefore(d postback.Delivery, limit time.Time) bool {
	return d.State.Ended() && d.CompletedAt.Before(limit)
}

// checkPurge compares what the ledger knew before a step of purging with what is
// left: only what ended long ago goes, and nothing stays without its event.
func (w *world) checkPurge(was, is past, before time.Time) {
	for id, h := range was.deliveries {
		left, there := is.deliveries[id]
		if d := h.Delivery; !endedBefore(d, before) {
			if !there || len(left.Attempts) != len(h.Attempts) {
				w.model.breaks("%s was purged, which is %s since %s, with what ended before %s", w.names.of(id), d.State, d.CompletedAt, before)
			}
			continue
		}
		w.model.shorten(id, len(h.Attempts)-len(left.Attempts))
		if !there {
			w.model.purge(h.Delivery, append(w.old, w.processes...))
		}
	}
	for id := range was.events {
		if !is.events[id] {
			w.model.purgeEvent(id)
		}
	}
	for id, h := range is.deliveries {
		if !is.events[h.Delivery.EventID] {
			w.model.breaks("%s was purged, and %s is left", h.Delivery.EventID, w.names.of(id))
		}
	}
}

// checkReopened compares the answers to a replay with what was purged.
func (w *world) checkReopened(answers []postback.Reopened) {
	for _, one := range answers {
		if said, gone := postback.CodeOf(one.Err) == postback.CodeNotFound, w.model.isGone(one.ID); said != gone {
			w.model.breaks("the answer to a replay of %s, purged: %t, is %v", w.names.of(one.ID), gone, one.Err)
		}
	}
}

// checkReplay looks at what a replay job counts.
func (w *world) checkReplay(job postback.ReplayJob) {
	if job.Skipped != job.Skips.Total() || job.State == postback.ReplayDone && job.Handled() != job.Matched {
		w.model.breaks("%s is %s, with %d deliveries of %d replayed, %d skipped: %+v", w.names.of(job.ID), job.State, job.Replayed, job.Matched, job.Skipped, job.Skips)
	}
	if job.Skips.Removed > len(w.model.purged) {
		w.model.breaks("%s met %d purged deliveries, and %d were purged", w.names.of(job.ID), job.Skips.Removed, len(w.model.purged))
	}
}

// isEmpty reports whether all history is gone.
func (w *world) isEmpty() bool { return len(w.deliveries())+len(w.events())+len(w.replays()) == 0 }

// checkPurged looks at what should have been purged at the end.
func (w *world) checkPurged() {
	for _, d := range w.deliveries() {
		w.model.breaks("%s ended %s ago and was not purged", w.names.of(d.ID), time.Since(d.CompletedAt))
	}
	for _, e := range w.events() {
		w.model.breaks("%s was accepted %s ago and was not purged", e.ID, time.Since(e.AcceptedAt))
	}
	for _, job := range w.replays() {
		w.model.breaks("%s is %s, ended %s ago and was not purged", w.names.of(job.ID), job.State, time.Since(job.EndedAt))
	}
}

// shorten notes that attempts were purged.
func (m *model) shorten(id string, attempts int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut[id] += attempts
}

// purge notes that a delivery was purged. What is under way can no longer be
// recorded.
func (m *model) purge(d postback.Delivery, processes []*process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.purged[d.ID] = d
	for _, p := range processes {
		m.excused[d.ID] += m.open[p.name+d.ID]
		delete(m.open, p.name+d.ID)
	}
}

// purgeEvent notes that an event was purged: sent again, it is a new one.
func (m *model) purgeEvent(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.accepted, id)
}

func (m *model) isGone(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, gone := m.purged[id]
	return gone
}
