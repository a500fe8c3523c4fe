package store

import "github.com/waybillhq/waybill/postback"

// AttemptColumns are those of an attempt a, behind the id of its delivery.
const AttemptColumns = `a.generation, a.number, a.trigger, a.started_at, a.duration, a.outcome, a.status_code,
	a.error_code, a.error_message, a.request, a.request_body, a.response, a.response_body,
	a.source_ip, a.trace_id, a.secret_version, a.notes`

// AttemptRow is an attempt with the parts that are stored in two columns. Bodies are
// kept as the bytes they are, beside the JSON of the rest.
type AttemptRow struct {
	postback.Attempt

	Failure      postback.AttemptError
	RequestBody  []byte
	ResponseBody []byte

	// What is written is JSON already; nil is NULL.
	RequestText  string
	ResponseText *string
	NotesText    *string
}

// AttemptDest scans the id of a delivery and AttemptColumns.
func AttemptDest(r *AttemptRow) []any {
	return []any{
		&r.DeliveryID, &r.Generation, &r.Number, &r.Trigger, At(&r.StartedAt), &r.Duration, &r.Outcome, &r.StatusCode,
		&r.Failure.Code, &r.Failure.Message, JSON(&r.Request), &r.RequestBody, JSON(&r.Response), &r.ResponseBody,
		&r.SourceIP, &r.TraceID, &r.SecretVersion, JSON(&r.Notes),
	}
}

// Whole puts together the attempt of a row that was read.
func (r AttemptRow) Whole() postback.Attempt {
	if r.Failure.Code != "" {
		r.Error = &r.Failure
	}
	r.Request.Body = r.RequestBody
	if r.Response != nil {
		r.Response.Body = r.ResponseBody
	}
	return r.Attempt
}

// TakeApart makes the row of an attempt that is to be written.
func TakeApart(a postback.Attempt) (row AttemptRow, err error) {
	row = AttemptRow{Attempt: a, RequestBody: a.Request.Body}
	if a.Error != nil {
		row.Failure = *a.Error
	}
	a.Request.Body = nil
	if row.RequestText, err = encode(a.Request); err != nil {
		return row, err
	}
	if a.Response != nil {
		response := *a.Response
		row.ResponseBody, response.Body = response.Body, nil
		if row.ResponseText, err = encoded(response); err != nil {
			return row, err
		}
	}
	if len(a.Notes) > 0 {
		row.NotesText, err = encoded(a.Notes)
	}
	return row, err
}

func encoded(value any) (*string, error) {
	text, err := encode(value)
	return &text, err
}
