package expect

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxPath bounds a path, in bytes.
const maxPath = 200

// splitPath gives the steps of a path. A dot in a name is written as \. and a
// backslash as \\.
func splitPath(path string) ([]string, error) {
	if len(path) > maxPath {
		return nil, invalid("expect.json_path", "must be at most %d bytes long", maxPath)
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
			return nil, invalid("expect.json_path",
				`is not a path; join names and the indexes of lists by dots, such as "data.0.status", and write a dot in a name as \.`)
		}
	}
	return steps, nil
}

// find gives the text of the scalar that a JSON body has at the end of the
// steps: the content of a string, or the spelling of anything else.
func find(body []byte, steps []string) (string, bool) {
	value, ok := decode(body)
	if !ok {
		return "", false
	}
	for _, step := range steps {
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
