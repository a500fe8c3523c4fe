package store

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/waybillhq/waybill/postback"
)

// Listing names what a cursor pages through, so that the cursor of one listing
// is refused by another.
type Listing string

// The listings.
const (
	Events     Listing = "events"
	Deliveries Listing = "deliveries"
	Endpoints  Listing = "endpoints"
	Replays    Listing = "replays"
)

// Position is the last row of a part of a listing: its time, and the key that
// orders rows of the same time.
type Position struct {
	At  time.Time // to the microsecond
	Key string
}

// Cursor spells a position as the opaque text that callers hand back.
func (l Listing) Cursor(last Position) string {
	text := string(l) + " " + strconv.FormatInt(last.At.UnixMicro(), 10) + " " + last.Key
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// Position reads a cursor of this listing; false means the beginning. Anything
// else than what Cursor wrote is CodeInvalid in the field "cursor".
func (l Listing) Position(cursor string) (Position, bool, error) {
	if cursor == "" {
		return Position{}, false, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return Position{}, false, badCursor()
	}
	parts := strings.SplitN(string(text), " ", 3)
	if len(parts) != 3 || parts[0] != string(l) || parts[2] == "" {
		return Position{}, false, badCursor()
	}
	micros, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return Position{}, false, badCursor()
	}
	return Position{At: time.UnixMicro(micros).UTC(), Key: parts[2]}, true, nil
}

func badCursor() error {
	return postback.Invalid("cursor", postback.CodeInvalid, "is not a cursor of this listing; use next_cursor as it came, or leave it out to begin")
}

// Size is the number of rows that a page asks for: at most MaxPage, and
// DefaultPage when it does not say.
func Size(page postback.Page) int {
	if page.Limit < 1 {
		return postback.DefaultPage
	}
	return min(page.Limit, postback.MaxPage)
}

// HistoryBytes bounds a part of a listing of histories, as HistorySize counts: a
// part ends with the delivery that reaches it.
const HistoryBytes = 4 << 20

// HistorySize is about how many bytes an attempt takes in memory: what others
// wrote, and the rest at a flat rate.
func HistorySize(attempt postback.Attempt) int {
	const rest = 1 << 10
	size := rest + len(attempt.Request.Body) + len(attempt.Request.StringToSign) + len(attempt.Request.URL)
	for name, value := range attempt.Request.Headers {
		size += len(name) + len(value)
	}
	if attempt.Response == nil {
		return size
	}
	for name, value := range attempt.Response.Headers {
		size += len(name) + len(value)
	}
	return size + len(attempt.Response.Body)
}

// TypeRange turns an event type pattern into a half-open range of the types it
// matches, compared byte by byte; false means that it matches every type. The
// range needs no escaping, whatever the pattern holds.
func TypeRange(pattern string) (from, before string, bounded bool) {
	if pattern == "" || pattern == "*" {
		return "", "", false
	}
	if prefix, wildcard := strings.CutSuffix(pattern, "*"); wildcard {
		return prefix, prefix + string(utf8.MaxRune), true
	}
	return pattern, pattern + "\x00", true
}
