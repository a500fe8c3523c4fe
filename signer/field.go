package signer

import (
	"slices"
	"strconv"

	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// checkField refuses data whose member is not what the scheme asks.
func checkField(f *Field, all object.Members) error {
	found := all.At(f.Name)
	switch {
	case found == nil && f.Required:
		return refuseField(f, CodeValueMissing, "is required")
	case found == nil || found.Value[0] == 'n' && !f.Required:
		return nil
	case !isType(f.Type, found.Value):
		return refuseField(f, CodeValueInvalid, "must be a "+f.Type)
	case f.Required && found.Empty():
		return refuseField(f, CodeValueInvalid, "must not be empty")
	case len(f.Values) > 0 && !slices.Contains(f.Values, string(object.Decoded(found.Value))):
		return refuseField(f, CodeValueInvalid, "must be one of the values that the network documents")
	}
	return nil
}

func refuseField(f *Field, code, message string) error {
	return refusal.New(refusal.DataField([]byte(f.Name)), code, "%s", message)
}

func isType(name string, value []byte) bool {
	first := value[0]
	isNumber := first == '-' || '0' <= first && first <= '9'
	switch name {
	case "string":
		return first == '"'
	case "number":
		return isNumber
	case "integer":
		_, err := strconv.ParseInt(string(value), 10, 64) // as receivers keep them
		return err == nil && string(value) != "-0"
	case "boolean":
		return first == 't' || first == 'f'
	default:
		return true
	}
}
