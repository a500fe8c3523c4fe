package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const attemptColumns = `a.delivery_id, a.generation, a.number, a.trigger, a.started_at, a.duration, a.outcome, a.status_code,
	a.error_code, a.error_message, a.request, a.request_body, a.response, a.response_body, a.source_ip, a.trace_id, a.secret_version, a.notes`

const readAttempts = `SELECT ` + attemptColumns + ` FROM attempts a WHERE a.delivery_id = $1 ORDER BY a.started_at, a.generation, a.number`

// attemptRow is an attempt with the parts that are stored in two columns. Bodies
// are kept as the bytes they are, beside the JSON of the rest.
type attemptRow struct {
	postback.Attempt
	failure      postback.AttemptError
	request      string
	requestBody  []byte
	response     *string
	responseBody []byte
	notes        *string
}

func attemptDest(r *attemptRow) []any {
	return []any{
		&r.DeliveryID, &r.Generation, &r.Number, &r.Trigger,
		store.At(&r.StartedAt),
		&r.Duration, &r.Outcome, &r.StatusCode,
		&r.failure.Code, &r.failure.Message,
		store.JSON(&r.Request),
		&r.requestBody,
		store.JSON(&r.Response),
		&r.responseBody,
		&r.SourceIP, &r.TraceID, &r.SecretVersion,
		store.JSON(&r.Notes),
	}
}

// attempt puts the parts together.
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

// attemptsOf reads the attempts of a delivery, oldest first.
func attemptsOf(ctx context.Context, db querier, deliveryID string) ([]postback.Attempt, error) {
	rows, err := collect(ctx, db, attemptDest, readAttempts, deliveryID)
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	return column(rows, attemptRow.attempt), nil
}

// taken takes an attempt apart.
func taken(a postback.Attempt) (row attemptRow, err error) {
	row = attemptRow{Attempt: a, failure: errorOf(a), requestBody: a.Request.Body}
	request := a.Request
	request.Body = nil
	if row.request, err = encode(request); err != nil {
		return row, err
	}
	if a.Response != nil {
		response := *a.Response
		row.responseBody, response.Body = response.Body, nil
		if row.response, err = encoded(response); err != nil {
			return row, err
		}
	}
	if len(a.Notes) > 0 {
		row.notes, err = encoded(a.Notes)
	}
	return row, err
}

func encoded(value any) (*string, error) {
	text, err := encode(value)
	return &text, err
}

// attemptArgs are the columns of insertAttempts.
func attemptArgs(attempts []postback.Attempt) ([]any, error) {
	rows := make([]attemptRow, len(attempts))
	for i, attempt := range attempts {
		var err error
		if rows[i], err = taken(attempt); err != nil {
			return nil, err
		}
	}
	type row = attemptRow
	return []any{
		texts(rows, func(r row) string { return r.DeliveryID }),
		column(rows, func(r row) int { return r.Generation }),
		column(rows, func(r row) int { return r.Number }),
		texts(rows, func(r row) postback.Trigger { return r.Trigger }),
		times(rows, func(r row) time.Time { return r.StartedAt }),
		column(rows, func(r row) int64 { return int64(r.Duration) }),
		texts(rows, func(r row) postback.Outcome { return r.Outcome }),
		column(rows, func(r row) int { return r.StatusCode }),
		texts(rows, func(r row) string { return r.failure.Code }),
		texts(rows, func(r row) string { return r.failure.Message }),
		texts(rows, func(r row) string { return r.request }),
		column(rows, func(r row) []byte { return r.requestBody }),
		column(rows, func(r row) *string { return r.response }),
		column(rows, func(r row) []byte { return r.responseBody }),
		texts(rows, func(r row) string { return r.SourceIP }),
		texts(rows, func(r row) string { return r.TraceID }),
		column(rows, func(r row) int { return r.SecretVersion }),
		column(rows, func(r row) *string { return r.notes }),
	}, nil
}
