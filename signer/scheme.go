package signer

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Scheme is a network's way to carry an event in an HTTP request and to sign
// it. Every error it returns is an *Error.
type Scheme interface {
	// Sign builds the request for a message. Secrets are the active ones, the
	// current one first: a scheme with room for one signature uses the first,
	// one that carries a list uses all. now is the time of the attempt, for
	// schemes that sign it.
	Sign(target Target, message Message, secrets []string, now time.Time) (Request, error)

	// Verify returns nil when the request carries a signature made with any of
	// the secrets. now is the time of receipt, for schemes that bound the age
	// of a request; the zero time means that it is not known.
	Verify(received Received, secrets []string, now time.Time) error

	// Check refuses a target that the scheme cannot sign for, and warns of
	// what common receivers stumble over. Sign refuses the same targets.
	Check(target Target) ([]Warning, error)

	// CheckData refuses data that the scheme cannot carry. Sign refuses the
	// same data.
	CheckData(data json.RawMessage) error
}

// Message is what a delivery says, before a scheme shapes it.
type Message struct {
	ID         string          // 32 lowercase hex digits, the same over retries and replays
	Type       string          // the event's type, such as "conversion.completed"
	OccurredAt time.Time       // when it happened
	Data       json.RawMessage // a JSON object; the spelling of numbers and the order of names are kept
}

// Target is where and how a publisher wants its messages.
type Target struct {
	URL    string // absolute; a template in a scheme that has macros
	Method string // empty: the scheme's default

	// PublicBaseURL is the origin ("https://host" and perhaps a port) that the
	// receiver believes to be called by, when a proxy in front of it changes
	// the one in URL. Schemes that sign the URL sign this origin in its place.
	// Empty: that of URL.
	PublicBaseURL string
}

// Request is the request to send, byte for byte.
type Request struct {
	Method       string
	URL          string
	Header       http.Header // never nil
	Body         []byte      // nil for none
	StringToSign string      // for people; a secret that is part of it is shown as "<secret>"
	Signature    string
	Notes        []string // what a person who debugs a delivery should know
}

// Received is a request as a receiver saw it. URL is absolute, with path and
// query exactly as they were in the request line.
type Received struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte

	// Template is the URL that the sender was given, for a scheme whose macros
	// say which parameter is which. Empty: the parameters are taken to be
	// named like the macros or the members that they stand for.
	Template string
}

// HeaderValue returns a header's value, however its name is spelled: a request that
// was signed here has it as the declaration does, one that came over the wire as
// net/http spells it.
func HeaderValue(header http.Header, name string) string {
	if value := header.Get(name); value != "" {
		return value
	}
	for spelled, values := range header {
		if strings.EqualFold(spelled, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// Warning is something that is allowed but that common receivers stumble over.
type Warning struct {
	Code    string
	Message string
}
