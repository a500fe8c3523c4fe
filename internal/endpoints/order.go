package endpoints

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waybillhq/waybill/internal/jsonpath"
	"github.com/waybillhq/waybill/postback"
)

// checkOrderBy checks where the value is by which deliveries go one after
// another.
func checkOrderBy(path string) error {
	if path == "" {
		return nil
	}
	if !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) {
		return postback.Invalid("order_by", postback.CodeInvalid, "must be the name of a field of the events' data, such as tx")
	}
	_, err := jsonpath.Parse("order_by", path)
	return err //nolint:wrapcheck // it names the field
}

// WarnOrderByMissing is the code of a warning about an endpoint that gets messages
// which replace each other, in any order.
const WarnOrderByMissing = "order_by_missing"

// unordered warns of an endpoint whose scheme sends several messages for one
// conversion: one that is tried again arrives after the one that replaces it.
func (m *Manager) unordered(endpoint postback.Endpoint) []postback.Warning {
	scheme, err := m.schemes.Define(endpoint.Scheme)
	if err != nil || scheme.Superseding() == "" || endpoint.OrderBy != "" {
		return nil
	}
	field := jsonpath.Of(scheme.Superseding())
	if checkOrderBy(field) != nil {
		return nil // its deliveries cannot be ordered
	}
	return []postback.Warning{{
		Code: WarnOrderByMissing, Field: "order_by",
		Message: fmt.Sprintf("in this scheme a later message of the same %[1]s replaces an earlier one, and one that is retried may arrive after it: "+
			"set order_by to %[2]q to have them arrive in their order", scheme.Superseding(), field),
	}}
}
