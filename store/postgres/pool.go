package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pool are the ledger's connections. Where the server has none left for another
// one, it waits a while for one of those that there are: what failed to connect has
// written nothing.
type pool struct{ *pgxpool.Pool }

// How long, and how often it looks.
const (
	shortWait  = 2 * time.Second
	shortPause = 20 * time.Millisecond
)

// Query implements querier.
func (p pool) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	return spared(ctx, func() (pgx.Rows, error) { return p.Pool.Query(ctx, query, args...) })
}

// Exec runs a statement.
func (p pool) Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	return spared(ctx, func() (pgconn.CommandTag, error) { return p.Pool.Exec(ctx, query, args...) })
}

// Begin begins a transaction.
func (p pool) Begin(ctx context.Context) (pgx.Tx, error) {
	return spared(ctx, func() (pgx.Tx, error) { return p.Pool.Begin(ctx) })
}

// BeginTx begins a transaction.
func (p pool) BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error) {
	return spared(ctx, func() (pgx.Tx, error) { return p.Pool.BeginTx(ctx, options) })
}

// Acquire takes a connection.
func (p pool) Acquire(ctx context.Context) (*pgxpool.Conn, error) {
	return spared(ctx, func() (*pgxpool.Conn, error) { return p.Pool.Acquire(ctx) })
}

// spared does again what failed for want of a connection.
func spared[T any](ctx context.Context, do func() (T, error)) (T, error) {
	answer, err := do()
	if !hasCode(err, tooManyConnections) {
		return answer, err
	}
	ticker := time.NewTicker(shortPause)
	defer ticker.Stop()
	for end := time.Now().Add(shortWait); hasCode(err, tooManyConnections) && !time.Now().After(end); answer, err = do() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return answer, err
		}
	}
	return answer, err
}
