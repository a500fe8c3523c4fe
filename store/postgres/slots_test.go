package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// Clients choose how much they search and change at once: however much it is,
// events are accepted meanwhile.
func TestClientsThatWaitLeaveConnectionsForEvents(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lock string // what all of the calls wait for
		call func(ctx context.Context, ledger *postgres.Ledger, i int) error
	}{
		"searches": {`LOCK TABLE attempts`, func(ctx context.Context, ledger *postgres.Ledger, _ int) error {
			_, _, err := ledger.Histories(ctx, postback.DeliveryFilter{}, postback.Page{})
			return err
		}},
		"counts": {`LOCK TABLE replay_items`, func(ctx context.Context, ledger *postgres.Ledger, i int) error {
			_, err := ledger.ReplayOutcomes(ctx, fmt.Sprintf("rpl_%d", i))
			return err
		}},
		"changes": {`LOCK TABLE endpoints`, func(ctx context.Context, ledger *postgres.Ledger, i int) error {
			_, err := ledger.AddEndpoint(ctx, storetest.Endpoint(fmt.Sprintf("ep_%d", i)), 0)
			return err
		}},
		"replays": {`LOCK TABLE replays`, func(ctx context.Context, ledger *postgres.Ledger, i int) error {
			return ledger.CreateReplay(ctx, postback.ReplayJob{ID: fmt.Sprintf("rpl_%d", i), State: postback.ReplayRunning, CreatedAt: storetest.Noon()}, 0)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := database(t)
			ledger := open(t, url)
			if _, err := ledger.Accept(t.Context(), []postback.Acceptance{storetest.Acceptance(storetest.Event("evt_before"), "ep_1")}); err != nil {
				t.Fatal(err)
			}
			release := holdLock(t, url, tt.lock)
			defer release()
			var calls sync.WaitGroup
			for i := range 40 {
				calls.Go(func() {
					if err := tt.call(t.Context(), ledger, i); err != nil {
						t.Errorf("call %d: %v", i, err)
					}
				})
			}
			testkit.Eventually(t, "some wait for the lock", func() bool { return waitForLocks(t, url) > 0 })
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			for i := range 20 {
				item := storetest.Acceptance(storetest.Event(fmt.Sprintf("evt_%d", i)), "ep_1")
				if _, err := ledger.Accept(ctx, []postback.Acceptance{item}); err != nil {
					t.Errorf("accept event %d: %v", i, err)
					break
				}
			}
			release()
			calls.Wait()
		})
	}
}

// holdLock takes a lock in a transaction of its own until it is released.
func holdLock(t *testing.T, url, statement string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `BEGIN; `+statement); err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

// waitForLocks counts the connections to a database that wait for a lock.
func waitForLocks(t *testing.T, url string) (count int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	err = conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&count)
	if err != nil {
		t.Fatal(err)
	}
	return count
}
