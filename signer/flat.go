package signer

import (
	"bytes"

	"github.com/waybillhq/waybill/signer/internal/jsontext"
	"github.com/waybillhq/waybill/signer/internal/percent"
)

// checkFlat refuses what a URL cannot carry: values are strings, numbers,
// booleans and nulls there.
func (all members) checkFlat() error {
	for i := range all {
		if first := all[i].value[0]; first == '{' || first == '[' {
			return refuse(dataField(all[i].name), CodeValueNested, "is an object or a list, which a URL cannot carry")
		}
	}
	return nil
}

// appendEncoded appends a value as it stands in a URL. A string is
// percent-encoded and a number keeps its spelling; booleans become 1 and 0, as
// PHP's http_build_query makes them, because "false" is true to most
// receivers; null is the empty string. NUL is refused: some servers refuse the
// whole request.
func appendEncoded(dst []byte, m *member, form bool) ([]byte, error) {
	text := m.value
	switch m.value[0] {
	case '"':
		text = jsontext.DecodeString(m.value)
		if bytes.IndexByte(text, 0) >= 0 {
			return nil, refuse(dataField(m.name), CodeValueInvalid, "holds a NUL character, which a URL cannot carry safely")
		}
	case 't':
		return append(dst, '1'), nil
	case 'f':
		return append(dst, '0'), nil
	case 'n':
		return dst, nil
	}
	if form {
		return percent.AppendForm(dst, text), nil
	}
	return percent.AppendRaw(dst, text), nil
}
