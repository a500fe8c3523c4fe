// Package refusal is how all of signer refuses: one error with a stable code, the
// field it is about and a message that says how to mend it. An error is ready for
// whoever caused it: the rooms of signer hand it on as it is.
package refusal

import (
	"errors"
	"fmt"
	"strconv"
	"unicode"
)

// Error says what was refused: a stable Code, the Field it is about in the
// words of the HTTP API ("url", "method", "data.user_id", "scheme", "secret";
// empty for none) or of a declaration ("parts[2].field") and a Message that says how to mend it. It never holds a
// secret, nor a value of the event's data.
type Error struct {
	Code    string
	Field   string
	Message string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// New makes an error.
func New(field, code, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// DataField is the API's name for a member of the data. Names come from
// outside, so what is long or cannot be printed is shown quoted and cut.
func DataField(name []byte) string {
	const shown = 64
	text := string(name)
	cut := text
	if len(cut) > shown {
		cut = cut[:shown]
	}
	for _, r := range cut {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return "data." + strconv.QuoteToASCII(cut)
		}
	}
	if len(cut) < len(text) {
		cut += "..."
	}
	return "data." + cut
}

// About makes an error speak of another field.
func About(field string, err error) error {
	var refused *Error
	if !errors.As(err, &refused) {
		return err
	}
	return &Error{Code: refused.Code, Field: field, Message: refused.Message}
}

// Wrong refuses a declaration. path is the way to what is wrong in it, such as
// "parts[2].field".
func Wrong(path, format string, args ...any) *Error {
	return New(path, CodeDeclaration, format, args...)
}

// At is the path of an element of a list.
func At(list string, index int) string {
	return fmt.Sprintf("%s[%d]", list, index)
}

// Short cuts what comes from outside to a length that a message can hold.
func Short(name string) string {
	return name[:min(len(name), 40)]
}
