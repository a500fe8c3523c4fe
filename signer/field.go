package signer

import (
	"slices"

	"github.com/waybillhq/waybill/signer/internal/jsontext"
)

// check refuses data whose member is not what the scheme asks.
func (f *Field) check(all members) error {
	found := all.find(f.Name)
	switch {
	case found == nil && f.Required:
		return f.refuse(CodeValueMissing, "is required")
	case found == nil || found.value[0] == 'n' && !f.Required:
		return nil
	case !f.isType(found.value):
		return f.refuse(CodeValueInvalid, "must be a "+f.Type)
	case f.Required && found.empty():
		return f.refuse(CodeValueInvalid, "must not be empty")
	case len(f.Values) > 0 && !slices.Contains(f.Values, string(decoded(found.value))):
		return f.refuse(CodeValueInvalid, "must be one of the values that the network documents")
	}
	return nil
}

func (f *Field) refuse(code, message string) error {
	return refuse(dataField([]byte(f.Name)), code, "%s", message)
}

func (f *Field) isType(value []byte) bool {
	first := value[0]
	isNumber := first == '-' || '0' <= first && first <= '9'
	switch f.Type {
	case "string":
		return first == '"'
	case "number":
		return isNumber
	case "integer":
		return isNumber && !slices.ContainsFunc(value, func(c byte) bool { return c == '.' || c|0x20 == 'e' })
	case "boolean":
		return first == 't' || first == 'f'
	default:
		return true
	}
}

// decoded is what a value says: of a string its text, else its spelling.
func decoded(value []byte) []byte {
	if value[0] == '"' {
		return jsontext.DecodeString(value)
	}
	return value
}
