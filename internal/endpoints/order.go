package endpoints

import (
	"crypto/sha512"
	"encoding/hex"
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
	field := strings.NewReplacer(`\`, `\\`, ".", `\.`).Replace(scheme.Superseding())
	return []postback.Warning{{
		Code: WarnOrderByMissing, Field: "order_by",
		Message: fmt.Sprintf("in this scheme a later message of the same %[1]s replaces an earlier one, and one that is retried may arrive after it: "+
			"set order_by to %[2]q to have them arrive in their order", scheme.Superseding(), field),
	}}
}

// maxOrderKey bounds a value that is an order key itself, in bytes.
const maxOrderKey = 127

// OrderKey is what an event has where the endpoint's deliveries are ordered by:
// those with the same one go one after another. It is empty, and the delivery
// waits for no other, when the endpoint orders nothing or the event has no text,
// number or boolean there.
//
// A value that is too long for an index, or that no ledger keeps as it is, gives
// its SHA-512 in hexadecimal: 128 bytes, which no other value is.
func (m *Manager) OrderKey(endpoint postback.Endpoint, event postback.Event) string {
	if endpoint.OrderBy == "" {
		return ""
	}
	path, err := jsonpath.Parse("order_by", endpoint.OrderBy)
	if err != nil {
		return "" // it was checked when it was set
	}
	value, found := path.Text(event.Data)
	if !found || len(value) <= maxOrderKey && !strings.ContainsRune(value, 0) {
		return value
	}
	digest := sha512.Sum512([]byte(value))
	return hex.EncodeToString(digest[:])
}
