package circuit_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/internal/circuit"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// endpoint is ep_1 as it was changed at a time.
func endpoint(changed time.Time) postback.Endpoint {
	return postback.Endpoint{ID: "ep_1", UpdatedAt: changed}
}

// probe asks for a probe, and says how many deliveries were let go so far.
func (b *bench) probe(t *testing.T, breaker *circuit.Breaker, changed, now time.Time) int {
	t.Helper()
	if send := breaker.Probe(endpoint(changed), now); send != nil {
		if err := send(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	count, err := b.ledger.CountDeliveries(t.Context(), postback.DeliveryFilter{States: []postback.State{postback.Pending}})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func TestProbesAreMadeByOneProcessAtATime(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		random float64
		times  []time.Duration // of the probes
	}{
		"without jitter": {0, []time.Duration{5, 15, 35, 75}},
		"with jitter":    {0.8, []time.Duration{4, 12, 28, 60}}, // a fifth less
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.parked(t, 10)
			random := func(o *circuit.Options) { o.Random = func() float64 { return tt.random } }
			one, two := b.process(t, random), b.process(t, random)
			fail(t, one, 10, at(0))
			refresh(t, two)
			for i, seconds := range tt.times {
				due := at(seconds * time.Second)
				if sent := b.probe(t, one, at(-time.Hour), due.Add(-time.Millisecond)); sent != i {
					t.Fatalf("%d probes before %ds, want %d", sent, seconds, i)
				}
				for _, process := range []*circuit.Breaker{one, two, one, two} {
					if sent := b.probe(t, process, at(-time.Hour), due); sent != i+1 {
						t.Fatalf("%d probes at %ds, want %d", sent, seconds, i+1)
					}
				}
				fail(t, one, 1, due)
				refresh(t, two)
			}
		})
	}
}

func TestAProbeWaitsForADelivery(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one := b.process(t)
	fail(t, one, 10, at(0))
	b.probe(t, one, at(-time.Hour), at(time.Minute))
	b.parked(t, 1)
	if sent := b.probe(t, one, at(-time.Hour), at(time.Minute)); sent != 1 {
		t.Error("the first delivery that came was not sent as a probe")
	}
}

// Whoever mended an endpoint, or resumed it, does not wait for minutes to see
// whether that helped.
func TestAChangedEndpointIsProbedAtOnce(t *testing.T) {
	t.Parallel()
	for name, skew := range map[string]time.Duration{"": 0, "by a clock that is ahead": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.parked(t, 10)
			one, two := b.process(t), b.process(t)
			fail(t, one, 10, at(0))
			refresh(t, two)
			changed := at(time.Second + skew)
			for i, process := range []*circuit.Breaker{one, one, two, two} {
				now := at(time.Second + time.Duration(i)*100*time.Millisecond)
				if sent := b.probe(t, process, changed, now); sent != 1 {
					t.Fatalf("%d probes after the change, want one", sent)
				}
				refresh(t, two)
			}
			if got := b.streak(t); got.Probes != 1 || !got.ProbeAt.After(at(10*time.Second)) {
				t.Errorf("got %+v", got)
			}
			if sent := b.probe(t, two, at(8*time.Second), at(8*time.Second)); sent != 2 {
				t.Error("it was not probed after the next change")
			}
		})
	}
}

// mute answers nothing but whether it is there.
type mute struct {
	*ledger
	away  atomic.Bool
	asked atomic.Int64
}

func (m *mute) StreaksSince(context.Context, int64) (postback.StreakChanges, error) {
	m.asked.Add(1)
	if m.away.Load() {
		return postback.StreakChanges{}, errors.New("gone")
	}
	return postback.StreakChanges{All: true, Changed: []postback.FailureStreak{
		{EndpointID: "ep_1", Since: at(0), FailedAt: at(100 * time.Hour), Failures: 900, OpenedAt: at(0)},
	}}, nil
}

func TestFollowing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		logger, logs := testkit.NewLogger()
		there := &mute{}
		one, err := circuit.NewBreaker(circuit.Options{
			Ledger: there, Prober: there, Policy: circuit.Default(), Random: func() float64 { return 0 }, Logger: logger,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			one.Follow(ctx, time.Second)
		}()
		for _, away := range []bool{false, true, false, true} {
			there.away.Store(away)
			time.Sleep(10 * time.Second) //nolint:forbidigo // of the bubble's clock
			synctest.Wait()              // for the look of this very moment
			if !one.Open("ep_1") {
				t.Error("it forgot what it knew")
			}
		}
		cancel()
		<-ended
		if got := len(logs.With("background job failing, will retry")); got != 2 || there.asked.Load() != 40 {
			t.Errorf("%d lines about two outages, asked %d times", got, there.asked.Load())
		}
	})
}
