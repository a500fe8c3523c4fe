package endpoints

import (
	"fmt"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// Empty warns of the macros of an endpoint's URL that an event which it carries has
// no value for: a receiver that answers 200 all the same has credited nobody.
func (m *Manager) Empty(endpoint postback.Endpoint, event postback.Event) []postback.Warning {
	scheme, err := m.schemes.Define(endpoint.Scheme)
	if err != nil {
		return nil // its declaration is missing here; see Carries
	}
	var warnings []postback.Warning
	for _, one := range scheme.EmptyMacros(signer.Target{URL: endpoint.URL, Method: endpoint.Method}, event.Data) {
		warnings = append(warnings, postback.Warning{
			Code: postback.WarnEmptyMacro, EndpointID: endpoint.ID, Field: one.Field,
			Message: fmt.Sprintf("the macro %s in the endpoint's URL has no value in this event (%s): it is sent empty", one.Macro, one.Field),
		})
	}
	return warnings
}
