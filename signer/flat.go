package signer

import (
	"bytes"
	"encoding/json"
)

// parseFlat reads data for a scheme that carries it in a URL: an object whose
// values are strings, numbers, booleans and nulls.
func parseFlat(data json.RawMessage, room members) (members, error) {
	all, err := parseObject(data, room)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if first := all[i].value[0]; first == '{' || first == '[' {
			return nil, refuse(dataField(all[i].name), CodeValueNested, "is an object or a list, which a URL cannot carry")
		}
	}
	return all, nil
}

// appendValue appends a value as it stands in a URL. A string is
// percent-encoded and a number keeps its spelling; booleans become 1 and 0, as
// PHP's http_build_query makes them, because "false" is true to most
// receivers; null is the empty string. NUL is refused: some servers refuse the
// whole request.
func appendValue(dst []byte, m *member) ([]byte, error) {
	switch m.value[0] {
	case '"':
		text := decodeString(m.value)
		if bytes.IndexByte(text, 0) >= 0 {
			return nil, refuse(dataField(m.name), CodeValueInvalid, "holds a NUL character, which a URL cannot carry safely")
		}
		return appendEscaped(dst, text), nil
	case 't':
		return append(dst, '1'), nil
	case 'f':
		return append(dst, '0'), nil
	case 'n':
		return dst, nil
	default:
		return appendEscaped(dst, m.value), nil
	}
}
