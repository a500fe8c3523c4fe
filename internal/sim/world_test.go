package sim_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/internal/seal"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/storetest"
)

// patience is how long after all is well again the last delivery may end.
const patience = 150 * time.Second

// world is one run of a scenario.
type world struct {
	scenario scenario
	chance   chance
	start    time.Time
	schemes  *schemes.Catalogue
	keyring  *seal.Keyring
	place    place
	asks     bool // the ledger each time, even if nothing has changed
	ledger   storetest.Ledger
	opened   []storetest.Ledger // by processes
	peeker   *peeker            // nil: the ledger can only be asked
	queue    *queue
	limits   *scriptRedis
	names    *names
	model    *model
	trace    *trace
	clients  sync.WaitGroup

	mu        sync.Mutex
	arrived   []*call // at the gate, and not yet seen by the scheduler
	repeat    []func()
	producers map[string]context.Context // by the first event that they send
	bell      chan struct{}              // rings when somebody came to the gate

	// Of whoever goes on: one at a time.
	changes  int // that the ledger may have had
	readings map[string]known

	// The scheduler's own.
	parked       []*call
	plans        []plan
	counts       map[string]int // of calls by their names
	processes    []*process
	old          []*process
	queueNames   []string
	looks, boots int
	disturbances []disturbance
	ends         map[string]postback.Delivery
	over         bool
}

// outcome is what came of a run.
type outcome struct {
	broken   []string
	trace    string
	sum      uint64
	took     time.Duration // of virtual time
	did      runCounts
	scenario scenario
}

// runCounts are how much happened in runs.
type runCounts struct{ steps, deliveries, attempts, crashes int }

func (w *world) happened() runCounts {
	return runCounts{steps: w.trace.all, deliveries: len(w.model.order), attempts: len(w.model.attempts), crashes: w.model.crashes}
}

func (c runCounts) and(other runCounts) runCounts {
	return runCounts{c.steps + other.steps, c.deliveries + other.deliveries, c.attempts + other.attempts, c.crashes + other.crashes}
}

func (c runCounts) String() string {
	return fmt.Sprintf("%d steps, %d deliveries, %d attempts, %d crashes", c.steps, c.deliveries, c.attempts, c.crashes)
}

// kit is what all runs of a test share.
type kit struct {
	schemes *schemes.Catalogue
	keyring *seal.Keyring
	place   place
	asks    bool // the ledger each time, even if nothing has changed
}

func newKit(t *testing.T, where place) *kit {
	t.Helper()
	loaded, err := schemes.Load()
	if err != nil {
		t.Fatal(err)
	}
	return &kit{schemes: loaded, keyring: testkit.NewKeyring(t), place: where}
}

// run runs a seed in a world of its own.
func (k *kit) run(t *testing.T, seed uint64, s scenario) (result outcome) {
	t.Helper()
	if err := k.place.empty(); err != nil {
		t.Fatal(err)
	}
	cryptotest.SetGlobalRandom(t, seed)
	synctest.Test(t, func(t *testing.T) { result = k.inBubble(t, seed, s) })
	return result
}

func (k *kit) inBubble(t *testing.T, seed uint64, s scenario) outcome {
	<-time.After(k.place.hour)
	ledger, err := k.place.open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	all := &names{byID: map[string]string{}}
	w := &world{
		scenario: s, chance: chance{seed}, start: time.Now(), schemes: k.schemes, keyring: k.keyring, place: k.place, asks: k.asks, ledger: ledger,
		names: all, model: newModel(all), trace: &trace{start: time.Now(), loud: flagOf("sim.trace") == "true"},
		bell: make(chan struct{}, 1), counts: map[string]int{}, producers: map[string]context.Context{}, readings: map[string]known{}, ends: map[string]postback.Delivery{},
	}
	w.queue = newQueue(w, s.shards)
	for _, lane := range []string{"deliver", "retry"} {
		for shard := range s.shards {
			w.queueNames = append(w.queueNames, fmt.Sprintf("%s-%d", lane, shard))
		}
	}
	w.limits = newScriptRedis()
	if k.place.peek != nil {
		w.peeker = k.place.peek()
	}
	w.live()
	w.check()
	took := time.Since(w.start)
	w.end()
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	return outcome{broken: w.model.broken, trace: w.trace.String(), sum: w.trace.sum, took: took, did: w.happened(), scenario: s}
}

// live runs the scenario until every delivery has ended, or long after.
func (w *world) live() {
	w.makeEndpoints()
	for place := range w.scenario.skews {
		w.processes = append(w.processes, &process{crashed: true})
		what := "boot" + strings.Repeat("i", place)
		w.in(w.chance.between(what, time.Millisecond, 400*time.Millisecond), what, func() { w.boot(place) })
	}
	w.planWork()
	w.planFaults()
	w.in(time.Second, "audit", w.audits)
	w.in(forwardEvery, "forward", w.forwards)
	w.in(recoverEvery, "recover", w.recovers)
	w.run(func() bool { return w.over })
}

func (w *world) audits() {
	ended := w.audit()
	since := time.Since(w.start)
	ended = ended && (!w.purgesAll() || w.isEmpty())
	w.over = ended && since > w.scenario.heal+2*time.Second || since > w.scenario.heal+patience+w.purgeTime() || len(w.model.broken) > 0
	w.in(time.Second+137*time.Microsecond, "audit", w.audits)
}

func (w *world) forwards() {
	w.queue.forward()
	w.in(forwardEvery+59*time.Microsecond, "forward", w.forwards)
}

func (w *world) recovers() {
	for _, p := range w.processes {
		if !p.crashed {
			w.queue.recoverExpired(p)
		}
	}
	w.in(recoverEvery+31*time.Microsecond, "recover", w.recovers)
}

// end stops all processes and waits for what is left of them.
func (w *world) end() {
	for _, p := range w.processes {
		w.stop(p)
	}
	for _, p := range append(w.old, w.processes...) {
		p.group.Wait()
	}
	w.clients.Wait()
}

// close gives back what the run had open.
func (w *world) close() (err error) {
	w.limits.close()
	if w.peeker != nil {
		err = w.peeker.close()
	}
	for _, one := range append(w.opened, w.ledger) {
		err = errors.Join(err, one.Close())
	}
	return err
}
