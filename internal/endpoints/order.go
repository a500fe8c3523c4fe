package endpoints

import (
	"crypto/sha512"
	"encoding/hex"
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
