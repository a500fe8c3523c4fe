package retention_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/retention"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const day = 24 * time.Hour

// ledger notes what is asked of it. It has rows that are old, of which each step
// takes some and lasts a while.
type ledger struct {
	mu       sync.Mutex
	old      int
	step     int
	takes    time.Duration
	broken   bool
	prepared []time.Duration // from the call on
	before   []time.Duration // to the call
	steps    []time.Time
}

func (l *ledger) Prepare(_ context.Context, until time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return errors.New("the disk is full")
	}
	l.prepared = append(l.prepared, time.Until(until))
	return nil
}

func (l *ledger) Prune(_ context.Context, before time.Time) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = append(l.before, time.Since(before))
	l.steps = append(l.steps, time.Now())
	timer := time.NewTimer(l.takes)
	<-timer.C
	n := min(l.step, l.old)
	l.old -= n
	return n, nil
}

func (l *ledger) set(change func(*ledger)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

// run runs a keeper over the ledger for a while of a clock of its own, and
// returns what it logged.
func run(t *testing.T, l *ledger, keep time.Duration, during func()) string {
	t.Helper()
	var log bytes.Buffer
	keeper, err := retention.New(retention.Options{
		Ledger: l, Keep: keep, Meter: noop.Meter{}, Random: func() float64 { return 0.5 },
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		keeper.Run(ctx)
	}()
	during()
	synctest.Wait()
	stop()
	<-ended
	return log.String()
}

// after lets time pass.
func after(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

func TestWorksAtOnceAndEachHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		log := run(t, l, 90*day, func() { after(3*time.Hour + time.Minute) })
		if len(l.prepared) != 4 || len(l.before) != 4 {
			t.Fatalf("prepared %v, pruned %v", l.prepared, l.before)
		}
		for i := range l.before {
			if l.prepared[i] != 7*day || l.before[i] != 90*day {
				t.Errorf("prepared %s ahead, pruned what is %s old", l.prepared[i], l.before[i])
			}
		}
		if log != "" {
			t.Errorf("it logged %s", log)
		}
	})
}

func TestForgetsAllInSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{old: 1050, step: 100, takes: 20 * time.Millisecond}
		log := run(t, l, day, func() { after(10 * time.Minute) })
		if l.old != 0 || len(l.steps) != 12 {
			t.Fatalf("%d are left after %d steps", l.old, len(l.steps))
		}
		for i, at := range l.steps[1:] {
			if gap := at.Sub(l.steps[i]); gap != 100*time.Millisecond {
				t.Errorf("step %d came %s after the one before", i+1, gap)
			}
		}
		if l.before[11] != day+1100*time.Millisecond {
			t.Errorf("the time moved on within a pass: %s", l.before[11])
		}
		if strings.Count(log, "\n") != 1 || !strings.Contains(log, "rows=1050") || !strings.Contains(log, "took=1.12s") {
			t.Errorf("it logged %s", log)
		}
	})
}

func TestKeepsEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{old: 1, step: 1}
		run(t, l, 0, func() { after(90 * time.Minute) })
		if len(l.prepared) != 2 || l.old != 1 {
			t.Errorf("prepared %d times, %d left", len(l.prepared), l.old)
		}
	})
}

func TestOutageIsLoggedOnceAndTriedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{old: 10, step: 10, broken: true}
		log := run(t, l, day, func() {
			after(30 * time.Minute)
			l.set(func(l *ledger) { l.broken = false })
			after(2 * time.Minute)
			synctest.Wait()
			if l.old != 0 {
				t.Error("nothing was forgotten when the ledger worked again")
			}
			l.set(func(l *ledger) { l.broken = true })
			after(2 * time.Hour)
		})
		if strings.Count(log, "the disk is full") != 2 || strings.Count(log, `msg="background job recovered" job="purge expired history"`) != 1 || strings.Count(log, "rows=10") != 1 {
			t.Errorf("it logged %s", log)
		}
	})
}

func TestStopsBetweenSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{old: 1000, step: 1, takes: time.Minute}
		log := run(t, l, day, func() { after(61 * time.Second) })
		if len(l.steps) != 1 || strings.Contains(log, "WARN") {
			t.Errorf("%d steps, logged %s", len(l.steps), log)
		}
	})
}

func TestPassesVary(t *testing.T) {
	t.Parallel()
	for random, want := range map[float64]time.Duration{0: 54 * time.Minute, 0.999: 66 * time.Minute} {
		t.Run(fmt.Sprint(random), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &ledger{}
				keeper, err := retention.New(retention.Options{
					Ledger: l, Keep: day, Meter: noop.Meter{}, Random: func() float64 { return random }, Logger: slog.New(slog.DiscardHandler),
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, stop := context.WithTimeout(t.Context(), 90*time.Minute)
				defer stop()
				keeper.Run(ctx)
				if got := l.steps[1].Sub(l.steps[0]); got.Round(time.Minute) != want {
					t.Errorf("the second pass came after %s, want %s", got, want)
				}
			})
		})
	}
}

func TestPassesAsOftenAsSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		keeper, err := retention.New(retention.Options{
			Ledger: l, Keep: day, Every: time.Second, Meter: noop.Meter{}, Random: func() float64 { return 0.5 }, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer stop()
		keeper.Run(ctx)
		if len(l.steps) != 4 {
			t.Errorf("%d passes in 3.5 s, want 4", len(l.steps))
		}
	})
}

func TestNewNeedsItsParts(t *testing.T) {
	t.Parallel()
	whole := retention.Options{
		Ledger: &ledger{}, Keep: day, Meter: noop.Meter{}, Random: func() float64 { return 0 }, Logger: slog.New(slog.DiscardHandler),
	}
	for name, alter := range map[string]func(*retention.Options){
		"ledger":        func(o *retention.Options) { o.Ledger = nil },
		"meter":         func(o *retention.Options) { o.Meter = nil },
		"logger":        func(o *retention.Options) { o.Logger = nil },
		"random":        func(o *retention.Options) { o.Random = nil },
		"negative time": func(o *retention.Options) { o.Keep = -1 },
	} {
		options := whole
		alter(&options)
		if _, err := retention.New(options); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
