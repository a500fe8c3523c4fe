package api

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/waybillhq/waybill/postback"
)

// endpointBody is what a new endpoint is made from.
type endpointBody struct {
	Publisher string `json:"publisher,omitempty" maxLength:"200" doc:"Required, but of a publisher's key, which makes its own; @operator: for alerts"`
	Scheme    string `json:"scheme" example:"besitos"`
	Secret    string `json:"secret,omitempty" minLength:"1" maxLength:"1024" writeOnly:"true" doc:"Left out: generated in the network's form"`
	postback.EndpointSettings
}

// TransformSchema adds the short forms.
func (endpointBody) TransformSchema(registry huma.Registry, s *huma.Schema) *huma.Schema {
	describe(s.Properties["rate_limit"], limitForms(registry)...)
	boundStatuses(s)
	return s
}

// endpointPatch is what is to change.
type endpointPatch struct{ postback.EndpointSettings }

// TransformSchema describes settings as they are changed.
func (endpointPatch) TransformSchema(registry huma.Registry, s *huma.Schema) *huma.Schema {
	s.Required = nil
	for _, setting := range postback.SettingsOfEndpoint() {
		property := s.Properties[setting.Name]
		property.Description = setting.Change
		property.Nullable = setting.Clears() && property.Ref == ""
		property.MaxItems = nil // it was published without
	}
	null := &huma.Schema{Type: "null"}
	for _, name := range []string{"expect", "retry"} {
		describe(s.Properties[name], &huma.Schema{Ref: s.Properties[name].Ref}, null)
	}
	describe(s.Properties["rate_limit"], append(limitForms(registry), null)...)
	boundStatuses(s)
	return s
}

// describe says which forms a property has. That is not checked against the
// schema: of one that allows several it could not be said which field is wrong.
func describe(property *huma.Schema, forms ...*huma.Schema) {
	property.Ref = ""
	property.Extensions = map[string]any{"oneOf": forms}
}

// limitForms are those of a rate limit: a number, and the whole limit.
func limitForms(registry huma.Registry) []*huma.Schema {
	return []*huma.Schema{
		{Type: huma.TypeNumber, Description: "Attempts per second"},
		registry.Schema(reflect.TypeFor[postback.RateLimit](), true, ""),
	}
}

// boundStatuses says which statuses can be success; the domain checks it in words
// of its own.
func boundStatuses(s *huma.Schema) {
	statuses := s.Properties["success_statuses"]
	statuses.Extensions = map[string]any{"minItems": 1}
	statuses.Items.Extensions = map[string]any{"minimum": 200, "maximum": 299}
}

// written is a body whose members are read by the domain. T says what it holds.
type written[T any] struct{ members map[string]json.RawMessage }

// UnmarshalJSON keeps the members as they were written.
func (w *written[T]) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &w.members) //nolint:wrapcheck // encoding/json adds where it was.
}

// Schema is that of T.
func (written[T]) Schema(registry huma.Registry) *huma.Schema {
	return registry.Schema(reflect.TypeFor[T](), true, "")
}

// patch reads the settings that a body names, if the caller may give them to an
// endpoint that has some before: what is there already may be sent back.
func (w written[T]) patch(ctx context.Context, before postback.EndpointSettings) (postback.EndpointPatch, postback.EndpointSettings, error) {
	patch := postback.EndpointPatch{}
	for _, setting := range postback.SettingsOfEndpoint() {
		if value, found := w.members[setting.Name]; found {
			patch[setting.Name] = value
		}
	}
	given, err := patch.Over(postback.EndpointSettings{})
	if err != nil {
		return nil, given, err //nolint:wrapcheck // it names the field
	}
	if err := checkHeaders(given.Headers); err != nil {
		return nil, given, err
	}
	if sameStatuses(given.Successes(), before.Successes()) {
		delete(patch, "success_statuses")
	} else if err := checkGiver(ctx, given); err != nil {
		return nil, given, err
	}
	return patch, given, postback.CheckText("description", given.Description) //nolint:wrapcheck // it names the field
}

// text is a member that the schema has as a string.
func (w written[T]) text(name string) (text string) {
	_ = json.Unmarshal(w.members[name], &text) // checked against the schema
	return text
}

// specOf reads what a new endpoint is made from.
func specOf(ctx context.Context, body written[endpointBody]) (postback.EndpointSpec, error) {
	none := postback.EndpointSpec{}
	publisher, err := scope(ctx, "publisher", body.text("publisher"))
	if err != nil {
		return none, err
	}
	if publisher, err = postback.RequireName("publisher", &publisher); err != nil {
		return none, fmt.Errorf("check publisher: %w", err)
	}
	_, settings, err := body.patch(ctx, none.EndpointSettings)
	return postback.EndpointSpec{
		Publisher: publisher, Scheme: body.text("scheme"), Secret: postback.NewSecret(body.text("secret")), EndpointSettings: settings,
	}, err
}

// checkGiver refuses what only an admin may give an endpoint.
func checkGiver(ctx context.Context, given postback.EndpointSettings) error {
	role := recordOf(ctx).caller.Role
	if role == postback.RoleAdmin || !given.WidensSuccess() {
		return nil
	}
	return postback.Invalid("success_statuses", postback.CodeForbidden,
		"a key with the role %s may not have other answers than 200 count as success; leave the field out, or ask an admin", role)
}

// sameStatuses compares two lists of statuses, whose order says nothing.
func sameStatuses(some, others []int) bool {
	sorted := func(list []int) []int { return slices.Compact(slices.Sorted(slices.Values(list))) }
	return slices.Equal(sorted(some), sorted(others))
}

// checkHeaders refuses a mask that was read and is written back: it would
// replace the credential.
func checkHeaders(headers map[string]string) error {
	for name, value := range headers {
		if value == maskedValue {
			return postback.Invalid("headers."+name, postback.CodeInvalid, "is the mask that stands for a value; write the value itself")
		}
	}
	return nil
}
