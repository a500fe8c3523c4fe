package postback

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// DecodeObject reads exactly one JSON object into a struct. Malformed JSON,
// unknown and duplicate top-level fields, null in one, a wrong type and anything
// after the object are errors that name the field and never repeat a value.
func DecodeObject(text []byte, into any) error { return source{text: text}.decode(into) }

func (s source) decode(into any) error {
	nulls, err := s.checkObject()
	if err != nil {
		return err
	}
	if len(nulls) > 0 {
		return Null(nulls[0])
	}
	decoder := json.NewDecoder(bytes.NewReader(s.text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return explainDecode(err)
	}
	return nil
}

// CheckObject reports whether a text is exactly one JSON object, as DecodeObject
// does, but lets its fields be null.
func CheckObject(text []byte) error {
	_, err := source{text: text}.checkObject()
	return err
}

// CheckJSON reports whether a text is exactly one JSON object, whatever it holds.
// Its error says where it is not.
func CheckJSON(text []byte) error {
	whole := source{text: text}
	if err := whole.checkText(); err != nil {
		return err
	}
	if err := whole.checkSyntax(); err != nil {
		return err
	}
	if bytes.TrimLeft(text, " \t\r\n")[0] != '{' {
		return Failure(CodeInvalid, "%s must be a JSON object", whole)
	}
	return nil
}

// Null refuses a field that is null: encoding/json would take it for one that is
// not there, and do what nobody asked for.
func Null(field string) *Error {
	return Invalid(field, CodeInvalid, "is null; give a value or leave it out")
}

// checkObject also says which fields are null.
func (s source) checkObject() (nulls []string, err error) {
	if err := s.checkText(); err != nil {
		return nil, err
	}
	if err := s.checkSyntax(); err != nil {
		return nil, err
	}
	return s.checkTopLevel()
}

// checkTopLevel finds what encoding/json lets pass: a body that is no object,
// a name written twice, a name in another case, and null for anything.
func (s source) checkTopLevel() (nulls []string, err error) {
	decoder := json.NewDecoder(bytes.NewReader(s.text))
	open, err := decoder.Token()
	if err != nil || open != json.Delim('{') {
		return nil, Failure(CodeInvalid, "%s must be a JSON object", s)
	}
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, Failure(CodeInvalid, "%s is not valid JSON", s)
		}
		name, _ := token.(string)
		if seen[name] {
			return nil, Invalid(name, CodeInvalid, "is written twice; write it once")
		}
		if strings.ContainsFunc(name, foldable) {
			return nil, Invalid(name, CodeUnknownField, "is not a field of this request; field names are snake_case")
		}
		seen[name] = true
		var skipped json.RawMessage
		if err := decoder.Decode(&skipped); err != nil {
			return nil, Failure(CodeInvalid, "%s is not valid JSON", s)
		}
		if string(skipped) == "null" {
			nulls = append(nulls, name)
		}
	}
	return nulls, nil
}

// foldable reports whether encoding/json may take the rune for another one when
// it looks for a field: it ignores case, and so reads "\u017f" as "s".
func foldable(r rune) bool { return r >= 'A' && r <= 'Z' || r >= utf8.RuneSelf }

func explainDecode(err error) *Error {
	var domain *Error
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &domain):
		return domain
	case errors.As(err, &wrongType):
		return explainType(wrongType)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return Failure(CodeInvalid, "the JSON ends too early")
	}
	if _, name, found := strings.Cut(err.Error(), "unknown field "); found {
		return Invalid(strings.Trim(name, `"`), CodeUnknownField, "is not a field of this request; remove it or correct its spelling")
	}
	return Failure(CodeInvalid, "the body is not valid JSON")
}

func explainType(err *json.UnmarshalTypeError) *Error {
	wanted := jsonKind(err.Type.Kind().String())
	found, _, number := strings.Cut(err.Value, " ") // "number 1.5" repeats the value
	if number {
		return Invalid(err.Field, CodeInvalid, "has a fraction, or is out of range")
	}
	return Invalid(err.Field, CodeInvalid, "must be %s, not %s", wanted, found)
}

func jsonKind(goKind string) string {
	switch goKind {
	case "string", "ptr":
		return "a string"
	case "bool":
		return "true or false"
	case "slice", "array":
		return "a list"
	case "map", "struct":
		return "an object"
	default:
		return "a number"
	}
}

// EncodeJSON is json.Marshal that leaves <, > and & as they are, so that raw
// JSON within the value keeps its spelling.
func EncodeJSON(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encode JSON: %w", err)
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
