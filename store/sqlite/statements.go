package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
)

// statements keeps every statement that was ever run on a connection, or on a pool
// of them, prepared: to parse and plan one takes longer than most of them do. It is
// for statements of which there are few.
type statements struct {
	on interface {
		PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	}

	mu       sync.Mutex
	prepared map[string]*sql.Stmt
}

// QueryContext runs a query, prepared.
func (s *statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := s.prepare(ctx, query) //nolint:sqlclosecheck // kept for the next time; close closes it
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...) //nolint:wrapcheck // callers say what they were doing
}

// prepare takes the lock twice: nobody waits for another's connection.
func (s *statements) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if statement := s.kept(query, nil); statement != nil {
		return statement, nil
	}
	statement, err := s.on.PrepareContext(ctx, plannedOnce(query))
	if err != nil {
		return nil, err //nolint:wrapcheck // callers say what they were doing
	}
	kept := s.kept(query, statement)
	if kept != statement {
		err = statement.Close() //nolint:sqlclosecheck // at once: another caller was faster
	}
	return kept, err //nolint:wrapcheck // callers say what they were doing
}

// kept is the statement that is kept for a query: the given one when there is none.
func (s *statements) kept(query string, fresh *sql.Stmt) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	if statement, there := s.prepared[query]; there || fresh == nil {
		return statement
	}
	if s.prepared == nil {
		s.prepared = map[string]*sql.Stmt{}
	}
	s.prepared[query] = fresh
	return fresh
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failures []error
	for _, statement := range s.prepared {
		failures = append(failures, statement.Close())
	}
	return errors.Join(failures...)
}

// plannedOnce is a statement with the same answer that stays prepared. SQLite
// looks at the value of a parameter that is a limit, and therefore plans the
// statement anew each time it gets one, which takes longer than most of them do.
// It does not look at an expression.
func plannedOnce(query string) string { return strings.ReplaceAll(query, "LIMIT ?", "LIMIT 0 + ?") }
