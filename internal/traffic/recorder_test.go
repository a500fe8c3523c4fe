package traffic_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/internal/traffic"
	"github.com/waybillhq/waybill/postback"
)

// run runs a recorder on a clock of its own, which begins at midnight, and ends
// it after during.
func run(t *testing.T, during func(t *testing.T, r *traffic.Recorder, l *ledger)) (*ledger, string) {
	t.Helper()
	over := newLedger()
	recorder, logs := newRecorder(over)
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			recorder.Run(ctx)
		}()
		during(t, recorder, over)
		stop()
		<-ended
	})
	return over, logs.String()
}

// pass lets time go by.
func pass(by time.Duration) {
	<-time.After(by)
	synctest.Wait()
}

func TestCountsAreInTheLedgerTenSecondsLater(t *testing.T) {
	t.Parallel()
	run(t, func(t *testing.T, r *traffic.Recorder, l *ledger) {
		for i := range 5 {
			r.Observe("ep_1", good(time.Millisecond))
			pass(10*time.Second + time.Millisecond)
			if got := lately(t, l, time.Hour); got.Attempts != i+1 || got.Succeeded != i+1 {
				t.Errorf("%d of %d attempts succeeded, want %d", got.Succeeded, got.Attempts, i+1)
			}
			if n := l.writes(); n != 1 {
				t.Errorf("%d counts were written, want 1", n)
			}
		}
		pass(time.Hour)
		if n := l.writes(); n != 0 {
			t.Errorf("%d counts were written though nothing happened", n)
		}
	})
}

// TestALedgerThatIsSlowIsWrittenLessOften lets each write take a while: a hundredth
// of the time is spent on them, but none waits for more than ten seconds.
func TestALedgerThatIsSlowIsWrittenLessOften(t *testing.T) {
	t.Parallel()
	const span = 10 * time.Minute
	for takes, want := range map[time.Duration]int{
		0: 300, 10 * time.Millisecond: 298, 50 * time.Millisecond: 118, time.Second: 54,
	} {
		run(t, func(t *testing.T, r *traffic.Recorder, l *ledger) {
			l.set(func(l *ledger) { l.takes = takes })
			for range span / time.Second {
				r.Observe("ep_1", good(time.Millisecond))
				pass(time.Second)
			}
			if n := l.writes(); n < want-3 || n > want+3 {
				t.Errorf("each write takes %s: there were %d in %s, want about %d", takes, n, span, want)
			}
		})
	}
}

func TestTheEndWritesWhatWasCounted(t *testing.T) {
	t.Parallel()
	over, logs := run(t, func(_ *testing.T, r *traffic.Recorder, _ *ledger) { r.Observe("ep_1", good(time.Millisecond)) })
	if over.written != 1 || logs != "" {
		t.Errorf("%d counts were written; the log says %q", over.written, logs)
	}
}

func TestASlotFollowsAnother(t *testing.T) {
	t.Parallel()
	run(t, func(t *testing.T, r *traffic.Recorder, l *ledger) {
		midnight := time.Now().UTC().Truncate(time.Minute)
		pass(5*time.Minute - time.Second)
		r.Observe("ep_1", good(time.Millisecond)) // is written in the next slot
		pass(time.Second)
		r.Observe("ep_1", ended(time.Millisecond, 503, "status_not_200"))
		pass(time.Minute)
		got := map[time.Duration]int{}
		for at, one := range l.rows {
			got[at.slot.Sub(midnight)] = one.Attempts
			if len(one.Latencies) != 1 {
				t.Errorf("the slot at %s has latencies %v", at.slot.Sub(midnight), one.Latencies)
			}
		}
		if want := map[time.Duration]int{0: 1, 5 * time.Minute: 1}; !maps.Equal(got, want) {
			t.Errorf("attempts by slot are %v, want %v", got, want)
		}
		pass(14 * time.Minute) // 20 minutes after midnight
		for window, want := range map[time.Duration]int{10 * time.Minute: 0, 15 * time.Minute: 1, 20 * time.Minute: 2} {
			if got := lately(t, l, window); got.Attempts != want || got.Since != time.Now().UTC().Add(-window) {
				t.Errorf("%d attempts in %s since %s, want %d", got.Attempts, window, got.Since, want)
			}
		}
		if got := lately(t, l, time.Minute); got.LastSuccessAt != midnight.Add(5*time.Minute-time.Second) || got.LastAttemptAt != midnight.Add(5*time.Minute) {
			t.Errorf("the last success was at %s, the last attempt at %s", got.LastSuccessAt, got.LastAttemptAt)
		}
	})
}

func TestWhatIsCountedWhileTheLedgerIsAwayComesLater(t *testing.T) {
	t.Parallel()
	_, logs := run(t, func(t *testing.T, r *traffic.Recorder, l *ledger) {
		r.Observe("ep_1", good(time.Millisecond))
		l.setAway(true)
		for range 60 {
			pass(30 * time.Second)
			r.Observe("ep_1", good(time.Millisecond))
		}
		if n := l.writes(); n != 0 {
			t.Fatalf("%d counts were written", n)
		}
		l.setAway(false)
		pass(10*time.Second + time.Millisecond)
		if got := lately(t, l, time.Hour); got.Attempts != 61 {
			t.Errorf("%d attempts are counted, want 61", got.Attempts)
		}
		if n := l.writes(); n != 7 {
			t.Errorf("%d counts were written, want one for each slot of half an hour", n)
		}
	})
	failing := strings.Count(logs, `"msg":"background job failing, will retry","job":"save attempt counts"`)
	recovered := strings.Count(logs, `"msg":"background job recovered","job":"save attempt counts"`)
	if n := strings.Count(logs, `"level"`); n != 2 || failing != 1 || recovered != 1 {
		t.Errorf("the log says\n%s", logs)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	_, logs := run(t, func(t *testing.T, r *traffic.Recorder, l *ledger) {
		l.setAway(true)
		const room = 1_000
		r.SetRoom(room)
		for i := range room + 3 {
			r.Observe(fmt.Sprintf("ep_%d", i), good(time.Millisecond))
		}
		r.Observe("ep_1", good(time.Millisecond)) // has its room
		pass(11 * time.Second)
		l.setAway(false)
		pass(11 * time.Second)
		if got := lately(t, l, time.Hour); got.Attempts != 2 || len(l.rows) != room {
			t.Errorf("%d attempts to the endpoint are counted; %d endpoints are written", got.Attempts, len(l.rows))
		}
		pass(10 * time.Minute) // the ledger has it all: it is forgotten here
		r.Observe("ep_new", good(time.Millisecond))
		pass(11 * time.Second)
		if n := l.writes(); n != room+1 {
			t.Errorf("%d counts were written", n)
		}
	})
	if !strings.Contains(logs, `"attempts":3`) {
		t.Errorf("the log says\n%s", logs)
	}
}

func TestCodesAreBounded(t *testing.T) {
	t.Parallel()
	over := newLedger()
	recorder, _ := newRecorder(over)
	for status := range 40 {
		recorder.Observe("ep_1", ended(time.Millisecond, 500+status, "status_not_200"))
	}
	recorder.Observe("ep_1", ended(time.Millisecond, 500, "status_not_200"))
	flush(t, recorder)
	got := lately(t, over, time.Hour)
	if got.Attempts != 41 || len(got.Errors) != 17 || got.Errors["status_500"] != 2 || got.Errors["other"] != 24 {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsOldIsForgotten(t *testing.T) {
	t.Parallel()
	run(t, func(t *testing.T, r *traffic.Recorder, l *ledger) {
		l.set(func(l *ledger) { l.old = 2_500 })
		pass(time.Minute)
		if l.old != 0 || len(l.prunes) != 3 {
			t.Errorf("%d are left after %d looks", l.old, len(l.prunes))
		}
		for range 10 {
			r.Observe("ep_1", good(time.Millisecond))
			pass(time.Minute)
		}
		if len(l.prunes) != 5 {
			t.Errorf("it was looked %d times for what is old in three slots", len(l.prunes))
		}
		for _, age := range l.prunes {
			if age < 24*time.Hour || age > 24*time.Hour+5*time.Minute {
				t.Errorf("what is %s old is forgotten", age)
			}
		}
	})
}

func TestCodesOfErrors(t *testing.T) {
	t.Parallel()
	over := newLedger()
	recorder, _ := newRecorder(over)
	refused := ended(0, 0, "egress_denied")
	refused.Outcome = postback.OutcomeRefused
	for _, attempt := range []postback.Attempt{
		ended(time.Second, 0, "timeout"), ended(time.Second, 0, "timeout"), ended(time.Second, 401, "status_not_200"),
		ended(time.Second, 200, "unexpected_body"), ended(time.Second, 200, "status_not_200"), refused, good(time.Second),
	} {
		recorder.Observe("ep_1", attempt)
	}
	flush(t, recorder)
	got := lately(t, over, time.Hour)
	want := map[string]int{"timeout": 2, "status_401": 1, "status_200": 1, "unexpected_body": 1, "egress_denied": 1}
	if got.Attempts != 7 || got.Succeeded != 1 || !maps.Equal(got.Errors, want) {
		t.Errorf("got %+v, want errors %v", got, want)
	}
}
