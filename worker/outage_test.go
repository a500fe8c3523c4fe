package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/outage"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

// network reaches nobody until it is mended, and then answers 200.
type network struct {
	code   string
	reused bool
	mended atomic.Bool
	sent   atomic.Int64
}

func (n *network) Send(context.Context, egress.Request, time.Duration) egress.Result {
	n.sent.Add(1)
	if n.mended.Load() {
		return egress.Result{Sent: true, StatusCode: 200}
	}
	if n.code == "" {
		return egress.Result{Sent: true, StatusCode: 503}
	}
	return egress.Result{Reused: n.reused, Failure: &egress.Failure{Kind: egress.Failed, Code: n.code, Message: "connect to 192.0.2.1:443: no answer in time"}}
}

// crowd are deliveries of endpoints of as many publishers, at hosts of their own.
func (b *bench) crowd(t *testing.T, publishers int) (deliveries []string) {
	t.Helper()
	for i := range publishers {
		endpoint := b.exchange(t, func(spec *postback.EndpointSpec) {
			spec.Publisher, spec.URL = fmt.Sprintf("pub_%d", i), fmt.Sprintf("https://host%d.example.com/hook", i)
		})
		deliveries = append(deliveries, b.accept(t, endpoint.ID, exchangeData).Delivery.ID)
	}
	return deliveries
}

// When nobody can be reached the fault is ours: such failures use up no attempt
// and open no circuit, the deliveries say why they wait, and they go on when
// somebody can be reached.
func TestWhenNobodyIsReachedTheFaultIsOurs(t *testing.T) {
	t.Parallel()
	for _, code := range []string{egress.CodeConnectTimeout, egress.CodeConnectRefused, egress.CodeConnectUnreachable, egress.CodeReset} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			out := &network{code: code}
			way := outage.NewMonitor(outage.Default())
			b := setup(t, func(o *worker.Options) { o.Send, o.Egress = out, way })
			deliveries := b.crowd(t, 8)
			for i, id := range deliveries {
				b.clock.advance(time.Second)
				got, attempts := b.deliver(t, id)
				if i < 4 { // too few to know
					expectState(t, got, postback.Retrying, "", 1)
					continue
				}
				expectState(t, got, postback.Pending, "", 0)
				if got.LastError != outage.Reason || len(attempts) != 0 {
					t.Errorf("delivery %d waits for %q after %d attempts", i, got.LastError, len(attempts))
				}
				b.expectNext(t, got, 2*time.Second)
			}
			if state, down := way.State(b.clock.now()); !down || state.Deliveries != 4 || state.Endpoints != 4 {
				t.Errorf("an outage is %t: %+v", down, state)
			}
			sent := out.sent.Load()
			got, _ := b.deliver(t, deliveries[7]) // its host failed just now
			if expectState(t, got, postback.Pending, "", 0); got.LastError != outage.Reason || out.sent.Load() != sent {
				t.Errorf("it waits for %q, and was tried %d times", got.LastError, out.sent.Load()-sent)
			}
			if len(b.Breaker.Streaks()) != 0 {
				t.Errorf("failing are %+v", b.Breaker.Streaks())
			}
			out.mended.Store(true)
			b.clock.advance(15 * time.Second)
			for _, id := range deliveries[4:] {
				got, _ := b.deliver(t, id)
				expectState(t, got, postback.Succeeded, "", 1)
			}
		})
	}
}

// Statuses, and names that do not resolve, are no outage however many there are.
func TestAnswersAreNoOutage(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{
		"status": "", "name": egress.CodeDNS, "slow": egress.CodeTimeout, "certificate": egress.CodeTLSExpired,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *worker.Options) { o.Send, o.Egress = &network{code: code}, outage.NewMonitor(outage.Default()) })
			for _, id := range b.crowd(t, 8) {
				got, _ := b.deliver(t, id)
				expectState(t, got, postback.Retrying, "", 1)
			}
		})
	}
}

// What is ours beyond doubt is an outage, too.
func TestAMissingWayOutIsAnOutage(t *testing.T) {
	t.Parallel()
	way := outage.NewMonitor(outage.Default())
	b := setup(t, func(o *worker.Options) {
		o.Egress = way
		o.Send = &sender{result: egress.Result{Failure: &egress.Failure{Kind: egress.Infrastructure, Code: egress.CodeResolver, Message: "no answer"}}}
	})
	for _, id := range b.crowd(t, 3) {
		got, _ := b.deliver(t, id)
		expectState(t, got, postback.Pending, "", 0)
	}
	if state, down := way.State(b.clock.now()); !down || state.Reason != egress.CodeResolver || state.Deliveries != 3 {
		t.Errorf("an outage is %t: %+v", down, state)
	}
}

// Examples are not held, and a secret that does not open is no outage.
func TestWhatIsNoOutage(t *testing.T) {
	t.Parallel()
	way := outage.NewMonitor(outage.Default())
	b := setup(t, func(o *worker.Options) { o.Sign.Secrets, o.Egress = &sealed{}, way })
	for _, id := range b.crowd(t, 8) {
		b.deliver(t, id)
	}
	if state, down := way.State(b.clock.now()); down {
		t.Errorf("an outage is %+v", state)
	}
}

// A connection that was made before an outage says nothing of it: one that ends in
// silence, or is closed, proves the egress path only when it was made for the attempt.
func TestAKeptConnectionProvesNothing(t *testing.T) {
	t.Parallel()
	for _, code := range []string{egress.CodeTimeout, egress.CodeClosed} {
		for reused, works := range map[bool]bool{true: false, false: true} {
			out := &network{code: egress.CodeConnectTimeout}
			way := outage.NewMonitor(outage.Default())
			b := setup(t, func(o *worker.Options) { o.Send, o.Egress = out, way })
			deliveries := b.crowd(t, 6)
			for _, id := range deliveries[:5] {
				b.clock.advance(time.Second)
				b.deliver(t, id)
			}
			b.clock.advance(time.Second)
			out.code, out.reused = code, reused
			b.deliver(t, deliveries[5])
			if ended(way.Works()) != works {
				t.Errorf("%s, reused %t: the egress path works: %t, want %t", code, reused, !works, works)
			}
		}
	}
}

func ended(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// panics breaks down in the middle of an attempt.
type panics struct{}

func (panics) Send(context.Context, egress.Request, time.Duration) egress.Result { panic("a bug") }

// An example takes no probe, though the sweeper brings it back, and one that an
// attempt breaks down with is given back.
func TestNoProbeIsLost(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		out  worker.Sender
		test bool
	}{"an example": {&network{mended: atomic.Bool{}, code: egress.CodeConnectTimeout}, true}, "a panic": {panics{}, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			way := outage.NewMonitor(outage.Default())
			b := setup(t, func(o *worker.Options) { o.Send, o.Egress = one.out, way })
			hold(t, way, b.clock.now())
			endpoint := b.exchange(t, func(spec *postback.EndpointSpec) { spec.Publisher = "pub_1" })
			due := b.accept(t, endpoint.ID, exchangeData, func(d *postback.Delivery) { d.Test = one.test })
			func() {
				defer func() { _ = recover() }()
				_ = b.worker.Deliver(t.Context(), fresh(due))
			}()
			probe := outage.Attempt{DeliveryID: "dlv_2", EndpointID: "ep_2", Publisher: "pub_1", Host: "other.example.com", StartedAt: b.clock.now()}
			if !way.Enter(probe, b.clock.now()) {
				t.Error("the publisher is probed no more")
			}
		})
	}
}

// hold has an egress path be held for failures of many receivers, the only endpoint's
// of a worker on fakes among them.
func hold(t *testing.T, way *outage.Monitor, now time.Time) {
	t.Helper()
	hosts := []string{"receiver.example.com"}
	for i := range 5 {
		hosts = append(hosts, fmt.Sprintf("down%d.example.com", i))
	}
	for i, host := range hosts {
		attempt := outage.Attempt{
			DeliveryID: fmt.Sprintf("dlv_down%d", i), EndpointID: "ep_" + host, Publisher: "of " + host, Host: host, StartedAt: now,
		}
		way.Learn(attempt, outage.Unreached, egress.CodeConnectTimeout, "no answer in time", now)
	}
	if ended(way.Works()) {
		t.Fatal("nothing is held")
	}
}

// lone is a ledger of one delivery that notes what becomes of it.
type lone struct {
	worker.Deliveries

	due  postback.Due
	move postback.Transition
}

func (n *lone) Due(context.Context, postback.Ref) (postback.Due, error) { return n.due, nil }

func (n *lone) Record(_ context.Context, move postback.Transition) error {
	n.move = move
	return nil
}

// A process that cannot send takes few deliveries from those that can: each of
// its workers is busy for a while with one that it cannot send, which then waits a
// short time for the next process, not for this one's outage.
func TestAProcessWithoutAWayOutIsSlowToTakeMore(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]string{"held": outage.Reason, "beyond doubt": egress.CodeSource} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ledger, way := waiting(), outage.NewMonitor(outage.Default())
				w := onFakes(t, ledger, &sender{result: egress.Result{Failure: &egress.Failure{Kind: egress.Infrastructure, Code: egress.CodeSource, Message: "it is gone"}}},
					func(o *worker.Options) { o.Egress = way })
				if cause == outage.Reason {
					hold(t, way, time.Now())
				} else {
					way.Missing(egress.CodeSource, "it is gone", time.Now())
				}
				began := time.Now()
				if err := w.Deliver(t.Context(), fresh(ledger.due)); err != nil {
					t.Fatal(err)
				}
				if busy := time.Since(began); busy != 3*time.Second {
					t.Errorf("the worker was busy for %s", busy)
				}
				if move := ledger.move; move.To != postback.Pending || move.Cause != cause || !move.NextAttemptAt.Equal(time.Now().Add(2*time.Second)) || !move.SweepAt.Equal(move.NextAttemptAt) {
					t.Errorf("it is %s for %q until %s", move.To, move.Cause, move.NextAttemptAt)
				}
			})
		})
	}
}

// What waits for the egress path is sent as soon as it works.
func TestWhatIsHeldGoesOnWhenTheWayOutWorks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ledger, way := waiting(), outage.NewMonitor(outage.Default())
		out := &sender{result: egress.Result{Sent: true, StatusCode: 200}}
		w := onFakes(t, ledger, out, func(o *worker.Options) { o.Egress = way })
		hold(t, way, time.Now())
		began, done := time.Now(), make(chan error)
		go func() { done <- w.Deliver(t.Context(), fresh(ledger.due)) }()
		time.Sleep(time.Second) //nolint:forbidigo // of the bubble's clock
		if out.count() != 0 {
			t.Error("it was sent though it is held")
		}
		reached := outage.Attempt{DeliveryID: "dlv_2", Publisher: "pub_2", Host: "well.example.com", StartedAt: time.Now()}
		way.Learn(reached, outage.Reached, "", "", time.Now())
		if err := <-done; err != nil || out.count() != 1 || ledger.move.To != postback.Succeeded || time.Since(began) != time.Second {
			t.Errorf("after %s it is %s: %v", time.Since(began), ledger.move.To, err)
		}
	})
}

// waiting is a ledger with a delivery of the only endpoint.
func waiting() *lone {
	now := time.Now()
	return &lone{due: postback.Due{
		Event: postback.Event{ID: "evt_1", Type: "exchange.finished", Data: json.RawMessage(exchangeData), AcceptedAt: now},
		Delivery: postback.Delivery{
			ID: "dlv_0194b9aa0194b9aa0194b9aa0194b9aa", EventID: "evt_1", EndpointID: "ep_1", State: postback.Pending, Generation: 1, CreatedAt: now, OpenedAt: now,
		},
	}}
}

// A receiver that only this host has no way to, while others are reached, is no
// outage: its deliveries end at their max_age, and operators are alerted once.
func TestWhatHasNoWayOutOfItsOwnEndsAtItsMaxAge(t *testing.T) {
	t.Parallel()
	sent := &alerts{}
	out := &routes{unreachable: "six.example.com"}
	b := setup(t, func(o *worker.Options) {
		o.Send, o.Egress, o.Decide.Alerts = out, outage.NewMonitor(outage.Default()), sent
	})
	well := b.exchange(t)
	six := b.exchange(t, func(spec *postback.EndpointSpec) {
		spec.Publisher, spec.URL = "pub_six", "https://six.example.com/hook"
		spec.Retry.MaxAge = postback.Duration(time.Hour)
	})
	delivery := b.accept(t, six.ID, exchangeData).Delivery
	turn := func() (postback.Delivery, []postback.Attempt) {
		b.once(t, well.ID)
		b.clock.advance(time.Second)
		got, attempts := b.deliver(t, delivery.ID)
		b.clock.advance(14 * time.Second)
		return got, attempts
	}
	for range 6 {
		got, attempts := turn()
		expectState(t, got, postback.Pending, "", 0)
		if got.LastError != egress.CodeNoRoute || len(attempts) != 0 {
			t.Errorf("it waits for %q after %d attempts", got.LastError, len(attempts))
		}
	}
	if len(sent.all) != 1 || sent.all[0].EndpointID != six.ID || sent.all[0].Cause != egress.CodeNoRoute {
		t.Errorf("operators were alerted of %+v", sent.all)
	}
	b.clock.advance(time.Hour)
	var got postback.Delivery
	for range 3 {
		if got, _ = turn(); got.State.Ended() {
			break
		}
	}
	expectState(t, got, postback.Dead, postback.ReasonMaxAge, 0)
	if got.LastError != egress.CodeNoRoute {
		t.Errorf("it ended with %q", got.LastError)
	}
}

// routes has none to one host.
type routes struct{ unreachable string }

func (r *routes) Send(_ context.Context, request egress.Request, _ time.Duration) egress.Result {
	if postback.HostOf(request.URL) == r.unreachable {
		return egress.Result{Failure: &egress.Failure{Kind: egress.Infrastructure, Code: egress.CodeNoRoute, Message: "no route"}}
	}
	return egress.Result{Sent: true, StatusCode: 200}
}
