package sim_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	metrics "go.opentelemetry.io/otel/metric/noop"
	traces "go.opentelemetry.io/otel/trace/noop"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/circuit"
	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/limit"
	"github.com/waybillhq/waybill/internal/registry"
	"github.com/waybillhq/waybill/internal/retention"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/storetest"
	"github.com/waybillhq/waybill/worker"
)

const (
	followInterval = 500 * time.Millisecond
)

// process is one process of Waybill, wired as internal/app wires it, from its
// start to its crash.
type process struct {
	world    *world
	name     string
	skew     time.Duration   // of its clock
	ctx      context.Context //nolint:containedctx // its life, which a crash ends
	cancel   context.CancelFunc
	group    sync.WaitGroup
	draws    atomic.Int64
	booting  bool         // its calls go straight through
	draining bool         // it takes no more work
	requests atomic.Int64 // of producers and operators, that it works on
	crashed  bool         // under the world's mu

	looking map[string]bool // the scheduler's: queues that it looks into just now

	mu      sync.Mutex
	workers map[string]int // busy ones by queue
	flying  map[string]int // attempts under way by endpoint

	ledger     gated
	registry   *registry.Registry
	breaker    *circuit.Breaker
	endpoints  *endpoints.Manager
	dispatcher *dispatcher.Dispatcher
	worker     *worker.Worker
	retention  *retention.Keeper
	disabler   *circuit.Disabler
}

// now is the process' clock.
func (p *process) now() time.Time { return time.Now().Add(p.skew) }

// random gives the same numbers in every run of a seed.
func (p *process) random() float64 {
	return p.world.chance.of(p.name + " draws " + strconv.FormatInt(p.draws.Add(1), 10))
}

func (p *process) working(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.workers[name]
}

// work occupies one of the workers of a queue.
func (p *process) work(name string, do func()) {
	p.mu.Lock()
	p.workers[name]++
	p.mu.Unlock()
	p.group.Go(func() {
		defer func() {
			p.mu.Lock()
			p.workers[name]--
			p.mu.Unlock()
		}()
		do()
	})
}

// boot starts a process in one of the places that the scenario has.
func (w *world) boot(place int) {
	w.boots++
	p := &process{
		world: w, name: fmt.Sprintf("%c%d", 'A'+place, w.boots), skew: w.scenario.skews[place], booting: true,
		looking: map[string]bool{}, workers: map[string]int{}, flying: map[string]int{},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.ledger = gated{Ledger: w.openLedger(), world: w, process: p}
	if err := p.build(); err != nil {
		panic(err)
	}
	if w.boots > len(w.processes) {
		w.old = append(w.old, w.processes[place])
	}
	w.processes[place] = p
	w.note("%s starts", p.name)
	p.booting = false
	p.start()
}

// openLedger opens the ledger for one more process.
func (w *world) openLedger() storetest.Ledger {
	if w.place.shared {
		return w.ledger
	}
	ledger, err := w.place.open(context.Background())
	if err != nil {
		panic(err)
	}
	w.opened = append(w.opened, ledger)
	return ledger
}

func (p *process) build() (err error) {
	w := p.world
	p.registry = registry.New(p.ledger)
	if err := p.registry.Refresh(p.ctx); err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	policy := circuit.Policy{Window: 10 * time.Second, Minimum: 5, Share: 0.5, FirstProbe: time.Second, LastProbe: 8 * time.Second}
	p.breaker, err = circuit.NewBreaker(circuit.Options{Ledger: p.ledger, Prober: p.ledger, Policy: policy, Random: p.random, Logger: log})
	if err != nil {
		return err
	}
	if err := p.breaker.Refresh(p.ctx); err != nil {
		return err
	}
	p.endpoints = endpoints.New(endpoints.Options{
		Ledger: p.ledger, Registry: p.registry, Sealer: w.keyring, Reach: anywhere{}, Schemes: w.schemes, Past: w.ledger, Now: p.now,
	})
	if err := p.buildEngine(log); err != nil {
		return err
	}
	p.retention, err = retention.New(retention.Options{
		Ledger: p.ledger, Keep: cmp.Or(w.scenario.keep, longHistory), Every: w.scenario.keep / 2,
		Meter: metrics.Meter{}, Logger: log, Random: p.random, Now: p.now,
	})
	if err != nil {
		return err
	}
	p.disabler, err = circuit.NewDisabler(circuit.DisablerOptions{
		Breaker: p.breaker, Endpoints: p.registry, Switch: p.endpoints,
		Limit: circuit.Limit{After: 20 * time.Second, Failures: 8}, Logger: log,
	})
	return err
}

func (p *process) buildEngine(log *slog.Logger) (err error) {
	w, queue := p.world, client{p.world.queue, p}
	limits := watchedLimits{Limiter: limit.New(limitScripts{process: p}), model: w.model}
	holds := limit.NewHolds(limitScripts{process: p})
	p.dispatcher, err = dispatcher.New(dispatcher.Options{
		Accept:  dispatcher.AcceptOptions{Ledger: p.ledger, Rules: schemes.Rules{Schemes: w.schemes}},
		Lanes:   dispatcher.LaneOptions{MaxQueued: w.scenario.maxQueued, Handoff: w.scenario.handoff, Share: w.share()},
		Enqueue: dispatcher.EnqueueOptions{Queue: queue, Senders: w.scenario.senders},
		Requeue: dispatcher.RequeueOptions{Ledger: p.ledger, Grace: grace},
		Release: dispatcher.ReleaseOptions{
			Ledger: p.ledger, Groups: p.ledger, Circuits: p.breaker, Limits: limits, Holds: holds,
			InFlight: dispatcher.InFlightLimits{PerEndpoint: maxInFlight, MaxPerEndpoint: maxInFlight},
		},
		Replay:    dispatcher.ReplayOptions{Ledger: p.ledger, Jobs: p.ledger},
		Rebuild:   dispatcher.RebuildOptions{Epochs: queue},
		Endpoints: p.registry,
		Tracer:    traces.Tracer{}, Logger: log, Now: p.now,
	})
	if err != nil {
		return err
	}
	p.worker, err = worker.New(worker.Options{
		Load: p.ledger,
		Gate: worker.GateOptions{
			Endpoints: p.registry, Circuits: p.breaker, Holds: holds, Limits: limits,
			InFlight: worker.InFlightLimits{PerEndpoint: maxInFlight, MaxPerEndpoint: maxInFlight},
		},
		Sign:    worker.SignOptions{Schemes: w.schemes, Secrets: w.keyring},
		Send:    sender{p},
		Decide:  worker.DecideOptions{Disabler: p.endpoints, Holder: holds, Random: p.random},
		Record:  worker.RecordOptions{Ledger: p.ledger, StoredBody: 64},
		Observe: worker.ObserveOptions{Traffic: uncounted{}, Circuits: p.breaker, Sweeper: p.dispatcher, Uses: p.ledger},
		Events:  p.dispatcher, Examples: p.ledger,
		Tracer: traces.Tracer{}, Meter: metrics.Meter{}, Logger: log, Now: p.now,
	})
	return err
}

// share is how much of a lane one endpoint may have.
func (w *world) share() int {
	if w.scenario.has(oneLane) {
		return w.scenario.maxQueued
	}
	return w.scenario.workers
}

func (p *process) start() {
	p.group.Go(func() { p.registry.Follow(p.ctx, followInterval, slog.New(slog.DiscardHandler)) })
	p.group.Go(func() { p.breaker.Follow(p.ctx, followInterval) })
	p.group.Go(func() { p.dispatcher.Run(p.ctx) })
	p.group.Go(func() { p.worker.Run(p.ctx) })
	p.group.Go(func() { p.retention.Run(p.ctx) })
	p.group.Go(func() { p.disabler.Run(p.ctx, followInterval) })
}

// crash ends a process between two of its calls: none of them goes through any
// more, and what it knew is gone.
func (w *world) crash(place int) {
	p := w.processes[place]
	if p.crashed {
		return
	}
	w.note("%s crashes", p.name)
	w.model.crashed(p)
	w.disturb(grace + 5*time.Second)
	w.queue.crash(p)
	w.stop(p)
}

// drainTime is what a process gets for each part of a stop: the longest timeout,
// and time to record.
const drainTime = timeout + 5*time.Second

// drain stops a process as it is done on request: it takes no more work, finishes
// what is under way, and then what goes on in the background.
func (w *world) drain(place int, then func()) {
	p := w.processes[place]
	if !p.open() {
		return
	}
	w.note("%s is asked to stop", p.name)
	p.draining = true
	if !slices.ContainsFunc(w.processes, (*process).open) {
		w.disturb(2*drainTime + restartTime)
	}
	w.await(place, p.idle, func() {
		p.cancel()
		ended := make(chan struct{})
		go func() { p.group.Wait(); close(ended) }()
		w.await(place, func() bool { return isClosed(ended) }, func() {
			w.note("%s has stopped", p.name)
			w.stop(p)
			then()
		})
	})
}

// await waits until something is done in a process that drains. One that takes
// too long is killed.
func (w *world) await(place int, done func() bool, then func()) {
	p, deadline := w.processes[place], time.Now().Add(drainTime)
	var look func()
	look = func() {
		switch {
		case p.crashed:
		case done():
			then()
		case time.Now().After(deadline):
			w.crash(place)
			w.bootLater(place)
		default:
			w.in(20*time.Millisecond, "look after the stop of "+p.name, look)
		}
	}
	look()
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// open reports whether a process takes work.
func (p *process) open() bool { return !p.crashed && !p.draining }

// idle reports whether a process works on nothing that it took.
func (p *process) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, busy := range p.workers {
		if busy > 0 {
			return false
		}
	}
	return p.requests.Load() == 0
}

// stop ends a process: its calls are refused from now on.
func (w *world) stop(p *process) {
	w.mu.Lock()
	p.crashed = true
	w.mu.Unlock()
	for _, c := range w.parked {
		if c.process == p {
			c.left = true
			c.on <- refused
		}
	}
	p.cancel()
}

// anywhere lets endpoints have any URL.
type anywhere struct{}

func (anywhere) CheckURL(string) error { return nil }

// uncounted counts no traffic.
type uncounted struct{}

func (uncounted) Observe(string, postback.Attempt) {}

// limitScripts run the limits' own scripts in the one Redis of all, over the
// gate.
type limitScripts struct {
	redis.Scripter
	process *process
}

func (l limitScripts) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return l.over(ctx, "script "+keys[0], func(ctx context.Context) *redis.Cmd {
		return l.process.world.limits.evalSha(ctx, sha, keys, args)
	})
}

func (l limitScripts) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return l.over(ctx, "load script "+keys[0], func(ctx context.Context) *redis.Cmd {
		return l.process.world.limits.eval(ctx, script, keys, args)
	})
}

func (l limitScripts) over(ctx context.Context, what string, run func(context.Context) *redis.Cmd) *redis.Cmd {
	var answer *redis.Cmd
	r := request{process: l.process, boundary: toLimits, name: l.process.name + " limits " + what}
	err := l.process.world.cross(ctx, r, func() error {
		answer = run(context.WithoutCancel(ctx))
		return nil
	})
	if err != nil {
		answer = redis.NewCmd(ctx)
		answer.SetErr(err)
	}
	return answer
}

// watchedLimits tell the model when a slot was given away.
type watchedLimits struct {
	*limit.Limiter
	model *model
}

func (l watchedLimits) Take(ctx context.Context, endpointID string, rate postback.RateLimit) (time.Duration, bool, error) {
	wait, taken, err := l.Limiter.Take(ctx, endpointID, rate)
	if taken {
		l.model.slot(endpointID, rate, time.Now().Add(wait))
	}
	return wait, taken, err
}
