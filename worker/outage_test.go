package worker_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/outage"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

// network reaches nobody until it is mended, and then answers 200.
type network struct {
	code   string
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
	return egress.Result{Failure: &egress.Failure{Kind: egress.Failed, Code: n.code, Message: "connect to 192.0.2.1:443: no answer in time"}}
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
			b := setup(t, func(o *worker.Options) { o.Sender, o.Way = out, way })
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
				b.expectNext(t, got, 15*time.Second)
			}
			if state, down := way.State(b.clock.now()); !down || state.Deliveries != 4 || state.Endpoints != 4 {
				t.Errorf("an outage is %t: %+v", down, state)
			}
			sent := out.sent.Load()
			got, _ := b.deliver(t, deliveries[7]) // its host failed just now
			if expectState(t, got, postback.Pending, "", 0); got.LastError != outage.Reason || out.sent.Load() != sent {
				t.Errorf("it waits for %q, and was tried %d times", got.LastError, out.sent.Load()-sent)
			}
			if len(b.Breaker.Troubles()) != 0 {
				t.Errorf("in trouble are %+v", b.Breaker.Troubles())
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
			b := setup(t, func(o *worker.Options) { o.Sender, o.Way = &network{code: code}, outage.NewMonitor(outage.Default()) })
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
		o.Way = way
		o.Sender = &sender{result: egress.Result{Failure: &egress.Failure{Kind: egress.Infrastructure, Code: egress.CodeResolver, Message: "no answer"}}}
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
	b := setup(t, func(o *worker.Options) { o.Secrets, o.Way = &sealed{}, way })
	for _, id := range b.crowd(t, 8) {
		b.deliver(t, id)
	}
	if state, down := way.State(b.clock.now()); down {
		t.Errorf("an outage is %+v", state)
	}
}
