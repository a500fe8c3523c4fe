package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
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
	return postback.Failure(postback.CodeNotFound, "there is no such %s", kind)
}

// snapshot reads several times from one state of the ledger.
func (l *Ledger) snapshot(ctx context.Context, read func(db querier) error) error {
	return inSnapshot(ctx, l.readPool, func(tx *sql.Tx) error { return read(tx) })
}

// micros is a time as it is stored; a zero time is NULL.
func micros(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UnixMicro()
}

// instant scans what micros stored.
type instant struct{ at *time.Time }

// Scan implements sql.Scanner.
func (i instant) Scan(stored any) error {
	switch value := stored.(type) {
	case nil:
		*i.at = time.Time{}
	case int64:
		*i.at = time.UnixMicro(value).UTC()
	default:
		return fmt.Errorf("read time: stored as %T", stored)
	}
	return nil
}

// encode is a value as JSON text, for columns that nobody searches.
func encode(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encode %T: %w", value, err)
	}
	return string(text), nil
}

// decoded scans what encode stored; NULL leaves the value as it is.
type decoded struct{ into any }

// Scan implements sql.Scanner.
func (d decoded) Scan(stored any) error {
	switch text := stored.(type) {
	case nil:
		return nil
	case string:
		if err := json.Unmarshal([]byte(text), d.into); err != nil {
			return fmt.Errorf("decode %T: %w", d.into, err)
		}
		return nil
	default:
		return fmt.Errorf("decode %T: stored as %T", d.into, stored)
	}
}

const (
	eventColumns = `e.id, e.type, e.publisher, e.data, e.occurred_at, e.accepted_at, e.digest, e.traceparent, e.test, e.rejection`
	// Large events would not fit in memory many at a time.
	listedEventColumns = `e.id, e.type, e.publisher, NULL, e.occurred_at, e.accepted_at, e.digest, e.traceparent, e.test, e.rejection`
)

func eventDest(e *postback.Event) []any {
	return []any{
		&e.ID, &e.Type, &e.Publisher, (*[]byte)(&e.Data),
		instant{&e.OccurredAt},
		instant{&e.AcceptedAt},
		&e.Digest, &e.TraceParent, &e.Test, &e.Rejection,
	}
}

const deliveryColumns = `d.id, d.event_id, d.event_type, d.publisher, d.endpoint_id, d.reference, d.order_key, d.state, d.reason, d.test, d.probe,
	d.generation, d.attempts, d.attempts_before, d.last_status_code, d.last_error,
	d.created_at, d.opened_at, d.next_attempt_at, d.completed_at, d.sweep_at`

func deliveryDest(d *postback.Delivery) []any {
	return []any{
		&d.ID, &d.EventID, &d.EventType, &d.Publisher, &d.EndpointID, &d.Reference, &d.OrderKey, &d.State, &d.Reason, &d.Test, &d.Probe,
		&d.Generation, &d.Attempts, &d.AttemptsBefore, &d.LastStatusCode, &d.LastError,
		instant{&d.CreatedAt},
		instant{&d.OpenedAt},
		instant{&d.NextAttemptAt},
		instant{&d.CompletedAt},
		instant{&d.SweepAt},
	}
}

const dueColumns = deliveryColumns + `, ` + eventColumns

func dueDest(d *postback.Due) []any {
	return append(deliveryDest(&d.Delivery), eventDest(&d.Event)...)
}

const attemptColumns = `d.id, a.generation, a.number, a.trigger, a.started_at, a.duration, a.outcome, a.status_code,
	a.error_code, a.error_message, a.request, a.request_body, a.response, a.response_body,
	a.source_ip, a.trace_id, a.secret_version, a.notes`

// attemptRow is an attempt with the parts that are stored in two columns.
type attemptRow struct {
	postback.Attempt
	failure      postback.AttemptError
	requestBody  []byte
	responseBody []byte
}

func attemptDest(r *attemptRow) []any {
	return []any{
		&r.DeliveryID, &r.Generation, &r.Number, &r.Trigger,
		instant{&r.StartedAt},
		&r.Duration, &r.Outcome, &r.StatusCode,
		&r.failure.Code, &r.failure.Message,
		decoded{&r.Request},
		&r.requestBody,
		decoded{&r.Response},
		&r.responseBody,
		&r.SourceIP, &r.TraceID, &r.SecretVersion,
		decoded{&r.Notes},
	}
}

// attempt puts the two halves together.
func (r attemptRow) attempt() postback.Attempt {
	if r.failure.Code != "" {
		r.Error = &r.failure
	}
	r.Request.Body = r.requestBody
	if r.Response != nil {
		r.Response.Body = r.responseBody
	}
	return r.Attempt
}
