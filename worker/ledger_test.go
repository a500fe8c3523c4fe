package worker_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

// errAway is what a ledger that cannot be reached answers.
var errAway = errors.New("the disk is gone")

// flaky is a ledger that can be away.
type flaky struct {
	worker.Deliveries
	worker.Recorder

	mu      sync.Mutex
	away    bool
	records int // to fail before the ledger is back
}

func (f *flaky) set(away bool, records int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away, f.records = away, records
}

func (f *flaky) Record(ctx context.Context, move postback.Transition) error {
	f.mu.Lock()
	fails := f.away || f.records > 0
	f.records--
	f.mu.Unlock()
	if fails {
		return errAway
	}
	return f.Recorder.Record(ctx, move)
}

func (f *flaky) gone() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.away
}

func (f *flaky) Due(ctx context.Context, ref postback.Ref) (postback.Due, error) {
	if f.gone() {
		return postback.Due{}, errAway
	}
	return f.Deliveries.Due(ctx, ref)
}

func (f *flaky) Ping(ctx context.Context) error {
	if f.gone() {
		return errAway
	}
	return f.Deliveries.Ping(ctx)
}

func withLedger(wrapped *flaky) func(*worker.Options) {
	return func(options *worker.Options) {
		wrapped.Deliveries, wrapped.Recorder = options.Load, options.Record.Ledger
		options.Load, options.Record.Ledger = wrapped, wrapped
	}
}

func TestAnAttemptIsRecordedOnceTheLedgerIsBack(t *testing.T) {
	t.Parallel()
	ledger := &flaky{}
	b := setup(t, withLedger(ledger))
	ledger.set(false, 3)
	delivery, attempts := b.once(t, b.exchange(t).ID)
	expectState(t, delivery, postback.Succeeded, "", 1)
	if len(attempts) != 1 {
		t.Errorf("%d attempts are in the history, want 1", len(attempts))
	}
	b.expectRequests(t, 1)
}

// deaf is a ledger whose first answer is lost.
type deaf struct {
	worker.Recorder

	heard atomic.Bool
}

func (d *deaf) Record(ctx context.Context, move postback.Transition) error {
	if err := d.Recorder.Record(ctx, move); err != nil || d.heard.Swap(true) {
		return err
	}
	return errAway
}

func TestAResultWhoseAnswerIsLostIsNotSaidToBeLost(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *worker.Options) { o.Record.Ledger = &deaf{Recorder: o.Record.Ledger} })
	delivery, attempts := b.once(t, b.exchange(t).ID)
	expectState(t, delivery, postback.Succeeded, "", 1)
	if len(attempts) != 1 {
		t.Errorf("%d attempts are in the history, want 1", len(attempts))
	}
	if said := b.Logs.With("delivery changed meanwhile, result not applied"); len(said) != 0 {
		t.Errorf("the log says %v", said)
	}
	if said := b.Logs.With("result recorded by an earlier try, or delivery changed meanwhile"); len(said) != 1 {
		t.Errorf("the log says so %d times, want once", len(said))
	}
}

func TestNothingIsSentWhileTheLedgerIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ledger := &flaky{Deliveries: oneDelivery{}, Recorder: oneDelivery{}}
		out := &sender{result: egress.Result{StatusCode: 200}}
		made := onFakes(t, ledger, out)
		ledger.set(true, 0)
		due := postback.Due{Delivery: postback.Delivery{ID: "dlv_0194b9aa0194b9aa0194b9aa0194b9aa", EndpointID: "ep_1", Generation: 1}}
		due.Event.Data = []byte(exchangeData)
		began := time.Now()
		if err := made.Deliver(t.Context(), fresh(due)); !errors.Is(err, errAway) {
			t.Fatalf("got %v, want the ledger's error", err)
		}
		if held := time.Since(began); held < 80*time.Second || held > 100*time.Second {
			t.Errorf("the worker held on to its attempt for %s", held)
		}
		for range 3 {
			if err := made.Deliver(t.Context(), fresh(due)); !errors.Is(err, errAway) {
				t.Errorf("got %v, want the ledger's error", err)
			}
		}
		if out.count() != 1 {
			t.Errorf("sent %d times while nothing could be recorded", out.count())
		}
		ledger.set(false, 0)
		if err := made.Deliver(t.Context(), fresh(due)); err != nil || out.count() != 2 {
			t.Errorf("after the outage: %v, sent %d times", err, out.count())
		}
	})
}

func TestAnAttemptOutlivesItsTask(t *testing.T) {
	t.Parallel()
	b := setup(t)
	due := b.accept(t, b.exchange(t).ID, exchangeData)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // Redis lost sight of this worker
	if err := b.worker.Deliver(ctx, fresh(due)); err != nil {
		t.Fatal(err)
	}
	delivery, _ := b.read(t, due.Delivery.ID)
	expectState(t, delivery, postback.Succeeded, "", 1)
	b.expectRequests(t, 1)
}

func TestAStaleTaskAsksTheLedger(t *testing.T) {
	t.Parallel()
	ledger := &flaky{}
	b := setup(t, withLedger(ledger))
	endpoint := b.exchange(t)
	due := b.accept(t, endpoint.ID, exchangeData)
	recheck := fresh(due)
	recheck.Recheck = true

	ledger.set(true, 0)
	if err := b.worker.Deliver(t.Context(), recheck); !errors.Is(err, errAway) {
		t.Errorf("with the ledger away: %v", err)
	}
	ledger.set(false, 0)
	b.expectRequests(t, 0)

	if err := b.worker.Deliver(t.Context(), recheck); err != nil {
		t.Fatal(err)
	}
	b.expectRequests(t, 1)
	// The attempt is recorded now: what comes again is dropped.
	unknown := recheck
	unknown.Ref.DeliveryID = "dlv_unknown"
	bare := fresh(due)
	bare.Due = nil
	for name, stale := range map[string]task.Attempt{"recheck": recheck, "unknown": unknown, "bare": bare} {
		if err := b.worker.Deliver(t.Context(), stale); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.expectRequests(t, 1)
	delivery, attempts := b.read(t, due.Delivery.ID)
	expectState(t, delivery, postback.Succeeded, "", 1)
	if len(attempts) != 1 {
		t.Errorf("%d attempts are in the history", len(attempts))
	}
}

func TestATaskWithoutItsEventReadsIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	due := b.accept(t, b.exchange(t).ID, exchangeData)
	bare := fresh(due)
	bare.Due = nil
	if err := b.worker.Deliver(t.Context(), bare); err != nil {
		t.Fatal(err)
	}
	b.expectRequests(t, 1)
	delivery, _ := b.read(t, due.Delivery.ID)
	expectState(t, delivery, postback.Succeeded, "", 1)
}

func TestTheSameAttemptIsMadeOnceAtATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	due := b.accept(t, b.exchange(t).ID, exchangeData)
	arrived, leave := make(chan struct{}, 10), make(chan struct{})
	b.receiver.Answer(blocking(arrived, leave))
	done := make(chan error)
	go func() { done <- b.worker.Deliver(t.Context(), fresh(due)) }()
	testkit.Receive(t, "the request", arrived)
	for range 5 {
		if err := b.worker.Deliver(t.Context(), fresh(due)); err == nil {
			t.Error("a task of the same attempt is done with, and the attempt may be parked")
		}
	}
	close(leave)
	if err := testkit.Receive(t, "the end of the attempt", done); err != nil {
		t.Fatal(err)
	}
	again := fresh(due)
	again.Recheck = true // as the queue does when it comes again
	if err := b.worker.Deliver(t.Context(), again); err != nil {
		t.Errorf("the task that came again: %v", err)
	}
	b.expectRequests(t, 1)
	if _, attempts := b.read(t, due.Delivery.ID); len(attempts) != 1 {
		t.Errorf("%d attempts are in the history", len(attempts))
	}
}

func TestAnAttemptThatComesTooLateIsStillInTheHistory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t)
	due := b.accept(t, endpoint.ID, exchangeData)
	arrived, leave := make(chan struct{}, 1), make(chan struct{})
	b.receiver.Answer(blocking(arrived, leave))
	done := make(chan error)
	go func() { done <- b.worker.Deliver(t.Context(), fresh(due)) }()
	testkit.Receive(t, "the request", arrived)
	if err := b.Endpoints.Delete(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	close(leave)
	if err := testkit.Receive(t, "the end of the attempt", done); err != nil {
		t.Fatal(err)
	}
	delivery, attempts := b.read(t, due.Delivery.ID)
	expectState(t, delivery, postback.Cancelled, postback.ReasonEndpointDeleted, 0)
	if len(attempts) != 1 || attempts[0].StatusCode != 200 {
		t.Errorf("the history has %+v, want the attempt that was made", attempts)
	}
	if len(b.Logs.With("delivery changed meanwhile, result not applied")) != 1 {
		t.Error("nothing is logged of it")
	}
}
