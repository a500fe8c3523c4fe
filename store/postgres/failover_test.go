package postgres_test

import (
	"context"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// address is one address behind which the server changes.
type address struct {
	listener net.Listener
	target   atomic.Pointer[string]
}

// startAddress leads to a server, until it is told to lead to another.
func startAddress(t *testing.T, target string) *address {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &address{listener: listener}
	a.target.Store(&target)
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		group.Wait()
	})
	group.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() { carry(ctx, client, *a.target.Load(), 0) })
		}
	})
	return a
}

// url is a database's URL by the address.
func (a *address) url(t *testing.T, at string) string {
	t.Helper()
	parsed, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	parsed.Host = a.listener.Addr().String()
	return parsed.String()
}

func acceptOne(ctx context.Context, ledger *postgres.Ledger) error {
	item := storetest.Acceptance(storetest.Event(storetest.NewID("evt", time.Now())), "ep_1")
	_, err := ledger.Accept(ctx, []postback.Acceptance{item})
	return err
}

// demotions are the ways in which a primary comes to take no writes, each before
// the address leads to another.
func demotions() map[string]func(primary, standby *testkit.Postgres) {
	return map[string]func(primary, standby *testkit.Postgres){
		"it comes back as a standby": func(primary, standby *testkit.Postgres) {
			primary.Stop()
			standby.Promote()
			primary.Follow()
			primary.Start()
		},
		"it keeps its connections": func(primary, standby *testkit.Postgres) {
			standby.Promote()
			primary.Exec(primary.URL(), `ALTER SYSTEM SET default_transaction_read_only = on`)
			primary.Exec(primary.URL(), `SELECT pg_reload_conf()`)
		},
	}
}

// TestFailoverBehindOneAddress checks that a ledger notices that its server takes
// no writes, says so, and goes on with the one that does.
func TestFailoverBehindOneAddress(t *testing.T) {
	t.Parallel()
	for name, demote := range demotions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			primary := testkit.StartPostgres(t)
			at := primary.Database()
			migrate(t, at)
			standby := primary.Standby()
			place := startAddress(t, primary.Addr())
			ledger := open(t, place.url(t, at))
			if err := acceptOne(t.Context(), ledger); err != nil {
				t.Fatal(err)
			}
			demote(primary, standby)
			testkit.Eventually(t, "the ledger says that it takes no writes", func() bool {
				err := ledger.Ping(t.Context())
				return err != nil && strings.Contains(err.Error(), "no writes") || err != nil && strings.Contains(err.Error(), "read only")
			})
			if err := acceptOne(t.Context(), ledger); err == nil {
				t.Fatal("a server that takes no writes accepted an event")
			}
			other := standby.Addr()
			place.target.Store(&other)
			testkit.Eventually(t, "it goes on with the new primary", func() bool { return acceptOne(t.Context(), ledger) == nil })
			if err := ledger.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestOpenReadOnly checks what is said of a server that takes no writes, and that
// the one that does is found among several.
func TestOpenReadOnly(t *testing.T) {
	t.Parallel()
	primary := testkit.StartPostgres(t)
	at := primary.Database()
	migrate(t, at)
	standby := primary.Standby()
	alone := strings.Replace(at, primary.Addr(), standby.Addr(), 1)
	refused(t, alone, postgres.CodeUnreachable, "takes no writes", "host1,host2")
	ledger := open(t, strings.Replace(at, primary.Addr(), standby.Addr()+","+primary.Addr(), 1))
	if err := acceptOne(t.Context(), ledger); err != nil {
		t.Fatal(err)
	}
}

// TestSchemaChangesBesideALedger checks that statements that were prepared before
// a column changed its type are planned anew.
func TestSchemaChangesBesideALedger(t *testing.T) {
	t.Parallel()
	at := database(t)
	ledger := open(t, at)
	if _, err := ledger.SaveEndpoint(t.Context(), storetest.Endpoint("ep_1")); err != nil {
		t.Fatal(err)
	}
	read := func() {
		t.Helper()
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				if _, err := ledger.Endpoint(t.Context(), "ep_1"); err != nil {
					t.Error(err)
				}
				if _, _, err := ledger.ReplayJobs(t.Context(), postback.ReplayFilter{}, postback.Page{}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	read()
	server.Exec(t, at, `ALTER TABLE endpoints ALTER COLUMN description TYPE varchar(1000);
		ALTER TABLE replays ALTER COLUMN filter TYPE varchar(100000)`)
	read()
}
