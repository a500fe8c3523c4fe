// Package jsonpath finds scalars in JSON: member names and indexes of lists,
// joined by dots.
//
// It guarantees that any bytes may be looked into: what is no JSON has nothing
// anywhere. Numbers keep their spelling.
package jsonpath

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/postback"
)

// maxPath bounds a path, in bytes.
const maxPath = 200

// Path leads to a place in a JSON value.
type Path []string

// Parse reads a path, such as "data.0.status". A dot in a name is written as \.
// and a backslash as \\. The error is CodeInvalid and names the field that the
// path came in.
func Parse(field, path string) (Path, error) {
	if len(path) > maxPath {
		return nil, postback.Invalid(field, postback.CodeInvalid, "must be at most %d bytes long", maxPath)
	}
	steps := []string{""}
	escaped := false
	for _, char := range []byte(path) {
		last := &steps[len(steps)-1]
		switch {
		case !escaped && char == '\\':
			escaped = true
		case !escaped && char == '.':
			steps = append(steps, "")
		default:
			*last += string([]byte{char})
			escaped = false
		}
	}
	for _, step := range steps {
		if step == "" || escaped || strings.HasPrefix(path, "$") || strings.HasPrefix(path, "[") {
			return nil, postback.Invalid(field, postback.CodeInvalid,
				`is not a path; join names and the indexes of lists by dots, such as "data.0.status", and write a dot in a name as \.`)
		}
	}
	return steps, nil
}

// Of is the path of a member by its name.
func Of(name string) string {
	path := strings.NewReplacer(`\`, `\\`, ".", `\.`).Replace(name)
	if strings.HasPrefix(path, "$") || strings.HasPrefix(path, "[") {
		return `\` + path
	}
	return path
}

// Text gives the text of the scalar that a JSON value has at the end of the
// path: the content of a string, or the spelling of a number or a boolean. There
// is none where nothing is, or null, an object or a list.
func (p Path) Text(data []byte) (string, bool) {
	value, ok := decode(data)
	if !ok {
		return "", false
	}
	for _, step := range p {
		switch container := value.(type) {
		case map[string]any:
			value, ok = container[step]
		case []any:
			value, ok = element(container, step)
		default:
			return "", false
		}
		if !ok {
			return "", false
		}
	}
	return textOf(value)
}

// decode reads one JSON value with its numbers as they are spelled.
func decode(body []byte) (any, bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return nil, false
	}
	_, err := decoder.Token()
	return value, errors.Is(err, io.EOF)
}

func element(list []any, step string) (any, bool) {
	index, err := strconv.ParseUint(step, 10, 31)
	if err != nil || int(index) >= len(list) {
		return nil, false
	}
	return list[index], true
}

func textOf(value any) (string, bool) {
	switch scalar := value.(type) {
	case string:
		return scalar, true
	case json.Number:
		return scalar.String(), true
	case bool:
		return strconv.FormatBool(scalar), true
	default:
		return "", false
	}
}
