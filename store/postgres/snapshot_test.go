package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// While somebody holds a snapshot, what was released stays in the index of what is
// parked: neither the look for endpoints nor that for the oldest ones may walk over
// it each time.
func TestAnOpenSnapshotDoesNotSlowTheLookForWhatIsParked(t *testing.T) {
	t.Parallel()
	ledger := open(t, database(t))
	defer holdSnapshot(t, ledger)()
	now := storetest.Noon()
	parkAndRelease(t, ledger, now, 1000)
	now = now.Add(time.Hour)
	release(t, ledger, "ep_1", now, 0)
	parkAt(t, ledger, "ep_1", now)
	expectParked(t, ledger, "ep_1")
	postgres.TakeLong(ledger)
	for what, looks := range map[string][2]postgres.Statement{
		"for endpoints":  {postgres.ParkedWhole(), postgres.NextParked(ledger)},
		"for the oldest": {postgres.OldestParked(), postgres.NextOldest(ledger)},
		"for a release":  {postgres.ReleaseFrom(time.Unix(0, 0), now), postgres.NextRelease(ledger, now)},
	} {
		whole := buffers(t, ledger, looks[0])
		if whole < 25 {
			t.Fatalf("a look %s from the beginning reads %d pages: nothing to walk over was made", what, whole)
		}
		if some := buffers(t, ledger, looks[1]); some > 10 {
			t.Errorf("a look %s reads %d pages, and one from the beginning %d", what, some, whole)
		}
	}
}

// What a look does not find because it looks at a part is found: at once when this
// process parked it, by the next look at everything when another one did.
func TestALookAtAPartForgetsNothing(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger, other := open(t, at), open(t, at)
	expectParked(t, ledger)
	postgres.TakeLong(ledger)
	park(t, ledger, "ep_2", 2)
	expectParked(t, ledger, "ep_2")
	park(t, ledger, "ep_3", 1) // while one is known
	expectParked(t, ledger, "ep_2", "ep_3")
	release(t, ledger, "ep_3", storetest.Noon(), 1)
	expectParked(t, ledger, "ep_2")

	park(t, other, "ep_1", 1)
	expectParked(t, ledger, "ep_2")
	postgres.TakeShort(ledger)
	expectParked(t, ledger, "ep_1", "ep_2")

	// An older one than those that are known.
	postgres.TakeLong(ledger)
	older := parkAt(t, other, "ep_2", storetest.Noon().Add(-time.Hour))
	release(t, ledger, "ep_2", storetest.Noon(), 2)
	if d, _, err := ledger.Delivery(t.Context(), older); err != nil || d.State != postback.Parked {
		t.Fatalf("the older one is %s, %v", d.State, err)
	}
	postgres.TakeShort(ledger)
	expectParked(t, ledger, "ep_1", "ep_2")
	release(t, ledger, "ep_2", storetest.Noon(), 1)
}

// A look that did not see what was parked meanwhile does not forget it.
func TestWhatIsParkedDuringALookIsKept(t *testing.T) {
	t.Parallel()
	ledger := open(t, database(t))
	park(t, ledger, "ep_1", 1)
	expectParked(t, ledger, "ep_1")
	found := postgres.LookForParked(ledger)
	park(t, ledger, "ep_2", 1)
	found("ep_1")
	postgres.TakeLong(ledger)
	expectParked(t, ledger, "ep_1", "ep_2")
}

// With much due, the look for endpoints must not walk over what they got since.
func TestAnOpenSnapshotDoesNotSlowTurns(t *testing.T) {
	t.Parallel()
	ledger := open(t, database(t))
	defer holdSnapshot(t, ledger)()
	now := storetest.Noon()
	for range 5 {
		now = now.Add(time.Minute)
		deliverAll(t, ledger, now, 200)
	}
	now = now.Add(time.Minute)
	var items []postback.Acceptance
	for i := range 600 {
		items = append(items, dueItem(fmt.Sprintf("ep_%d", 7+i%2), now))
	}
	if _, err := ledger.Accept(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	whole := buffers(t, ledger, postgres.StepsFrom(now, now))
	if whole < 30 {
		t.Fatalf("a look through all that waits reads %d pages: nothing to walk over was made", whole)
	}
	postgres.TakeLong(ledger)
	if some := buffers(t, ledger, postgres.NextSteps(ledger, now, now)); some > 25 {
		t.Errorf("a look for endpoints reads %d pages, and one through all that waits %d", some, whole)
	}
	claimed, err := ledger.Claim(t.Context(), postback.Claim{Now: now, Next: now.Add(time.Hour), Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	byEndpoint := map[string]int{}
	for _, due := range claimed {
		byEndpoint[due.Delivery.EndpointID]++
	}
	if byEndpoint["ep_7"] != 5 || byEndpoint["ep_8"] != 5 {
		t.Errorf("claimed %v", byEndpoint)
	}
}

// Looks at everything take a small share of the time, however long each takes.
func TestPace(t *testing.T) {
	t.Parallel()
	now := storetest.Noon()
	for _, tt := range []struct{ took, rests time.Duration }{
		{time.Millisecond, 20 * time.Millisecond},
		{time.Second, 20 * time.Second},
		{time.Hour, time.Minute},
		{-time.Second, 0}, // a clock that was set back
	} {
		due := postgres.NewPace(now.Add(-tt.took), now)
		if tt.rests > 0 && due(now.Add(tt.rests-1)) {
			t.Errorf("a look that took %v is made again within %v", tt.took, tt.rests)
		}
		if !due(now.Add(tt.rests)) {
			t.Errorf("a look that took %v is not made after %v", tt.took, tt.rests)
		}
	}
}

func dueItem(endpointID string, now time.Time) postback.Acceptance {
	item := storetest.Acceptance(storetest.Event(storetest.NewID("evt", now)), endpointID)
	item.Deliveries[0].NextAttemptAt, item.Deliveries[0].SweepAt = now, now
	return item
}

// parkAndRelease has many deliveries of ep_1 parked, released and delivered.
func parkAndRelease(t *testing.T, ledger *postgres.Ledger, now time.Time, count int) {
	t.Helper()
	park(t, ledger, "ep_1", count)
	for left := count; left > 0; {
		n, err := ledger.Release(t.Context(), "ep_1", now, count, 500)
		if err != nil || n == 0 {
			t.Fatalf("released %d with %d left, %v", n, left, err)
		}
		left -= n
	}
	claimAll(t, ledger, now, count)
}

func release(t *testing.T, ledger *postgres.Ledger, endpointID string, now time.Time, want int) {
	t.Helper()
	if n, err := ledger.Release(t.Context(), endpointID, now, 100, 100); err != nil || n != want {
		t.Fatalf("released %d of %s, %v, want %d", n, endpointID, err, want)
	}
}

// parkAt writes a parked delivery that was made at a time, and returns its id.
func parkAt(t *testing.T, ledger *postgres.Ledger, endpointID string, made time.Time) string {
	t.Helper()
	event := storetest.Event(storetest.NewID("evt", made))
	event.AcceptedAt = made
	item := storetest.Acceptance(event, endpointID)
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
		t.Fatal(err)
	}
	if err := ledger.Record(t.Context(), storetest.Park(item.Deliveries[0].Ref())); err != nil {
		t.Fatal(err)
	}
	return item.Deliveries[0].ID
}

func expectParked(t *testing.T, ledger *postgres.Ledger, want ...string) {
	t.Helper()
	if got, err := ledger.ParkedEndpoints(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Fatalf("endpoints with parked deliveries are %v, %v, want %v", got, err, want)
	}
}

// What is ended in steps is looked for from where the step before came to, and what
// was left before that is found at the end.
func TestAnOpenSnapshotDoesNotSlowEndsInSteps(t *testing.T) {
	t.Parallel()
	now := storetest.Noon()
	later := now.Add(time.Hour)
	type ledger = *postgres.Ledger
	for name, tt := range map[string]struct {
		end         func(ctx context.Context, l ledger, limit int) (int, error)
		whole, next func(l ledger) postgres.Statement
	}{
		"cancelled": {
			func(ctx context.Context, l ledger, limit int) (int, error) {
				return l.Cancel(ctx, "ep_1", postback.ReasonEndpointDeleted, later, limit)
			},
			func(ledger) postgres.Statement { return postgres.CancelWhole() }, postgres.NextCancel,
		},
		"expired": {
			func(ctx context.Context, l ledger, limit int) (int, error) {
				return l.Expire(ctx, "ep_1", later, later, limit)
			},
			func(ledger) postgres.Statement { return postgres.ExpireWhole(later) },
			func(l ledger) postgres.Statement { return postgres.NextExpire(l, later) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ledger := open(t, database(t))
			defer holdSnapshot(t, ledger)()
			park(t, ledger, "ep_1", 600)
			for range 5 {
				if n, err := tt.end(t.Context(), ledger, 100); err != nil || n != 100 {
					t.Fatalf("ended %d, %v", n, err)
				}
			}
			whole := buffers(t, ledger, tt.whole(ledger))
			if some := buffers(t, ledger, tt.next(ledger)); whole-some < 10 {
				t.Errorf("a look reads %d pages, and one from the beginning %d", some, whole)
			}
			parkAt(t, ledger, "ep_1", now.Add(-time.Minute)) // before all of them
			for _, want := range []int{100, 1, 0} {
				if n, err := tt.end(t.Context(), ledger, 100); err != nil || n != want {
					t.Fatalf("ended %d, %v, want %d", n, err, want)
				}
			}
		})
	}
}

// A look for endpoints with parked deliveries reads a few pages for each that has
// some, however many those are, and next to none when nobody has.
func TestTheLookForWhatIsParkedIsCheap(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger := open(t, at)
	if pages := buffers(t, ledger, postgres.ParkedWhole()); pages > 2 {
		t.Errorf("with nothing parked it reads %d pages", pages)
	}
	const endpoints = 20
	for i := range endpoints {
		park(t, ledger, fmt.Sprintf("ep_%d", i), 20)
	}
	server.Exec(t, at, `ANALYZE waiting`) // as the server does by itself
	pages := buffers(t, ledger, postgres.ParkedWhole())
	t.Logf("%d pages for %d endpoints", pages, endpoints)
	if pages > 5*endpoints {
		t.Errorf("with %d endpoints it reads %d pages", endpoints, pages)
	}
}
