package circuit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/circuit"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

var errAway = errors.New("the ledger is away")

// ledger is a real one that can be away and counts what is asked of it.
type ledger struct {
	*sqlite.Ledger

	mu    sync.Mutex
	away  bool
	calls map[string]int
}

func (l *ledger) called(what string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[what]++
	if l.away {
		return errAway
	}
	return nil
}

func (l *ledger) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls[what]
}

func (l *ledger) setAway(away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = away
}

func (l *ledger) NoteFailures(ctx context.Context, more postback.FailureStreak) error {
	if err := l.called("note"); err != nil {
		return err
	}
	return l.Ledger.NoteFailures(ctx, more)
}

func (l *ledger) OpenCircuit(ctx context.Context, endpointID string, at, probeAt time.Time) (bool, error) {
	if err := l.called("open"); err != nil {
		return false, err
	}
	return l.Ledger.OpenCircuit(ctx, endpointID, at, probeAt)
}

func (l *ledger) Recover(ctx context.Context, endpointID string, when time.Time) (postback.FailureStreak, bool, error) {
	if err := l.called("recover"); err != nil {
		return postback.FailureStreak{}, false, err
	}
	return l.Ledger.Recover(ctx, endpointID, when)
}

// expectNotices checks the alerts that an operator is to get.
func (b *bench) expectNotices(t *testing.T, want ...string) {
	t.Helper()
	found, err := b.ledger.Notices(t.Context(), storetest.After(time.Hour), 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, notice := range found {
		got = append(got, fmt.Sprintf("%s %s: %s after %s", notice.EndpointID, notice.Type, notice.LastError, notice.At.Sub(notice.Since)))
	}
	if !slices.Equal(got, want) {
		t.Errorf("an operator is alerted of %q, want %q", got, want)
	}
}

// bench is a ledger that several processes share.
type bench struct {
	ledger *ledger
	logs   *testkit.Logs
}

func setup(t *testing.T) *bench {
	t.Helper()
	return &bench{ledger: &ledger{Ledger: testkit.OpenLedger(t), calls: map[string]int{}}}
}

// process is a Breaker of its own.
func (b *bench) process(t *testing.T, alter ...func(*circuit.Options)) *circuit.Breaker {
	t.Helper()
	logger, logs := testkit.NewLogger()
	b.logs = logs
	options := circuit.Options{
		Ledger: b.ledger, Prober: b.ledger, Policy: circuit.Default(),
		Random: func() float64 { return 0 }, Logger: logger,
	}
	for _, change := range alter {
		change(&options)
	}
	made, err := circuit.NewBreaker(options)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func refresh(t *testing.T, breakers ...*circuit.Breaker) {
	t.Helper()
	for _, one := range breakers {
		if err := one.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// fail reports so many failures at a time.
func fail(t *testing.T, b *circuit.Breaker, count int, when time.Time) {
	t.Helper()
	for range count {
		b.Failed(t.Context(), "ep_1", "timeout", when)
	}
}

// parked writes parked deliveries of ep_1.
func (b *bench) parked(t *testing.T, count int) {
	t.Helper()
	for i := range count {
		event := storetest.Event(fmt.Sprintf("evt_%d", i))
		event.AcceptedAt = at(time.Duration(i-count) * time.Second)
		item := storetest.Acceptance(event, "ep_1")
		item.Deliveries[0].State, item.Deliveries[0].Reason = postback.Parked, postback.ReasonCircuitOpen
		if _, err := b.ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
			t.Fatal(err)
		}
	}
}

// streak is what the ledger has of ep_1.
func (b *bench) streak(t *testing.T) postback.FailureStreak {
	t.Helper()
	all, err := b.ledger.FailureStreaks(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%d streaks, %v", len(all), err)
	}
	return all[0]
}
