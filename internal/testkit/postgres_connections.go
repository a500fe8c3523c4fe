package testkit

import (
	"context"
	"errors"
	"fmt"
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
		if !all || taker.hasAll() {
			return true
		}
		taker.evict()
		return false
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
	failures := make(chan error)
	const takers = 8
	for range takers {
		go func() { failures <- k.takeAll(ctx) }()
	}
	var failed error
	for range takers {
		failed = errors.Join(failed, <-failures)
	}
	if failed != nil {
		k.t.Fatalf("take connections: %v", failed)
	}
}

// takeAll takes one after the other until none is left.
func (k *taker) takeAll(ctx context.Context) error {
	for {
		conn, err := pgx.Connect(ctx, k.at)
		if failure, ok := errors.AsType[*pgconn.PgError](err); ok && failure.Code == tooManyConnections {
			return nil
		}
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		k.mu.Lock()
		k.held = append(k.held, conn)
		k.mu.Unlock()
	}
}

// hasAll reports whether there is none that others could have. That others have none
// says less: what was ended a moment ago may not be free to be taken yet.
func (k *taker) hasAll() bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var most int
	if err := k.held[0].QueryRow(ctx, `SELECT current_setting('max_connections')::integer`).Scan(&most); err != nil {
		k.t.Fatalf("count connections: %v", err)
	}
	return len(k.held) >= most
}

// evict ends the connections of others, so that they can be taken.
func (k *taker) evict() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	own := make([]uint32, len(k.held))
	for i, conn := range k.held {
		own[i] = conn.PgConn().PID()
	}
	_, err := k.held[0].Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> ALL($1::integer[])`, own)
	if err != nil {
		k.t.Fatalf("end connections: %v", err)
	}
}

func (k *taker) giveBack() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, conn := range k.held {
		_ = conn.Close(ctx)
	}
}
