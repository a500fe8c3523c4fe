package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// How long the writing connection waits for a lock of another one, in general
// and for a checkpoint, which holds up everybody who writes, and for one while a
// reader goes on that was logged.
const (
	busyWait       = 5 * time.Second
	checkpointWait = 200 * time.Millisecond
	heldWait       = 20 * time.Millisecond
)

// session is the connection that writes. Only the writer's goroutine uses it.
type session struct {
	*statements
	conn *sql.Conn
}

func newSession(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("take connection: %w", err)
	}
	return &session{&statements{on: conn}, conn}, nil
}

// exec runs a statement and returns how many rows it changed. Statements are
// constants: what varies is passed as an argument.
func (s *session) exec(ctx context.Context, query string, args ...any) (int64, error) {
	statement, err := s.prepare(ctx, query) //nolint:sqlclosecheck // kept for the next time; close closes it
	if err != nil {
		return 0, err
	}
	result, err := statement.ExecContext(ctx, args...)
	if err != nil {
		return 0, err //nolint:wrapcheck // callers say what they were doing
	}
	return result.RowsAffected() //nolint:wrapcheck // never fails here
}

// QueryRowContext runs a query once, unprepared.
func (s *session) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return s.conn.QueryRowContext(ctx, query, args...)
}

// withBusyTimeout waits no longer than the given time for locks while do runs.
func (s *session) withBusyTimeout(ctx context.Context, wait time.Duration, do func() error) error {
	if err := s.setBusyTimeout(ctx, wait); err != nil {
		return err
	}
	err := do()
	if restored := s.setBusyTimeout(ctx, busyWait); restored != nil {
		return restored
	}
	return err
}

func (s *session) setBusyTimeout(ctx context.Context, wait time.Duration) error {
	if _, err := s.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", wait.Milliseconds())); err != nil {
		return fmt.Errorf("set busy timeout: %w", err)
	}
	return nil
}

func (s *session) close() error {
	if err := errors.Join(s.statements.close(), s.conn.Close()); err != nil {
		return fmt.Errorf("close writing connection: %w", err)
	}
	return nil
}
