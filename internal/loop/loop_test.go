package loop_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/loop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnOutageIsLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var log strings.Builder
		away := errors.New("the ledger is away")
		results := []error{nil, away, away, away, nil, nil, away, nil}
		done := 0
		loop.Run(ctx, loop.Job{
			Name: "sweep", Every: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Do: func(ctx context.Context) error {
				if done == len(results) {
					stop() // What fails for that is no outage.
					return ctx.Err()
				}
				done++
				return results[done-1]
			},
		})
		if done != len(results) {
			t.Errorf("done %d times", done)
		}
		var said []string
		for line := range strings.Lines(log.String()) {
			_, message, _ := strings.Cut(strings.TrimSpace(line), "msg=")
			said = append(said, message)
		}
		want := `"background job failing, will retry" job=sweep error="the ledger is away"
"background job recovered" job=sweep failed_for=3s
"background job failing, will retry" job=sweep error="the ledger is away"
"background job recovered" job=sweep failed_for=1s`
		if got := strings.Join(said, "\n"); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestAJobIsWoken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		wake := make(chan struct{}, 1)
		wake <- struct{}{}
		began := time.Now()
		loop.Run(ctx, loop.Job{
			Name: "sweep", Every: time.Hour, Wake: wake, Logger: slog.New(slog.DiscardHandler),
			Do: func(context.Context) error { stop(); return nil },
		})
		if time.Since(began) != 0 {
			t.Error("it waited")
		}
	})
}

// A wake while the timer has run out is answered by one turn: not by a second
// one half of the times, as select has it.
func TestATurnAnswersTimerAndWake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 20 {
			ctx, stop := context.WithCancel(t.Context())
			start := time.Now()
			wake := make(chan struct{}, 1)
			var begun []time.Duration
			loop.Run(ctx, loop.Job{
				Name: "sweep", Every: time.Second, Wake: wake, Logger: slog.New(slog.DiscardHandler),
				Do: func(context.Context) error {
					switch begun = append(begun, time.Since(start)/time.Second); len(begun) {
					case 1:
						<-time.After(2 * time.Second)
						wake <- struct{}{}
					case 3:
						stop()
					}
					return nil
				},
			})
			if want := []time.Duration{1, 3, 4}; !slices.Equal(begun, want) {
				t.Fatalf("turns began after %d s, want %d", begun, want)
			}
		}
	})
}

func TestAJobKeepsItsPace(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pause func(loop.Turn) time.Duration
		takes time.Duration
		want  []time.Duration // when each turn begins
	}{
		"every second, however long it takes": {nil, 400 * time.Millisecond, []time.Duration{1000, 2000, 3000}},
		"at once when it took longer":         {nil, 1500 * time.Millisecond, []time.Duration{1000, 2500, 4000}},
		"in pauses of its own": {func(last loop.Turn) time.Duration {
			return time.Duration(last.Number)*time.Second + last.Took
		}, 100 * time.Millisecond, []time.Duration{0, 1200, 3400}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				start := time.Now()
				var begun []time.Duration
				loop.Run(ctx, loop.Job{
					Name: "sweep", Every: time.Second, Pause: tt.pause, Logger: slog.New(slog.DiscardHandler),
					Do: func(context.Context) error {
						begun = append(begun, time.Since(start)/time.Millisecond)
						if len(begun) == len(tt.want) {
							stop()
						}
						<-time.After(tt.takes)
						return nil
					},
				})
				if !slices.Equal(begun, tt.want) {
					t.Errorf("turns began after %d ms, want %d", begun, tt.want)
				}
			})
		})
	}
}

func TestTheLastTurnOutlastsTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended, stop := context.WithCancel(t.Context())
		stop()
		var log strings.Builder
		began := time.Now()
		loop.Last(ended, slog.New(slog.NewTextHandler(&log, nil)), "counts are lost", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %s", took)
		}
		if !strings.Contains(log.String(), `msg="counts are lost" error="context deadline exceeded"`) {
			t.Errorf("it logged %s", log.String())
		}
	})
}
