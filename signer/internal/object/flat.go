package object

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/waybillhq/waybill/signer/internal/jsontext"
	"github.com/waybillhq/waybill/signer/internal/percent"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// CheckFlat refuses what a URL cannot carry: values are strings, numbers,
// booleans and nulls there.
func (all Members) CheckFlat() error {
	for i := range all {
		if first := all[i].Value[0]; first == '{' || first == '[' {
			return refusal.New(refusal.DataField(all[i].Name), refusal.CodeValueNested, "is an object or a list, which a URL cannot carry")
		}
	}
	return nil
}

// AppendEncoded appends a value as it stands in a URL. A string is
// percent-encoded and a number keeps its spelling; booleans become 1 and 0, as
// PHP's http_build_query makes them, because "false" is true to most
// receivers; null is the empty string. NUL is refused: some servers refuse the
// whole request.
func AppendEncoded(dst []byte, m *Member, encoding percent.Encoding) ([]byte, error) {
	text := m.Value
	switch m.Value[0] {
	case '"':
		text = jsontext.DecodeString(m.Value)
		if bytes.IndexByte(text, 0) >= 0 {
			return nil, refusal.New(refusal.DataField(m.Name), refusal.CodeValueInvalid, "holds a NUL character, which a URL cannot carry safely")
		}
	case 't':
		return append(dst, '1'), nil
	case 'f':
		return append(dst, '0'), nil
	case 'n':
		return dst, nil
	}
	return encoding.Append(dst, text), nil
}

// CheckParameterName refuses names that PHP rewrites, and numbers: a receiver
// that sorts the names with ksort puts 9 before 10.
func CheckParameterName(name []byte) error {
	if len(name) == 0 || slices.ContainsFunc(name, isNotNameByte) {
		return refusal.New(refusal.DataField(name), refusal.CodeNameInvalid, "a parameter's name may hold letters A to Z, digits, _ and - only")
	}
	if first := name[0]; first == '-' || '0' <= first && first <= '9' {
		if _, err := strconv.ParseFloat(string(name), 64); err == nil {
			return refusal.New(refusal.DataField(name), refusal.CodeNameInvalid, "a parameter's name must not be a number")
		}
	}
	return nil
}

func isNotNameByte(c byte) bool {
	return !percent.IsUnreserved(c) || c == '.' || c == '~'
}
