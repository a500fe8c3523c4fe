package sim_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// bound is how long a delivery that is due may wait for its endpoint to have
// it, when the endpoint takes everything at once and nothing of ours fails.
const bound = 1500 * time.Millisecond

// histories reads what the ledger says, past the gate.
func (w *world) histories() []postback.History {
	return listed(w, "histories", func(ctx context.Context, page postback.Page) ([]postback.History, string, error) {
		return w.ledger.Histories(ctx, postback.DeliveryFilter{}, page)
	})
}

func (w *world) deliveries() []postback.Delivery {
	return listed(w, "deliveries", func(ctx context.Context, page postback.Page) ([]postback.Delivery, string, error) {
		return w.ledger.Deliveries(ctx, postback.DeliveryFilter{}, page)
	})
}

func (w *world) events() []postback.Event {
	return listed(w, "events", func(ctx context.Context, page postback.Page) ([]postback.Event, string, error) {
		return w.ledger.Events(ctx, postback.EventFilter{}, page)
	})
}

func (w *world) replays() []postback.ReplayJob {
	return listed(w, "replays", func(ctx context.Context, page postback.Page) ([]postback.ReplayJob, string, error) {
		return w.ledger.ReplayJobs(ctx, postback.ReplayFilter{}, page)
	})
}

// listed is all that there is of something.
func listed[T any](w *world, what string, list func(context.Context, postback.Page) ([]T, string, error)) []T {
	all, err := remembered(w, what, func() ([]T, error) {
		all, next, err := list(context.Background(), postback.Page{Limit: postback.MaxPage})
		if next != "" {
			return nil, fmt.Errorf("there are more %s than %d", what, len(all))
		}
		return all, err
	})
	if err != nil {
		panic(err)
	}
	return all
}

// audit looks at all deliveries while the world runs: what has ended stays as
// it is, and what is due is not left lying. It reports whether all have ended.
func (w *world) audit() (ended bool) {
	ended = true
	now := time.Now()
	for _, d := range w.deliveries() {
		ended = ended && d.State.Ended()
		w.auditEnd(d)
		// By the clock of who made it due; who looks for it may have another one.
		if waits := w.undisturbed(d.NextAttemptAt.Add(2*w.skew()), now); !d.NextAttemptAt.IsZero() && w.endpointOf(d.ID).kind.steady() && waits > w.bound() {
			w.model.breaks("%s is %s and due since %s, and nobody takes it", w.names.of(d.ID), d.State, waits)
		}
	}
	return ended
}

func (w *world) auditEnd(d postback.Delivery) {
	before, known := w.ends[d.ID]
	if known && before.Generation == d.Generation && (d.State != before.State || d.Reason != before.Reason || !d.CompletedAt.Equal(before.CompletedAt)) {
		w.model.breaks("%s ended as %s %s and is %s %s now", w.names.of(d.ID), before.State, before.Reason, d.State, d.Reason)
	}
	if d.State.Ended() {
		w.ends[d.ID] = d
	}
	if d.Generation > 1+w.model.reopenings {
		w.model.breaks("%s is in generation %d after %d replays", w.names.of(d.ID), d.Generation, w.model.reopenings)
	}
}

// bound is how long one may wait in this scenario.
func (w *world) bound() time.Duration {
	if w.scenario.stalls > 0 {
		return grace
	}
	return bound
}

// check looks at the whole run after its end.
func (w *world) check() {
	if len(w.model.broken) > 0 {
		return // the run ended early
	}
	histories := w.histories()
	for _, d := range w.model.purged {
		histories = append(histories, postback.History{Delivery: d})
	}
	w.checkPromises(histories)
	for _, h := range histories {
		w.checkEnd(h)
		w.checkAttempts(h)
	}
	w.checkWaits()
	w.checkOrder()
	w.checkRates()
	if w.purgesAll() {
		w.checkPurged()
	}
	if quiet := w.scenario.calm; quiet && w.model.refills > 0 {
		w.model.breaks("%d queued deliveries were made due again, though the queue lost nothing", w.model.refills)
	}
}

func (w *world) checkPromises(histories []postback.History) {
	have := map[string]bool{}
	for _, h := range histories {
		have[h.Delivery.EventID+h.Delivery.EndpointID] = true
	}
	publishers := map[string]string{}
	for _, b := range w.scenario.batches {
		for _, e := range b.events {
			publishers[e.id] = e.publisher
		}
	}
	for _, id := range w.model.promised {
		for _, e := range w.scenario.endpoints {
			if e.publisher == publishers[id] && e.kind != deleted && !have[id+e.id] {
				w.model.breaks("%s was accepted and %s has no delivery of it", id, e.name)
			}
		}
	}
}

func (w *world) checkEnd(h postback.History) {
	d := h.Delivery
	if !d.State.Ended() {
		w.model.breaks("%s waits for ever: it is %s %s", w.names.of(d.ID), d.State, d.Reason)
	}
	if d.State == postback.Dead && w.endpointOf(d.ID).kind.steady() {
		w.model.breaks("%s is dead (%s), though its endpoint takes everything", w.names.of(d.ID), d.Reason)
	}
}

// checkAttempts compares what an endpoint saw with what is recorded.
func (w *world) checkAttempts(h postback.History) {
	id := h.Delivery.ID
	seen, took := 0, 0
	for _, a := range w.model.attempts {
		if a.delivery == id {
			seen++
			if a.took {
				took++
			}
		}
	}
	recorded, excused := len(h.Attempts)+w.model.cut[id], w.model.excused[id]
	if seen < recorded || seen > recorded+excused {
		w.model.breaks("%s: its endpoint saw %d attempts, %d are recorded, and %d were under way in a crash", w.names.of(id), seen, recorded, excused)
	}
	if recorded < h.Delivery.Attempts {
		w.model.breaks("%s counts %d attempts, and %d are recorded", w.names.of(id), h.Delivery.Attempts, recorded)
	}
	if repeats := excused + w.model.repeated[id]; took > h.Delivery.Generation+repeats {
		w.model.breaks("%s: its endpoint took it %d times in %d generations, and %d were under way in a crash", w.names.of(id), took, h.Delivery.Generation, repeats)
	}
	if h.Delivery.State == postback.Succeeded && took == 0 {
		w.model.breaks("%s succeeded, and its endpoint never took it", w.names.of(id))
	}
}

// checkWaits looks at how long new deliveries waited for endpoints that take
// everything at once.
func (w *world) checkWaits() {
	first := map[string]time.Time{}
	for _, a := range w.model.attempts {
		if _, known := first[a.delivery]; !known {
			first[a.delivery] = a.at
		}
	}
	for _, d := range w.model.order {
		e := w.endpointOf(d.ID)
		at, sent := first[d.ID]
		if !e.kind.steady() || !sent {
			continue
		}
		if waited := w.undisturbed(d.at, at); waited > w.bound() {
			w.model.breaks("%s waited %s for its first attempt, longer than %s", w.names.of(d.ID), waited, w.bound())
		}
	}
}

// checkOrder looks at what each ordering group's endpoint saw, but for replays,
// which go behind what came meanwhile.
func (w *world) checkOrder() {
	if w.model.reopenings > 0 {
		return
	}
	places := map[string]int{}
	for i, d := range w.model.order {
		places[d.ID] = i
	}
	latest := map[string]string{}
	for _, a := range w.model.attempts {
		i, known := places[a.delivery]
		if !known || a.endpoint.kind != ordered {
			continue
		}
		group := w.model.order[i].OrderKey
		if before, some := latest[group+a.endpoint.name]; some && places[before] > i {
			w.model.breaks("%s was sent behind %s of its ordering group", w.names.of(a.delivery), w.names.of(before))
		}
		latest[group+a.endpoint.name] = a.delivery
	}
}

// checkRates looks at the slots that were given away.
func (w *world) checkRates() {
	for id, slots := range w.model.slots {
		if w.model.redisLost {
			continue // the burst is allowed again
		}
		slices.SortFunc(slots, time.Time.Compare)
		rate := w.model.rates[id]
		for i := range slots {
			for j := i; j < len(slots); j++ {
				span := slots[j].Sub(slots[i]).Seconds() + 0.001
				if n := j - i + 1; float64(n) > float64(rate.Burst)+rate.PerSecond*span+1 {
					w.model.breaks("%s got %d slots in %.3fs", w.names.of(id), n, span)
					return
				}
			}
		}
	}
}
