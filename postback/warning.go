package postback

// Codes of the warnings that come with an accepted event.
const (
	WarnNoEndpoint = "no_endpoint" // nobody gets it
	WarnUnsendable = "unsendable"  // an endpoint does not get it: its scheme cannot carry it
	WarnEmptyMacro = "empty_macro" // a macro of an endpoint's URL is sent empty
)

// Warning says what will go wrong, or will trip common receivers, though it is
// allowed.
type Warning struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	EndpointID string `json:"endpoint_id,omitempty"` // the endpoint that it is about, if one
	Field      string `json:"field,omitempty"`       // the field that it is about, if one
}
