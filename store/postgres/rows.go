package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
)

// querier is what reads: the pool, a connection of it, or a transaction.
type querier interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

// collect reads all rows of a query, each into what dest points at.
func collect[T any](ctx context.Context, db querier, dest func(*T) []any, query string, args ...any) (all []T, err error) {
	read := func() error {
		rows, err := db.Query(ctx, query, args...)
		if err != nil {
			return err //nolint:wrapcheck // callers say what they were reading
		}
		all, err = scanAll(rows, dest)
		return err
	}
	if _, alone := db.(pool); alone {
		err = replanned(read)
		return all, err
	}
	err = read()
	return all, err
}

// scanAll reads all rows and closes them.
func scanAll[T any](rows pgx.Rows, dest func(*T) []any) ([]T, error) {
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

// one scans a single column.
func one[T any](value *T) []any { return []any{value} }

// column makes a column of rows, as unnest takes it.
func column[Row, T any](rows []Row, of func(Row) T) []T {
	values := make([]T, len(rows))
	for i, row := range rows {
		values[i] = of(row)
	}
	return values
}

// texts makes a column of text.
func texts[Row any, T ~string](rows []Row, of func(Row) T) []string {
	return column(rows, func(row Row) string { return clean(string(of(row))) })
}

// times makes a column of times.
func times[Row any](rows []Row, of func(Row) time.Time) []*time.Time {
	return column(rows, func(row Row) *time.Time { return moment(of(row)) })
}

// clean makes text what PostgreSQL takes as text: UTF-8 without zero bytes.
// What others wrote may be anything.
func clean(text string) string {
	if utf8.ValidString(text) && !strings.Contains(text, "\x00") {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// moment is a time as it is stored; a zero time is NULL.
func moment(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

const deliveryColumns = `d.id, d.event_id, d.event_type, d.publisher, d.endpoint_id, d.reference, d.order_key, d.state, d.reason, d.test, coalesce(w.probe, false),
	d.generation, d.attempts, d.attempts_before, d.last_status_code, d.last_error,
	d.created_at, d.opened_at, w.next_attempt_at, d.completed_at, w.sweep_at`

// joinWaiting adds when a delivery's turn comes. The limit makes it a look at the
// index for each one that has not ended: the planner would rather read all that
// wait, however many do.
const joinWaiting = ` LEFT JOIN LATERAL (SELECT w.next_attempt_at, w.sweep_at, w.probe FROM waiting w
	WHERE d.completed_at IS NULL AND w.endpoint_id = d.endpoint_id AND w.id = d.id LIMIT 1) w ON true `
