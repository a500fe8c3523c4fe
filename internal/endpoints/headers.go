package endpoints

import (
	"fmt"
	"maps"
	"slices"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// WarnHeaderOfScheme is the code of a warning about a header of an endpoint's own that
// is not sent.
const WarnHeaderOfScheme = "header_of_scheme"

// notSent warns of headers that the scheme sets itself: an endpoint's own never
// replaces what receivers verify.
func notSent(headers map[string]string, scheme *signer.Definition) []postback.Warning {
	var warnings []postback.Warning
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if scheme.SetsHeader(name) {
			warnings = append(warnings, postback.Warning{
				Code: WarnHeaderOfScheme, Field: "headers." + name,
				Message: fmt.Sprintf("the scheme %s sets this header itself, and the endpoint's is not sent: leave it out, or choose another name", scheme.Name()),
			})
		}
	}
	return warnings
}
