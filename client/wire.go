package client

import (
	"encoding/json"
	"fmt"
	"time"
)

// Time is a time as the API writes it: RFC 3339, UTC, with milliseconds.
type Time struct{ time.Time }

// MarshalJSON writes the time with milliseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(t.UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
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
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty"` // empty at the end
}

// PageRequest asks for a part of a listing. Cursor is a part's NextCursor and
// empty for the first; Limit is 1 to 1,000, and 0 leaves it to the server (50).
type PageRequest struct {
	Cursor string
	Limit  int
}
