package sim_test

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// planWork plans what producers and operators do.
func (w *world) planWork() {
	for i, one := range w.scenario.batches {
		w.in(one.at, fmt.Sprintf("batch%d", i), func() { w.produce(i, one, 1) })
	}
	for i, one := range w.scenario.replays {
		w.in(one.at, fmt.Sprintf("replay%d", i), func() { w.replay(one) })
	}
	for _, e := range w.scenario.endpoints {
		w.planOperator(e)
	}
	w.in(w.scenario.heal, "all is well", w.heal)
}

// maxTries is how often a producer sends a batch again.
const maxTries = 5

// produce has a producer send a batch. One that gets no answer sends it again
// later; one that goes away does not.
func (w *world) produce(i int, one batch, try int) {
	p := w.processes[one.place]
	if !p.open() {
		w.again(i, one, try)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	if one.cancel > 0 && try == 1 {
		w.in(one.cancel, fmt.Sprintf("producer of batch%d goes away", i), func() {
			w.note("the producer of batch%d goes away", i)
			cancel()
		})
	}
	w.mu.Lock()
	w.producers[one.events[0].id] = ctx
	w.mu.Unlock()
	events := make([]postback.Event, len(one.events))
	for i, e := range one.events {
		events[i] = e.event()
	}
	w.note("batch%d, try %d, goes to %s", i, try, p.name)
	w.ask(p, func() {
		defer cancel()
		answers, err := p.dispatcher.Accept(ctx, events)
		w.mu.Lock()
		defer w.mu.Unlock()
		if err != nil {
			if ctx.Err() == nil {
				w.repeat = append(w.repeat, func() { w.again(i, one, try) })
			}
			return
		}
		for _, answer := range answers {
			if answer.Err == nil {
				w.model.acked(answer.Event.ID)
			}
		}
	})
}

// repeatBatches plans to send batches again whose producers got no answer.
func (w *world) repeatBatches() {
	w.mu.Lock()
	failed := w.repeat
	w.repeat = nil
	w.mu.Unlock()
	for _, plan := range failed {
		plan()
	}
}

func (w *world) again(i int, one batch, try int) {
	if try < maxTries {
		one.place = (one.place + 1) % len(w.processes)
		what := fmt.Sprintf("batch%d try%d", i, try+1)
		w.in(w.chance.between(what, 50*time.Millisecond, time.Second), what, func() { w.produce(i, one, try+1) })
	}
}

// producerOf is the context of who sends an event, if that is known.
func (w *world) producerOf(ctx context.Context, eventID string) context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	if producer, known := w.producers[eventID]; known {
		return producer
	}
	return ctx
}

func (p produced) event() postback.Event {
	text := fmt.Sprintf(`{"id":%q,"type":"conversion.completed","publisher":%q,"data":{"group":%q}}`, p.id, p.publisher, p.group)
	event, err := postback.ParseEvent([]byte(text))
	if err != nil {
		panic(err)
	}
	return event
}

// replay has an operator replay what ended, or one delivery of it.
func (w *world) replay(one replayed) {
	p := w.processes[one.place]
	if !p.open() {
		return
	}
	filter := postback.DeliveryFilter{States: []postback.State{postback.Succeeded, postback.Dead}, Publisher: one.publisher}
	if one.one {
		ended, _, err := w.ledger.Deliveries(context.Background(), filter, postback.Page{Limit: 1})
		if err != nil || len(ended) == 0 {
			return
		}
		w.replayOne(one, ended[0].ID)
		return
	}
	w.model.mayReopen()
	w.operate(p, "starts a replay", func(ctx context.Context) error {
		_, err := p.dispatcher.StartReplay(ctx, filter, one.rate, false)
		return err
	})
}

// replayOne has an operator replay a delivery, which may be purged by then.
func (w *world) replayOne(one replayed, id string) {
	what := "replays " + w.names.of(id)
	w.in(w.chance.between(one.at.String()+what, 0, 2*w.scenario.keep), "an operator "+what, func() {
		p := w.processes[one.place]
		if !p.open() {
			return
		}
		w.model.mayReopen()
		w.operate(p, what, func(ctx context.Context) error {
			_, err := p.dispatcher.ReplayDelivery(ctx, id)
			return err
		})
	})
}

// ask has a process work on a request.
func (w *world) ask(p *process, do func()) {
	p.requests.Add(1)
	w.clients.Go(func() {
		defer p.requests.Add(-1)
		do()
	})
}

// operate has an operator ask a process for something. An error is the
// operator's to see.
func (w *world) operate(p *process, what string, do func(context.Context) error) {
	w.note("an operator of %s %s", p.name, what)
	w.ask(p, func() {
		err := do(context.Background())
		if err != nil {
			w.note("%s: %s: %v", p.name, what, err)
		}
	})
}

// planOperator plans what an operator does to an endpoint.
func (w *world) planOperator(e *endpoint) {
	at := func(what string) time.Duration {
		return w.chance.between(e.name+what, firstEvent, w.scenario.heal)
	}
	alive := func(do func(p *process)) func() {
		return func() {
			for _, p := range w.processes {
				if p.open() {
					do(p)
					return
				}
			}
		}
	}
	switch e.kind {
	case paused:
		w.in(at("pause"), "pause "+e.name, alive(func(p *process) {
			w.operate(p, "pauses "+e.name, func(ctx context.Context) error { _, err := p.endpoints.Pause(ctx, e.id); return err })
		}))
		w.in(at("resume"), "resume "+e.name, alive(func(p *process) {
			w.operate(p, "resumes "+e.name, func(ctx context.Context) error { _, err := p.endpoints.Resume(ctx, e.id); return err })
		}))
	case changed:
		for i := range 3 {
			url := fmt.Sprintf("https://receiver.example.com/%d", i)
			w.in(at(url), "change "+url, alive(func(p *process) {
				w.operate(p, "changes "+e.name, func(ctx context.Context) error {
					_, _, err := p.endpoints.Update(ctx, e.id, postback.EndpointPatch{"url": url})
					return err
				})
			}))
		}
	case deleted:
		w.in(at("delete"), "delete "+e.name, alive(func(p *process) {
			w.operate(p, "deletes "+e.name, func(ctx context.Context) error { return p.endpoints.Delete(ctx, e.id) })
		}))
	case healthy, slowing, failing, hanging, dripping, flaky, gone, limited, ordered, sealed:
	}
}

// heal ends all that is wrong: what was paused or disabled is resumed, and what
// crashed is started again. From here on nothing may wait for long.
func (w *world) heal() {
	w.note("all is well from here on")
	for place, p := range w.processes {
		if p.crashed {
			w.boot(place)
		}
	}
	w.resumeAll()
}

func (w *world) resumeAll() {
	again := false
	p := w.processes[0]
	stored, err := w.ledger.EndpointsSince(context.Background(), 0)
	if err != nil {
		panic(err)
	}
	for _, e := range stored {
		if e.State == postback.EndpointPaused || e.State == postback.EndpointDisabled {
			again = true
			w.operate(p, "resumes "+w.names.of(e.ID), func(ctx context.Context) error { _, err := p.endpoints.Resume(ctx, e.ID); return err })
		}
	}
	if again || time.Since(w.start) < w.scenario.heal+20*time.Second {
		w.in(time.Second, "look for paused endpoints", w.resumeAll)
	}
}
