package clock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/clock"
	"github.com/waybillhq/waybill/internal/testkit"
)

var postgres testkit.SharedPostgres

func TestMain(m *testing.M) { goleak.VerifyTestMain(postgres.Around(m)) }

var errAway = errors.New("it is gone")

// world is a host and a ledger whose clocks stand still between trips.
type world struct {
	up     time.Duration
	wall   time.Time // of the host
	ledger time.Time
	trips  []time.Duration // how long the next ones take; a millisecond without
	asked  int
	away   bool
}

func newWorld(ledgerAhead time.Duration) *world {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &world{wall: start, ledger: start.Add(ledgerAhead)}
}

// pass lets time go by on every clock.
func (w *world) pass(by time.Duration) {
	w.up, w.wall, w.ledger = w.up+by, w.wall.Add(by), w.ledger.Add(by)
}

func (w *world) host() clock.Reading { return clock.Reading{Wall: w.wall, Up: w.up} }

// Now is the ledger's answer. The whole of a trip that is not swift is spent on
// the way back, the worst case for whoever believes in its middle.
func (w *world) Now(context.Context) (time.Time, error) {
	w.asked++
	if w.away {
		return time.Time{}, errAway
	}
	took := time.Millisecond
	if len(w.trips) > 0 {
		took, w.trips = w.trips[0], w.trips[1:]
	}
	at := w.ledger
	w.pass(took)
	return at, nil
}

func follow(t *testing.T, w *world) (*clock.Follower, *testkit.Logs) {
	t.Helper()
	logger, logs := testkit.NewLogger()
	follower, err := clock.New(clock.Options{Ledger: w, Host: w.host, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.Measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return follower, logs
}

func look(t *testing.T, follower *clock.Follower) {
	t.Helper()
	if err := follower.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// near checks that the follower tells the ledger's time.
func near(t *testing.T, w *world, follower *clock.Follower) {
	t.Helper()
	const within = time.Millisecond
	if gap := follower.Now().Sub(w.ledger); gap.Abs() > within {
		t.Fatalf("tells a time %v from the ledger's, want at most %v", gap, within)
	}
}

func TestTellsTheLedgersTime(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, time.Minute, -time.Minute, 24 * time.Hour} {
		w := newWorld(ahead)
		follower, _ := follow(t, w)
		near(t, w, follower)
		w.pass(3 * time.Second)
		near(t, w, follower)
	}
}

func TestOfSeveralTripsTheFastestCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(time.Minute)
	w.trips = []time.Duration{4 * time.Second, 300 * time.Millisecond, 2 * time.Millisecond, 9 * time.Second}
	follower, _ := follow(t, w)
	near(t, w, follower)
	if w.asked != 3 {
		t.Errorf("asked %d times, want no more once a trip was swift", w.asked)
	}
}

func TestASlowTripMovesNothingThatItCannotKnow(t *testing.T) {
	t.Parallel()
	w := newWorld(time.Minute)
	follower, logs := follow(t, w)
	w.pass(time.Minute)
	w.trips = []time.Duration{4 * time.Second, 4 * time.Second, 4 * time.Second, 4 * time.Second, 4 * time.Second}
	look(t, follower)
	near(t, w, follower)
	if logged := len(logs.With("host clock agrees with the ledger's again")); logged != 0 {
		t.Errorf("said that the clocks agree, which a slow trip cannot know")
	}
}

func TestASmallDifferenceMovesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(0)
	follower, _ := follow(t, w)
	w.pass(time.Minute)
	w.ledger = w.ledger.Add(-40 * time.Millisecond)
	before := follower.Now()
	look(t, follower)
	if follower.Now().Before(before) {
		t.Fatal("the time went back by less than the tolerance")
	}
	w.pass(time.Minute)
	w.ledger = w.ledger.Add(-40 * time.Millisecond)
	look(t, follower)
	near(t, w, follower)
}

func TestAClockThatIsSetMovesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(0)
	follower, _ := follow(t, w)
	w.wall = w.wall.Add(-time.Hour)
	near(t, w, follower)
	asked := w.asked
	look(t, follower)
	near(t, w, follower)
	if w.asked == asked {
		t.Error("a clock that was set is not measured at once")
	}
}

func TestAHostThatSleptAsksAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(0)
	follower, _ := follow(t, w)
	w.wall, w.ledger = w.wall.Add(time.Hour), w.ledger.Add(time.Hour) // what counts the time since the start slept, too
	look(t, follower)
	near(t, w, follower)
}

func TestAsksNowAndThen(t *testing.T) {
	t.Parallel()
	w := newWorld(0)
	follower, _ := follow(t, w)
	asked := w.asked
	w.pass(4 * time.Second)
	look(t, follower)
	if w.asked != asked {
		t.Error("asked again after 4 s")
	}
	w.pass(time.Second)
	look(t, follower)
	if w.asked == asked {
		t.Error("did not ask again after 5 s")
	}
}

func TestWhileTheLedgerIsAwayItsTimeGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(time.Minute)
	follower, _ := follow(t, w)
	w.away = true
	w.pass(time.Hour)
	if err := follower.Look(t.Context()); !errors.Is(err, errAway) {
		t.Fatalf("a ledger that is away is %v, want its error", err)
	}
	near(t, w, follower)
	w.away = false
	w.ledger = w.ledger.Add(time.Minute) // another took over, with another clock
	look(t, follower)
	near(t, w, follower)
}

func TestAClockThatIsOffIsLoggedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(time.Minute)
	follower, logs := follow(t, w)
	for range 3 {
		w.pass(time.Minute)
		look(t, follower)
	}
	lines := logs.With("host clock differs from the ledger's, which is used")
	if len(lines) != 1 || lines[0]["remedy"] == nil {
		t.Fatalf("logged %v, want one line with the remedy", lines)
	}
	w.wall = w.ledger
	look(t, follower)
	if ended := logs.With("host clock agrees with the ledger's again"); len(ended) != 1 {
		t.Errorf("logged %v, want one line", ended)
	}
}

func TestAPartThatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := clock.New(clock.Options{}); err == nil {
		t.Error("made a clock of nothing")
	}
}
