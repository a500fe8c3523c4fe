package testkit

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// tooManyConnections is what a server says that has no connection left.
const tooManyConnections = "53300"

// TakeConnections takes every connection that the server has left, and keeps them
// until giveBack is called. With all it takes those of others, too: it ends them, and
// returns when there are none any more.
func (p *Postgres) TakeConnections(all bool) (giveBack func()) {
	p.t.Helper()
	taker := &taker{t: p.t, at: p.URL()}
	giveBack = sync.OnceFunc(taker.giveBack)
	p.t.Cleanup(giveBack)
	Eventually(p.t, "all connections of the server are taken", func() bool {
		taker.fill()
		return !all || taker.evict() == 0
	})
	return giveBack
}

// taker has connections that it does nothing with.
type taker struct {
	t  testing.TB
	at string

	mu   sync.Mutex
	held []*pgx.Conn
}

// fill takes those that are left, several at once: others ask for them, too.
func (k *taker) fill() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for k.take(ctx) {
			}
		})
	}
	group.Wait()
}

// take takes one; false when none is left.
func (k *taker) take(ctx context.Context) bool {
	conn, err := pgx.Connect(ctx, k.at)
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok && failure.Code == tooManyConnections {
		return false
	}
	if err != nil {
		k.t.Errorf("take connections: %v", err)
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held = append(k.held, conn)
	return true
}

// evict ends the connections of others, and says how many.
func (k *taker) evict() (ended int) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	own := make([]uint32, len(k.held))
	for i, conn := range k.held {
		own[i] = conn.PgConn().PID()
	}
	err := k.held[0].QueryRow(ctx, `SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> ALL($1::integer[])) ended`, own).Scan(&ended)
	if err != nil {
		k.t.Fatalf("end connections: %v", err)
	}
	return ended
}

func (k *taker) giveBack() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, conn := range k.held {
		_ = conn.Close(ctx)
	}
}
