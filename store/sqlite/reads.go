package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// reads are connections that read, with every statement they ever ran kept
// prepared: to parse and plan one takes longer than most of them do. It is for
// statements of which there are few.
type reads struct {
	pool *sql.DB

	mu       sync.Mutex
	prepared map[string]*sql.Stmt
}

func openReads(path string, connections int) (*reads, error) {
	pool, err := openPool(path, connections, reading())
	if err != nil {
		return nil, err
	}
	return &reads{pool: pool, prepared: map[string]*sql.Stmt{}}, nil
}

// QueryContext runs a query, prepared.
func (r *reads) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := r.prepare(ctx, query) //nolint:sqlclosecheck // kept for the next time; close closes it
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...) //nolint:wrapcheck // callers say what they were doing
}

// prepare takes the lock twice: no reader waits for another's connection.
func (r *reads) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if statement := r.kept(query, nil); statement != nil {
		return statement, nil
	}
	statement, err := r.pool.PrepareContext(ctx, plannedOnce(query))
	if err != nil {
		return nil, err //nolint:wrapcheck // callers say what they were doing
	}
	kept := r.kept(query, statement)
	if kept != statement {
		err = statement.Close() //nolint:sqlclosecheck // at once: another caller was faster
	}
	return kept, err //nolint:wrapcheck // callers say what they were doing
}

// kept is the statement that is kept for a query: the given one when there is none.
func (r *reads) kept(query string, fresh *sql.Stmt) *sql.Stmt {
	r.mu.Lock()
	defer r.mu.Unlock()
	if statement, there := r.prepared[query]; there || fresh == nil {
		return statement
	}
	r.prepared[query] = fresh
	return fresh
}

func (r *reads) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var failures []error
	for _, statement := range r.prepared {
		failures = append(failures, statement.Close())
	}
	failures = append(failures, r.pool.Close())
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("close reading connections: %w", err)
	}
	return nil
}
