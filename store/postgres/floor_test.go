package postgres_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// TestAnOpenSnapshotDoesNotSlowTheLookForDueDeliveries moves many deliveries
// while a transaction keeps the old versions of all of them alive, as a dump
// does: a look must not walk over them.
func TestAnOpenSnapshotDoesNotSlowTheLookForDueDeliveries(t *testing.T) {
	t.Parallel()
	ledger := open(t, database(t))
	release := holdSnapshot(t, ledger)
	defer release()
	const rounds, each = 5, 200
	now := storetest.Noon()
	for range rounds {
		now = now.Add(time.Minute)
		deliverAll(t, ledger, now, each)
	}
	now = now.Add(time.Minute)
	if claimed, err := ledger.Claim(t.Context(), postback.Claim{Now: now, Next: now, Limit: 1}); err != nil || len(claimed) > 0 {
		t.Fatalf("claimed %d more, %v", len(claimed), err)
	}
	whole := buffers(t, ledger, postgres.LookFrom(time.Unix(0, 0), now))
	if whole < 30 {
		t.Fatalf("a look from the beginning reads %d pages: nothing to walk over was made", whole)
	}
	if some := buffers(t, ledger, postgres.NextLook(ledger, now)); some > 10 {
		t.Errorf("a look reads %d pages, and one from the beginning %d", some, whole)
	}
	// What comes late is found all the same.
	late := storetest.Acceptance(storetest.Event("evt_late"), "ep_1")
	late.Deliveries[0].NextAttemptAt, late.Deliveries[0].SweepAt = now.Add(-50*time.Second), now.Add(-50*time.Second)
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{late}); err != nil {
		t.Fatal(err)
	}
	for look := 0; ; look++ {
		claimed, err := ledger.Claim(t.Context(), postback.Claim{Now: now, Next: now.Add(time.Hour), Limit: 10})
		if err != nil || look > 100 {
			t.Fatalf("a delivery that was due 50 s ago was not found in %d looks: %v", look, err)
		}
		if len(claimed) == 1 {
			break
		}
	}
}

// What a look found says nothing of what was made due while it looked.
func TestAFloorThatWasLoweredMeanwhileStays(t *testing.T) {
	t.Parallel()
	ledger := open(t, database(t))
	now := storetest.Noon()
	_, found := postgres.Look(ledger)
	found(now)
	wide, lowers := postgres.Look(ledger)
	if want := now.Add(-time.Second); !wide.Equal(want) {
		t.Errorf("a look begins at %s, want %s", wide, want)
	}
	_, raises := postgres.Look(ledger)
	lowers(now.Add(-time.Minute)) // what came late
	raises(now.Add(time.Minute))  // by a look that did not see it
	if from, _ := postgres.Look(ledger); !from.Before(now.Add(-time.Minute)) {
		t.Errorf("a look begins at %s, behind what is known to be due", from)
	}
	_, raises = postgres.Look(ledger)
	if _, err := ledger.Requeue(t.Context(), now, 10); err != nil {
		t.Fatal(err)
	}
	raises(now)
	if from, _ := postgres.Look(ledger); from.Unix() != 0 {
		t.Errorf("after everything was made due, a look begins at %s", from)
	}
}

// A release looks for what of its endpoint is due or under way: it must not walk
// over what was delivered since somebody holds a snapshot either.
func TestAnOpenSnapshotDoesNotSlowReleases(t *testing.T) {
	t.Parallel()
	ledger := open(t, database(t))
	release := holdSnapshot(t, ledger)
	defer release()
	now := storetest.Noon()
	for range 5 {
		now = now.Add(time.Minute)
		deliverAll(t, ledger, now, 200)
		if _, err := ledger.Release(t.Context(), "ep_1", now.Add(30*time.Second), 100, 100); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(time.Minute)
	whole := buffers(t, ledger, postgres.ReleaseFrom(time.Unix(0, 0), now))
	if whole < 30 {
		t.Fatalf("a look from the beginning reads %d pages: nothing to walk over was made", whole)
	}
	if some := buffers(t, ledger, postgres.NextRelease(ledger, now)); some > 10 {
		t.Errorf("a look reads %d pages, and one from the beginning %d", some, whole)
	}
	// What is under way counts for as long as it is.
	park(t, ledger, "ep_1", 3)
	for look, want := range []int{2, 0, 0} {
		now = now.Add(time.Minute)
		if n, err := ledger.Release(t.Context(), "ep_1", now, 2, 10); err != nil || n != want {
			t.Errorf("look %d released %d, %v, want %d", look, n, err, want)
		}
	}
}

// deliverAll accepts deliveries, claims them and has them succeed.
func deliverAll(t *testing.T, ledger *postgres.Ledger, now time.Time, count int) {
	t.Helper()
	items := make([]postback.Acceptance, count)
	for i := range items {
		items[i] = dueItem("ep_1", now)
	}
	if _, err := ledger.Accept(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	claimAll(t, ledger, now, count)
}

// claimAll claims all deliveries that are due and has them succeed.
func claimAll(t *testing.T, ledger *postgres.Ledger, now time.Time, count int) {
	t.Helper()
	for left := count; left > 0; {
		claimed, err := ledger.Claim(t.Context(), postback.Claim{Now: now, Next: now.Add(45 * time.Second), Limit: 500})
		if err != nil || len(claimed) == 0 {
			t.Fatalf("claim: %v, with %d left", err, left)
		}
		left -= len(claimed)
		var group sync.WaitGroup
		for _, due := range claimed {
			group.Go(func() {
				if err := ledger.Record(context.WithoutCancel(t.Context()), storetest.Succeed(due.Delivery.Ref())); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	if claimed, err := ledger.Claim(t.Context(), postback.Claim{Now: now, Next: now, Limit: 1}); err != nil || len(claimed) > 0 {
		t.Fatalf("claimed %d more, %v", len(claimed), err)
	}
}

func holdSnapshot(t *testing.T, ledger *postgres.Ledger) (release func()) {
	t.Helper()
	release, err := postgres.HoldSnapshot(t.Context(), ledger)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// buffers is how many pages a statement reads.
func buffers(t *testing.T, ledger *postgres.Ledger, statement postgres.Statement) int {
	t.Helper()
	plan, err := postgres.Analyze(t.Context(), ledger, statement)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`Buffers: shared hit=(\d+)`).FindStringSubmatch(plan)
	if found == nil {
		t.Fatal(fmt.Errorf("no buffers in:\n%s", plan))
	}
	count, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return count
}
