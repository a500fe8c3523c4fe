package postback

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Limits of an event as accepted.
const (
	MaxEventBytes = 256 << 10 // one event's JSON
	MaxBatch      = 1000      // events in one batch
	maxIDBytes    = 200
	maxNameBytes  = 200
	maxTypeBytes  = 100

	firstYear, lastYear = 2000, 2100 // of occurred_at: a time beyond is a mistake of its unit
)

// Event is what happened: a conversion or a step of an exchange.
type Event struct {
	ID         string // the producer's id, or one made by Waybill
	Type       string // dotted: conversion.completed, exchange.finished
	Publisher  string
	Data       json.RawMessage // a JSON object as it came, but for white space between tokens
	OccurredAt time.Time       // zero when the producer did not say
	AcceptedAt time.Time
	Digest     []byte // of the content; tells a repeat from a changed repeat
	// TraceParent is the W3C trace context of the producer, so that a task
	// made from the ledger still links to it. Empty when there was none.
	TraceParent string
	Test        bool // made by "send an example"
	// Rejection says why an event that came through the queue was refused.
	// An event that came by HTTP is refused to the producer's face instead.
	Rejection string
}

// When is the time the event happened: what the producer said, or else the
// time it was accepted.
func (e Event) When() time.Time {
	if e.OccurredAt.IsZero() {
		return e.AcceptedAt
	}
	return e.OccurredAt
}

// ParseEvent reads the JSON of POST /v1/events: the one reader for HTTP,
// batches and the events queue. Unknown fields, duplicate fields, a wrong type
// and a missing field are errors that name the field. The id may be absent.
func ParseEvent(text []byte) (Event, error) { return ParseEventPart(text, Part{}) }

// ParseEventPart reads an event that was sent as a part of a body.
func ParseEventPart(text []byte, part Part) (Event, error) {
	if len(text) > MaxEventBytes {
		return Event{}, Failure(CodeTooLarge, "the event is too large: send at most %d bytes of JSON, not %d", MaxEventBytes, len(text))
	}
	read, usual := readQuickly(text)
	if !usual {
		if err := (source{text, part}).decode(&read); err != nil {
			return Event{}, err
		}
	}
	return read.event()
}

// eventText is what was written in the fields of an event.
type eventText struct {
	ID         *string         `json:"id"`
	Type       *string         `json:"type"`
	Publisher  *string         `json:"publisher"`
	Data       json.RawMessage `json:"data"`
	OccurredAt *string         `json:"occurred_at"`

	canonical []byte // of data that is checked and compact; nil when it is not
}

// event checks each field.
func (wire eventText) event() (Event, error) {
	event := Event{}
	if wire.ID != nil {
		event.ID = *wire.ID
		if err := checkEventID(event.ID); err != nil {
			return Event{}, err
		}
	}
	var err error
	if event.Type, err = requireType(wire.Type); err != nil {
		return Event{}, err
	}
	if event.Publisher, err = RequireName("publisher", wire.Publisher); err != nil {
		return Event{}, err
	}
	if event.Publisher == Operator {
		return Event{}, Invalid("publisher", CodeInvalid, "%q is reserved: Waybill itself sends its events; name the publisher that this one is for", Operator)
	}
	event.Data = wire.Data
	if wire.canonical == nil {
		if event.Data, err = requireData(wire.Data); err != nil {
			return Event{}, err
		}
		wire.canonical = canonical(event.Data)
	}
	if event.OccurredAt, err = parseTime("occurred_at", wire.OccurredAt); err != nil {
		return Event{}, err
	}
	if year := event.OccurredAt.Year(); wire.OccurredAt != nil && (year < firstYear || year > lastYear) {
		return Event{}, Invalid("occurred_at", CodeInvalid,
			"is in the year %d: write when it happened, from %d to %d, or leave it out", year, firstYear, lastYear)
	}
	event.Digest = contentDigest(event, wire.canonical)
	return event, nil
}

func checkEventID(id string) error {
	if id == "" || len(id) > maxIDBytes {
		return Invalid("id", CodeInvalid, "write 1 to %d characters, or leave the field out to have an id made", maxIDBytes)
	}
	if id == "." || id == ".." || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Invalid("id", CodeInvalid, "use visible ASCII characters without spaces")
	}
	return nil
}

func requireType(eventType *string) (string, error) {
	if eventType == nil {
		return "", Invalid("type", CodeInvalid, `is required, for instance "conversion.completed"`)
	}
	return *eventType, CheckEventType(*eventType)
}

// RequireName checks a required name such as a publisher: 1 to 200 bytes of
// text without control characters, and without white space at either end.
func RequireName(field string, name *string) (string, error) {
	if name == nil || *name == "" {
		return "", Invalid(field, CodeInvalid, "is required")
	}
	if len(*name) > maxNameBytes {
		return "", Invalid(field, CodeInvalid, "may be %d bytes at most", maxNameBytes)
	}
	if strings.ContainsFunc(*name, unicode.IsControl) {
		return "", Invalid(field, CodeInvalid, "holds a control character; remove it")
	}
	if strings.TrimSpace(*name) != *name {
		return "", Invalid(field, CodeInvalid, "begins or ends with white space; remove it")
	}
	return *name, nil
}

func requireData(data json.RawMessage) (json.RawMessage, error) {
	if len(data) == 0 || bytes.Equal(data, []byte("null")) {
		return nil, Invalid("data", CodeInvalid, "is required: a JSON object with the event's fields")
	}
	if data[0] != '{' {
		return nil, Invalid("data", CodeInvalid, "must be a JSON object")
	}
	if err := checkValues("data", data); err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return nil, Invalid("data", CodeInvalid, "is not valid JSON")
	}
	return compact.Bytes(), nil
}

func parseTime(field string, spelled *string) (time.Time, error) {
	if spelled == nil {
		return time.Time{}, nil
	}
	parsed, err := time.Parse(time.RFC3339, *spelled)
	if err != nil {
		return time.Time{}, Invalid(field, CodeInvalid, `%s: use RFC 3339, such as "2026-01-31T12:00:00.000Z"`, InvalidTime(*spelled))
	}
	return parsed.UTC(), nil
}

// contentDigest is SHA-256 over what a producer says, with the names in data
// sorted and white space gone, so that a repeat from a client that writes its
// JSON in another order is still a repeat, while 1.5 and 1.50 differ. The data comes
// as canonical makes it.
func contentDigest(e Event, data []byte) []byte {
	text := make([]byte, 0, len(data)+512)
	for _, part := range []string{e.Type, e.Publisher, formatOptional(e.OccurredAt)} {
		text = append(strconv.AppendQuote(text, part), ' ')
	}
	digest := sha256.Sum256(append(text, data...))
	return digest[:]
}

func formatOptional(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// canonical is JSON with the names sorted.
func canonical(data json.RawMessage) []byte {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return data // not JSON: its bytes are its content
	}
	encoded, err := json.Marshal(value) // Marshal sorts map keys; json.Number keeps its spelling.
	if err != nil {
		return data
	}
	return encoded
}

// families are the kinds of event that Waybill carries for a publisher.
func families(publisher string) []string {
	if publisher == Operator {
		return []string{"deliveries", "egress", "endpoint", "events"}
	}
	return []string{"conversion", "exchange"}
}

// CheckEventType reports whether a type is one that an event of a producer may
// have: a known family, then dotted lower-case names.
func CheckEventType(eventType string) error {
	switch {
	case validType("", eventType):
		return nil
	case validType(Operator, eventType):
		return Invalid("type", CodeInvalid, "%q is an alert of Waybill; no producer can send it", eventType)
	default:
		return Invalid("type", CodeInvalid,
			`invalid type %.60q: use a dotted lower-case name that begins with "conversion." or "exchange.", such as "conversion.completed"`, eventType)
	}
}

// CheckTypeOf reports whether a type is one that events of this publisher may
// have.
func CheckTypeOf(publisher, eventType string) error {
	if publisher != Operator {
		return CheckEventType(eventType)
	}
	if !slices.Contains(NoticeTypes(), eventType) {
		return Invalid("type", CodeInvalid, "invalid type %.60q: use a type of alert: %s", eventType, strings.Join(NoticeTypes(), ", "))
	}
	return nil
}

func validType(publisher, eventType string) bool {
	family, rest, _ := strings.Cut(eventType, ".")
	return slices.Contains(families(publisher), family) && dottedNames(rest) && len(eventType) <= maxTypeBytes
}

// CheckPattern reports whether a pattern can match any event's type: a type, a
// type's beginning followed by ".*", or "*".
func CheckPattern(field, pattern string) error {
	if validPattern(Operator, pattern) {
		return nil
	}
	return CheckPatternOf("", field, pattern)
}

// CheckPatternOf reports whether a pattern can match the type of an event of
// this publisher.
func CheckPatternOf(publisher, field, pattern string) error {
	switch {
	case validPattern(publisher, pattern):
		return nil
	case publisher == Operator:
		return Invalid(field, CodeInvalid,
			`no alert matches %.60q: use "endpoint.*", "deliveries.*", "egress.*", "events.*", a full type such as "endpoint.disabled", or "*"`, pattern)
	case validPattern(Operator, pattern):
		return Invalid(field, CodeInvalid, "%q matches only alerts of Waybill; an endpoint of the publisher %q gets those", pattern, Operator)
	default:
		return Invalid(field, CodeInvalid,
			`no event type can match %.60q: use "conversion.*", "exchange.*", a full type such as "conversion.completed", or "*"`, pattern)
	}
}

func validPattern(publisher, pattern string) bool {
	if pattern == "*" {
		return true
	}
	family, rest, _ := strings.Cut(pattern, ".")
	rest, wildcard := strings.CutSuffix("."+rest, ".*")
	rest = strings.TrimPrefix(rest, ".")
	return slices.Contains(families(publisher), family) && (dottedNames(rest) || wildcard && rest == "") && len(pattern) <= maxTypeBytes
}

// MatchType reports whether an event type matches a pattern that CheckPattern
// accepts.
func MatchType(pattern, eventType string) bool {
	if pattern == "*" {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(eventType, prefix)
	}
	return pattern == eventType
}

func dottedNames(text string) bool {
	for name := range strings.SplitSeq(text, ".") {
		if name == "" || strings.ContainsFunc(name, notNameRune) {
			return false
		}
	}
	return true
}

func notNameRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-'
}
