package postback

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// Text is what was given for a field, or nothing. An empty text that was given is
// never taken for nothing. It is read from JSON, from queries and from flags.
type Text struct {
	text  string
	given bool
}

// Given is a text that was given.
func Given(text string) Text { return Text{text: text, given: true} }

// GivenTime is a point in time that was given; the zero is none.
func GivenTime(at time.Time) Text {
	if at.IsZero() {
		return Text{}
	}
	return Given(at.UTC().Format(time.RFC3339Nano))
}

// IsZero reports whether nothing was given.
func (t Text) IsZero() bool { return !t.given }

func (t Text) String() string { return t.text }

// Set gives a text; with Type it makes this the value of a flag.
func (t *Text) Set(text string) error {
	*t = Given(text)
	return nil
}

// Type names the kind of flag.
func (*Text) Type() string { return "string" }

// MarshalText writes what was given.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.text), nil }

// UnmarshalText gives a text.
func (t *Text) UnmarshalText(text []byte) error { return t.Set(string(text)) }

// Names are what was given for a field that takes several; nil is nothing. In JSON a
// single one may stand without a list.
type Names[T ~string] []T

// UnmarshalJSON reads one name or a list of them. What is neither is kept as it is
// written: whoever knows the field refuses it.
func (n *Names[T]) UnmarshalJSON(text []byte) error {
	*n = readNames[T](text)
	return nil
}

func readNames[T ~string](text []byte) []T {
	var one T
	if json.Unmarshal(text, &one) == nil {
		return []T{one}
	}
	var several []json.RawMessage
	if json.Unmarshal(text, &several) != nil {
		return []T{T(text)}
	}
	names := make([]T, 0, len(several))
	for _, each := range several {
		if json.Unmarshal(each, &one) != nil {
			one = T(each)
		}
		names = append(names, one)
	}
	return names
}

// CheckText refuses text that no name, id or description has and that not every
// ledger can look up.
func CheckText(field, text string) error {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, isControl) {
		return Invalid(field, CodeInvalid, "holds a control character or is not UTF-8")
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }
