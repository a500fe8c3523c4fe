package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// slow is a way to the database that delays all that the server answers. It
// returns the database's URL by that way.
func slow(t *testing.T, at string, delay time.Duration) string {
	t.Helper()
	parsed, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := parsed.Host
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
			group.Go(func() { carry(ctx, client, target, delay) })
		}
	})
	parsed.Host = listener.Addr().String()
	return parsed.String()
}

// carry carries bytes both ways until one side closes.
func carry(ctx context.Context, client net.Conn, target string, delay time.Duration) {
	server, err := net.Dial("tcp", target)
	if err != nil {
		_ = client.Close()
		return
	}
	end := func() { _, _ = client.Close(), server.Close() }
	defer context.AfterFunc(ctx, end)()
	var group sync.WaitGroup
	group.Go(func() { _, _ = io.Copy(server, client); end() })
	group.Go(func() { late(ctx, client, server, delay); end() })
	group.Wait()
}

func late(ctx context.Context, to io.Writer, from io.Reader, delay time.Duration) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			select {
			case <-time.After(delay):
			case <-ctx.Done():
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// TestSlowServer checks that many callers share the few answers that a slow
// server gives, with the smallest pool that there is.
func TestSlowServer(t *testing.T) {
	t.Parallel()
	small := options(slow(t, database(t), 200*time.Millisecond))
	small.Connections = 1 // a pool never has fewer than it needs
	ledger, err := postgres.Open(t.Context(), small)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	var group sync.WaitGroup
	for i := range 300 {
		group.Go(func() {
			item := storetest.Acceptance(storetest.Event(fmt.Sprintf("evt_%d", i)), "ep_1")
			if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
				t.Errorf("accept: %v", err)
			}
			if err := ledger.Record(t.Context(), storetest.Succeed(item.Deliveries[0].Ref())); err != nil {
				t.Errorf("record: %v", err)
			}
		})
	}
	group.Wait()
}

// TestSilentServer checks that whoever gives up is answered at once, though the
// server never answers.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	ledger := open(t, slow(t, database(t), 300*time.Millisecond))
	reason := errors.New("the client went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	answered := make(chan error)
	go func() {
		_, err := ledger.Accept(ctx, []postback.Acceptance{storetest.Acceptance(storetest.Event("evt_1"), "ep_1")})
		answered <- err
	}()
	cancel(reason)
	if err := <-answered; !errors.Is(err, reason) {
		t.Fatalf("error is %v", err)
	}
}
