package schemes

import (
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/waybillhq/waybill/internal/jsonpath"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// Definer knows schemes by their names.
type Definer interface {
	Define(name string) (*signer.Definition, error)
}

// Rules are what endpoints' schemes say of an event. While the declaration of an
// endpoint's scheme is missing here, which is no fault of the event, they refuse
// nothing: its delivery waits until the declaration is back.
type Rules struct{ Schemes Definer }

// CheckEvent refuses an event that the endpoint's scheme cannot carry there. The
// error is a *postback.Error that names the field.
func (r Rules) CheckEvent(endpoint postback.Endpoint, event postback.Event) error {
	scheme, err := r.Schemes.Define(endpoint.Scheme)
	if err != nil {
		return nil //nolint:nilerr // see Rules
	}
	return DomainError(scheme.CheckDelivery(target(endpoint), event.Data, endpoint.AllowEmpty))
}

// Warnings warns of the macros of an endpoint's URL that an event which it can be sent
// has no value for, because a receiver that answers 200 all the same has credited
// nobody, and of values that some of the network's receivers refuse.
func (r Rules) Warnings(endpoint postback.Endpoint, event postback.Event) []postback.Warning {
	scheme, err := r.Schemes.Define(endpoint.Scheme)
	if err != nil {
		return nil
	}
	var warnings []postback.Warning
	for _, one := range scheme.EmptyMacros(target(endpoint), event.Data) {
		warnings = append(warnings, postback.Warning{
			Code: postback.WarnEmptyMacro, EndpointID: endpoint.ID, Field: one.Field,
			Message: fmt.Sprintf("the macro %s in the endpoint's URL has no value in this event (%s): it is sent empty", one.Macro, one.Field),
		})
	}
	for _, one := range scheme.Cautions(target(endpoint), event.Data) {
		warnings = append(warnings, postback.Warning{Code: one.Code, EndpointID: endpoint.ID, Field: one.Field, Message: one.Message})
	}
	return warnings
}

// Reference is what the delivery of an event to an endpoint is looked up by: what
// the endpoint's scheme names, such as the transaction's id. It is empty when the
// event has nothing of that kind.
func (r Rules) Reference(endpoint postback.Endpoint, event postback.Event) string {
	scheme, err := r.Schemes.Define(endpoint.Scheme)
	if err != nil {
		return ""
	}
	return scheme.Reference(event.Data)
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
func (Rules) OrderKey(endpoint postback.Endpoint, event postback.Event) string {
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

func target(endpoint postback.Endpoint) signer.Target {
	return signer.Target{URL: endpoint.URL, Method: endpoint.Method}
}

// DomainError gives an error of the signer the form of the domain's, a
// *postback.Error; others stay as they are.
func DomainError(err error) error {
	if refused, ok := errors.AsType[*signer.Error](err); ok {
		return &postback.Error{Code: postback.Code(refused.Code), Field: refused.Field, Message: refused.Message}
	}
	return err
}
