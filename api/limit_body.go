package api

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/waybillhq/waybill/postback"
)

// rateLimit is how often an endpoint is sent to, as it was written: a number,
// or an object. It is read apart, because of a schema that allows both it could
// not be said which field is wrong.
type rateLimit struct{ json.RawMessage }

// Schema describes both and checks neither.
func (rateLimit) Schema(registry huma.Registry) *huma.Schema {
	return &huma.Schema{Extensions: map[string]any{"oneOf": []*huma.Schema{
		{Type: huma.TypeNumber, Description: "Attempts per second"},
		registry.Schema(reflect.TypeFor[postback.RateLimit](), true, ""),
	}}}
}

// read gives the limit; nil when none was written. The domain checks it.
func (r *rateLimit) read() (*postback.RateLimit, error) {
	if r == nil {
		return nil, nil //nolint:nilnil // there is none, and nothing is wrong
	}
	var rate float64
	if json.Unmarshal(r.RawMessage, &rate) == nil {
		return &postback.RateLimit{PerSecond: rate}, nil
	}
	if r.RawMessage[0] != '{' {
		return nil, postback.Invalid("rate_limit", postback.CodeInvalid,
			`write the attempts per second as a number, or as an object such as {"per_second": 20, "burst": 40}`)
	}
	var written struct {
		PerSecond float64 `json:"per_second"`
		Burst     *int    `json:"burst"`
	}
	err := postback.DecodeObject(r.RawMessage, &written)
	if wrong, ok := errors.AsType[*postback.Error](err); ok {
		return nil, postback.Invalid(strings.TrimSuffix("rate_limit."+wrong.Field, "."), wrong.Code, "%s", wrong.Message)
	}
	limit := &postback.RateLimit{PerSecond: written.PerSecond}
	take(&limit.Burst, written.Burst)
	if written.Burst != nil && limit.Burst == 0 {
		return nil, postback.Invalid("rate_limit.burst", postback.CodeInvalid, "is 0: give more, or leave the field out for what comes in a second")
	}
	return limit, err //nolint:wrapcheck // it is nil
}
