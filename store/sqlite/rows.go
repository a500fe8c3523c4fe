package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// querier is what reads: a pool, a transaction of one, or the writer's session.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// collect reads all rows of a query, each into what dest points at.
func collect[T any](ctx context.Context, db querier, dest func(*T) []any, query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err //nolint:wrapcheck // callers say what they were reading
	}
	return scanAll(rows, dest)
}

// scanAll reads all rows and closes them.
func scanAll[T any](rows *sql.Rows, dest func(*T) []any) ([]T, error) {
	defer rows.Close()
	var all []T
	for rows.Next() {
		var one T
		if err := rows.Scan(dest(&one)...); err != nil {
			return nil, err //nolint:wrapcheck // callers say what they were reading
		}
		all = append(all, one)
	}
	return all, rows.Err() //nolint:wrapcheck // callers say what they were reading
}

// single reads a query's only row; what is missing is CodeNotFound.
func single[T any](ctx context.Context, db querier, kind string, dest func(*T) []any, query string, args ...any) (T, error) {
	var none T
	found, err := collect(ctx, db, dest, query, args...)
	if err != nil {
		return none, fmt.Errorf("read %s: %w", kind, err)
	}
	if len(found) == 0 {
		return none, missing(kind)
	}
	return found[0], nil
}

func missing(kind string) error {
	return postback.Failure(postback.CodeNotFound, "%s not found", kind)
}

// snapshot reads several times from one state of the ledger.
func (l *Ledger) snapshot(ctx context.Context, read func(db querier) error) error {
	return inSnapshot(ctx, l.reads.pool, func(tx *sql.Tx) error { return read(tx) })
}

// micros is a time as it is stored; a zero time is NULL.
func micros(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UnixMicro()
}

const deliveryColumns = `d.id, d.event_id, d.event_type, d.publisher, d.endpoint_id, d.reference, d.order_key, d.state, d.reason, d.test, d.probe,
	d.generation, d.attempts, d.attempts_before, d.last_status_code, d.last_error,
	d.created_at, d.opened_at, d.next_attempt_at, d.completed_at, d.sweep_at`

const dueColumns = deliveryColumns + `, ` + store.EventColumns

const attemptColumns = `d.id, ` + store.AttemptColumns
