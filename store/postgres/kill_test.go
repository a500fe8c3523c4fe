package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// writing is what many callers wrote until they were told to stop.
type writing struct {
	stop  context.CancelFunc
	group sync.WaitGroup

	mu       sync.Mutex
	accepted []string // deliveries that were answered as written
	recorded []string // deliveries that were answered as succeeded
	failed   int
}

// write accepts and records from many callers, whatever fails.
func write(ctx context.Context, ledger *postgres.Ledger) *writing {
	ctx, stop := context.WithCancel(ctx)
	w := &writing{stop: stop}
	for caller := range 16 {
		w.group.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				w.one(ctx, ledger, fmt.Sprintf("evt_%d_%d_%d", caller, i, time.Now().UnixNano()))
			}
		})
	}
	return w
}

func (w *writing) one(ctx context.Context, ledger *postgres.Ledger, id string) {
	item := storetest.Acceptance(storetest.Event(id), "ep_1", "ep_2")
	_, err := ledger.Accept(ctx, []postback.Acceptance{item})
	w.note(&w.accepted, item, err)
	if err == nil {
		w.note(&w.recorded, item, ledger.Record(ctx, storetest.Succeed(item.Deliveries[0].Ref())))
	}
}

func (w *writing) note(list *[]string, item postback.Acceptance, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.failed++
		return
	}
	*list = append(*list, item.Deliveries[0].ID)
}

func (w *writing) count() (accepted, failed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.accepted), w.failed
}

// check checks that what was answered is there.
func (w *writing) check(t *testing.T, ledger *postgres.Ledger) {
	t.Helper()
	for _, id := range w.accepted {
		delivery, attempts, err := ledger.Delivery(t.Context(), id)
		if err != nil {
			t.Fatalf("%s is lost: %v", id, err)
		}
		if slices.Contains(w.recorded, id) && (delivery.State != postback.Succeeded || len(attempts) != 1) {
			t.Fatalf("%s is %s after %d attempts", id, delivery.State, len(attempts))
		}
	}
}

// whole checks, as SQL that divides by zero when it does not hold, that no event
// is without its deliveries and nothing else is half written.
const whole = `
	SELECT 1 / (count(*) = 0)::int FROM event_ids i WHERE NOT EXISTS (SELECT FROM events e WHERE e.seq = i.seq AND e.id = i.id);
	SELECT 1 / (count(*) = 0)::int FROM events e WHERE NOT EXISTS (SELECT FROM event_ids i WHERE i.seq = e.seq);
	SELECT 1 / (count(*) = 0)::int FROM event_ids i WHERE (SELECT count(*) FROM deliveries d WHERE d.id = ANY(i.deliveries)) <> 2;
	SELECT 1 / (count(*) = 0)::int FROM deliveries d WHERE NOT EXISTS (SELECT FROM event_ids i WHERE d.id = ANY(i.deliveries));
	SELECT 1 / (count(*) = 0)::int FROM deliveries d FULL JOIN waiting w ON w.id = d.id
		WHERE (d.state IN ('pending', 'retrying', 'parked')) <> (w.id IS NOT NULL) OR w.state <> d.state;
	SELECT 1 / (count(*) = 0)::int FROM deliveries d WHERE attempts <> (SELECT count(*) FROM attempts a WHERE a.delivery_id = d.id)`

// TestKill kills PostgreSQL in the middle of many writes, and starts it again
// under the same open ledger.
func TestKill(t *testing.T) {
	t.Parallel()
	own := testkit.StartPostgres(t)
	at := own.Database()
	migrate(t, at)
	ledger := open(t, at)
	for range 2 {
		w := write(t.Context(), ledger)
		testkit.Eventually(t, "much is written", func() bool { accepted, _ := w.count(); return accepted > 200 })
		own.Kill()
		testkit.Eventually(t, "writes fail", func() bool { _, failed := w.count(); return failed > 0 })
		own.Start()
		before, _ := w.count()
		testkit.Eventually(t, "writes go on", func() bool { accepted, _ := w.count(); return accepted > before+100 })
		w.stop()
		w.group.Wait()
		own.Exec(at, whole)
		w.check(t, ledger)
	}
}

// TestStop stops PostgreSQL as its service manager does, and starts it again:
// callers get an error that the ledger is away, and nothing has to be opened anew.
func TestStop(t *testing.T) {
	t.Parallel()
	own := testkit.StartPostgres(t)
	at := own.Database()
	migrate(t, at)
	ledger := open(t, at)
	own.Stop()
	item := storetest.Acceptance(storetest.Event("evt_1"), "ep_1")
	_, err := ledger.Accept(t.Context(), []postback.Acceptance{item})
	if err == nil || postback.CodeOf(err) != postback.CodeInternal {
		t.Fatalf("accepting without a server says %v", err)
	}
	if err := ledger.Record(t.Context(), storetest.Succeed(item.Deliveries[0].Ref())); err == nil || postback.CodeOf(err) != postback.CodeInternal {
		t.Fatalf("recording without a server says %v", err)
	}
	if ledger.Ping(t.Context()) == nil {
		t.Fatal("a ledger without a server answers")
	}
	own.Start()
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
		t.Fatal(err)
	}
}
