package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// attemptParts are the columns of the table, and attemptColumns those of a.
const attemptParts = `delivery_id, generation, number, trigger, started_at, duration, outcome, status_code,
	error_code, error_message, request, request_body, response, response_body, source_ip, trace_id, secret_version, notes`

// givenAttempts are those of attemptArgs.
const givenAttempts = `unnest($1::text[], $2::integer[], $3::integer[], $4::text[], $5::timestamptz[], $6::bigint[], $7::text[], $8::integer[],
	$9::text[], $10::text[], $11::text[], $12::bytea[], $13::text[], $14::bytea[], $15::text[], $16::text[], $17::integer[], $18::text[])`

const attemptColumns = `a.delivery_id, ` + store.AttemptColumns

const readAttempts = `SELECT ` + attemptColumns + ` FROM attempts a WHERE a.delivery_id = $1 ORDER BY a.started_at, a.generation, a.number`

// attemptsOf reads the attempts of a delivery, oldest first.
func attemptsOf(ctx context.Context, db querier, deliveryID string) ([]postback.Attempt, error) {
	rows, err := collect(ctx, db, store.AttemptDest, readAttempts, deliveryID)
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	return column(rows, store.AttemptRow.Whole), nil
}

// attemptArgs are the columns of givenAttempts.
func attemptArgs(attempts []postback.Attempt) ([]any, error) {
	type row = store.AttemptRow
	rows := make([]row, len(attempts))
	for i, attempt := range attempts {
		var err error
		if rows[i], err = store.TakeApart(attempt); err != nil {
			return nil, fmt.Errorf("write attempts: %w", err)
		}
	}
	return []any{
		texts(rows, func(r row) string { return r.DeliveryID }),
		column(rows, func(r row) int { return r.Generation }),
		column(rows, func(r row) int { return r.Number }),
		texts(rows, func(r row) postback.Trigger { return r.Trigger }),
		times(rows, func(r row) time.Time { return r.StartedAt }),
		column(rows, func(r row) int64 { return int64(r.Duration) }),
		texts(rows, func(r row) postback.Outcome { return r.Outcome }),
		column(rows, func(r row) int { return r.StatusCode }),
		texts(rows, func(r row) string { return r.Failure.Code }),
		texts(rows, func(r row) string { return r.Failure.Message }),
		texts(rows, func(r row) string { return r.RequestText }),
		column(rows, func(r row) []byte { return r.RequestBody }),
		column(rows, func(r row) *string { return r.ResponseText }),
		column(rows, func(r row) []byte { return r.ResponseBody }),
		texts(rows, func(r row) string { return r.SourceIP }),
		texts(rows, func(r row) string { return r.TraceID }),
		column(rows, func(r row) int { return r.SecretVersion }),
		column(rows, func(r row) *string { return r.NotesText }),
	}, nil
}
