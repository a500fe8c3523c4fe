package client

import (
	"encoding/json"
	"fmt"
	"time"
)

// TimeFormat is how the API writes times: RFC 3339, UTC, with milliseconds.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// Time is a time as the API writes it.
type Time struct{ time.Time }

// MarshalJSON writes the time in TimeFormat.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(make([]byte, 0, len(TimeFormat)+2), `"`+TimeFormat+`"`), nil
}

// UnmarshalJSON reads any RFC 3339 time.
func (t *Time) UnmarshalJSON(text []byte) error {
	var parsed time.Time
	if err := json.Unmarshal(text, &parsed); err != nil {
		return fmt.Errorf("read time: %w", err)
	}
	t.Time = parsed
	return nil
}

// Page is one part of a listing, newest first.
type Page[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Asks for the next part; absent at the end"`
}

// PageRequest asks for a part of a listing. Cursor is a part's NextCursor and
// empty for the first; Limit is 1 to 1,000, and 0 leaves it to the server (50).
type PageRequest struct {
	Cursor string
	Limit  int
}
