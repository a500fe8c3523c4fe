// Package declare is what a declaration can say: its members, under the names that
// they have in declaration files, and the words that they may hold. It checks
// nothing: see package compile.
package declare

import (
	"encoding/json"
	"time"
)

// Declaration states a network's convention, so that a network can be added
// without code. Compile checks it and makes a scheme out of it.
//
// The names of its members in JSON are those of the declaration files.
type Declaration struct {
	Name        string   `json:"name"` // lowercase letters, digits and "-"
	Description string   `json:"description,omitempty"`
	Source      string   `json:"source,omitempty"` // where the network documents its formula
	Methods     []string `json:"methods"`          // GET, POST, PUT; the default first

	// EventType is the type that the network's events usually have, such as
	// exchange.finished. Default: conversion.completed.
	EventType string `json:"event_type,omitempty"`

	Data    Data    `json:"data"`              // where the event's data goes
	Fields  []Field `json:"fields,omitempty"`  // what the data must hold
	Headers []Added `json:"headers,omitempty"` // headers besides that of the signature

	// Reference is the member of the data by which people look a delivery up,
	// such as the transaction's id: see Definition.Reference.
	Reference string `json:"reference,omitempty"`

	// Supersede says that a later message of the same reference replaces an earlier
	// one, such as the status of an exchange: their order matters.
	Supersede bool `json:"supersede,omitempty"`

	Parts     []Part `json:"parts"`            // what is signed
	Joiner    string `json:"joiner,omitempty"` // between the parts
	Algorithm string `json:"algorithm"`        // md5, sha1, sha256, sha512: a digest; hmac-md5 and so on: an HMAC
	Key       Key    `json:"key,omitzero"`     // how the secret becomes the key of an HMAC
	Output    string `json:"output,omitempty"` // hex (default), hex-upper, base64, base64url (without padding)
	Place     Place  `json:"place"`            // where the signature goes
	Tolerance string `json:"tolerance,omitempty"`

	// ReceiverChoosesSuccess says that the convention lets each receiver choose which
	// 2xx it answers. Default: 200 alone is success, as networks promise.
	ReceiverChoosesSuccess bool `json:"receiver_chooses_success,omitempty"`

	Secret   Secret         `json:"secret,omitzero"`
	Retry    []string       `json:"retry,omitzero"`    // the delays between attempts that the network promises, such as 30s; [] is one attempt
	Backoff  *Backoff       `json:"backoff,omitempty"` // in place of Retry, for a network that promises attempts and no delays
	StopOn   []int          `json:"stop_on,omitempty"` // the statuses after which the network never tries again, such as 403
	Warnings []Lint         `json:"warnings,omitempty"`
	Examples []EventExample `json:"examples,omitempty"`
	Vectors  []Vector       `json:"vectors,omitempty"`
}

// Data says where the event's data goes.
type Data struct {
	// In is "query" (the members become query parameters), "url" (macros of
	// the endpoint's URL stand for them) or "body" (JSON).
	In string `json:"in"`

	// Order of the parameters or members: "given" (default), "sorted" by name,
	// or, in a query, "listed": those of List alone, in its order.
	Order string   `json:"order,omitempty"`
	List  []string `json:"list,omitempty"`

	// Encoding of values in a URL: "rfc3986" (default; a space is %20), "rfc1738"
	// (PHP's urlencode: a space is +, "~" is %7E), "form" (URLSearchParams: as
	// rfc1738, but "*" stands raw), "component" (encodeURIComponent: as rfc3986, but
	// ! ' ( ) * stand raw) or "dotnet" (HttpUtility.UrlEncode: escapes in lowercase).
	Encoding string `json:"encoding,omitempty"`

	// OwnQuery lets the endpoint's URL bring parameters of its own, where the
	// data goes into the query too.
	OwnQuery bool `json:"own_query,omitempty"`

	// Style of a body: "verbatim" (default; the data's own text) or, for
	// receivers that decode and encode it again before they verify,
	// "javascript" (as JSON.stringify writes) or "php" (as json_encode with
	// JSON_UNESCAPED_UNICODE writes).
	Style string `json:"style,omitempty"`

	Macros *Macros `json:"macros,omitempty"` // with In "url"
	Add    []Added `json:"add,omitempty"`    // parameters or members besides the data's
}

// Macros says how the macros of a URL are spelled and what they stand for.
type Macros struct {
	Open  string  `json:"open"`  // what stands before a name, such as "[%"
	Close string  `json:"close"` // what stands behind it, such as "%]"
	Known []Macro `json:"known"`
}

// Macro stands for a member of the data, or for another value that can be
// added. Without any it stands for the member that bears its name.
type Macro struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
	Field   string   `json:"field,omitempty"`
	Value   string   `json:"value,omitempty"` // message_id, event_type or timestamp, in place of a field
	Format  string   `json:"format,omitempty"`
	Zone    string   `json:"zone,omitempty"`

	// Optional says that some of the network's own events have no value for it:
	// it is sent empty then. Any other macro of a URL needs a value in every
	// event, unless its endpoint lets it be empty.
	Optional bool `json:"optional,omitempty"`
}

// Added is a parameter, a member or a header that is sent besides the data.
type Added struct {
	Name   string `json:"name"`
	Value  string `json:"value"`            // literal, message_id, event_type, timestamp
	At     string `json:"at,omitempty"`     // "first" or "last" (default)
	Text   string `json:"text,omitempty"`   // of a literal
	Format string `json:"format,omitempty"` // of a timestamp
	Zone   string `json:"zone,omitempty"`
	Of     string `json:"of,omitempty"`
}

// Field is what a member of the data must be. In a body, Name may be the path of a
// member of an object inside the data: "data.conversion_id". So may the reference and
// the field of a part.
type Field struct {
	Name     string   `json:"name"`
	Required bool     `json:"required,omitempty"` // and not null, and not empty
	Type     string   `json:"type,omitempty"`     // string, number, integer, boolean; any when empty
	Values   []string `json:"values,omitempty"`   // that are allowed
}

// Part is a piece of the text that is signed. Part.Part is its kind, the other
// fields belong to the kinds that they name:
//
//	literal     Text
//	field       a member of the data: Field, Form, When
//	secret      the secret itself
//	timestamp   Format, Zone, Of
//	message_id  the message's id
//	event_type  the event's type
//	method      the HTTP method
//	url         the URL as sent, without the signature
//	path_query  the URL's path and query
//	query       the query's parameters: Order, List, Except, Encoding
//	values      the decoded values of the parameters (of the macros in use),
//	            sorted by name, empty ones left out: Separator, Except
//	body        the body as sent
//	json        the body decoded and encoded again: Order, Style, Except
type Part struct {
	Part      string   `json:"part"`
	Text      string   `json:"text,omitempty"`
	Field     string   `json:"field,omitempty"`
	Form      string   `json:"form,omitempty"`     // decoded (default), raw (as it stands in the request), integer (without a fraction)
	When      string   `json:"when,omitempty"`     // always (default), sent (the URL or the data has it), filled (and it is not empty): else the part is left out with its joiner
	Format    string   `json:"format,omitempty"`   // unix (default), unix_milli, rfc3339, or a layout of Go's time package
	Zone      string   `json:"zone,omitempty"`     // UTC (default), +02:00, or an IANA name
	Of        string   `json:"of,omitempty"`       // attempt (default) or event
	Order     string   `json:"order,omitempty"`    // given (default), sorted, listed
	List      []string `json:"list,omitempty"`     // of parameters
	Except    []string `json:"except,omitempty"`   // parameters or members that are left out
	Encoding  string   `json:"encoding,omitempty"` // of the query: as sent when empty; those of the data, or none
	Style     string   `json:"style,omitempty"`    // javascript (default) or php
	Separator string   `json:"separator,omitempty"`
	Base64    bool     `json:"base64,omitempty"` // the part's text is signed in base64
}

// Key says how a secret becomes the key of an HMAC.
type Key struct {
	Encoding string `json:"encoding,omitempty"` // utf8 (default), hex, base64
	Prefix   string `json:"prefix,omitempty"`   // cut off before decoding
}

// Place says where the signature goes.
type Place struct {
	In   string `json:"in"`   // query (the last parameter), macro, body (the last member), header
	Name string `json:"name"` // of the parameter, macro or header; the member's path, with "." between names

	// Template is what is sent: "sha256={sig}", "t={ts},v1={sig}". {ts} is the
	// timestamp part's text. Default: "{sig}".
	Template string `json:"template,omitempty"`

	// Overlap is what a header adds to Template for each further secret that
	// is active during a rotation: ",v1={sig}". Empty: one signature alone.
	Overlap string `json:"overlap,omitempty"`
}

// Secret is how the network's secrets look.
type Secret struct {
	Generate string `json:"generate,omitempty"` // alphanumeric (default), hex, base64
	Length   int    `json:"length,omitempty"`   // of a new one: characters, or the bytes that hex or base64 spells; default 32
	Prefix   string `json:"prefix,omitempty"`   // of a new one, not counted in Length
	Minimum  int    `json:"minimum,omitempty"`  // bytes of the key that an imported one must have; default 16
}

// Backoff lets the delays between attempts grow.
type Backoff struct {
	Initial     string  `json:"initial"`          // the first delay, such as 30s
	Multiplier  float64 `json:"multiplier"`       // how much longer each further delay is, at least 1
	MaxInterval string  `json:"max_interval"`     // the longest delay
	MaxAttempts int     `json:"max_attempts"`     // with the first one
	Jitter      float64 `json:"jitter,omitempty"` // how much each delay varies: 0.1 is up to 10 %
}

// Delays returns the first and the longest delay. An invalid one, which
// Compile refuses, is zero.
func (b *Backoff) Delays() (first, longest time.Duration) {
	first, _ = time.ParseDuration(b.Initial)
	longest, _ = time.ParseDuration(b.MaxInterval)
	return first, longest
}

// Lint is a warning about a target or a value that the network's receivers stumble
// over. Lint.When says about what, the other fields belong to the words that they name:
//
//	port      the URL has a port: {port} in the message
//	no_macro  the URL lacks Macro
//	names     the URL's parameters have names that receivers sort otherwise
//	value     a value of an event: what it Holds, or Is
type Lint struct {
	When  string `json:"when"`
	Macro string `json:"macro,omitempty"`

	// Field is the only member whose value counts. Default: every one that is sent.
	Field string `json:"field,omitempty"`
	// Holds are single characters, or escape (what looks like a percent-encoded
	// character), non_ascii, line_separator (U+2028 and U+2029), nested (an object
	// inside the data), list, tiny (a number between -0.0001 and 0.0001).
	Holds []string `json:"holds,omitempty"`
	Is    []string `json:"is,omitempty"` // whole values, as a receiver reads them

	Code    string `json:"code"`
	Message string `json:"message"` // with the receivers which fail
}

// EventExample is data of an event such as the network sends.
type EventExample struct {
	Types []string        `json:"types,omitempty"` // event types, or last parts of them; all when empty
	Data  json.RawMessage `json:"data"`
}

// Vector is what the network, or a program other than this one, computed. A
// declaration with a vector that does not hold is refused. A vector has one of
// Text, Event and Received.
type Vector struct {
	Source string `json:"source,omitempty"`
	Secret string `json:"secret"`

	Text         string `json:"text,omitempty"`           // what was signed
	StringToSign string `json:"string_to_sign,omitempty"` // what Event makes, the secret shown as <secret>
	Signature    string `json:"signature,omitempty"`      // of Text or Event

	Event    *VectorEvent   `json:"event,omitempty"`    // must be signed so
	Received *VectorRequest `json:"received,omitempty"` // must verify
}

// VectorEvent is an event to sign.
type VectorEvent struct {
	URL       string          `json:"url"`
	Method    string          `json:"method,omitempty"`
	MessageID string          `json:"message_id,omitempty"`
	Type      string          `json:"type,omitempty"`
	Time      string          `json:"time,omitempty"` // RFC 3339, of the attempt and of the event
	Data      json.RawMessage `json:"data"`
}

// VectorRequest is a request as its receiver saw it.
type VectorRequest struct {
	Method   string            `json:"method,omitempty"`
	URL      string            `json:"url"`
	Template string            `json:"template,omitempty"`
	Headers  map[string]string `json:"headers,omitempty"`
	Body     string            `json:"body,omitempty"`
}
