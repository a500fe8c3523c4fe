package api

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"github.com/waybillhq/waybill/postback"
)

// filter reads a filter, narrows it to what the caller may see and refuses an endpoint
// that never was; prefix goes before the names of fields in errors.
func (s *server) filter(ctx context.Context, prefix string, given postback.DeliveryQuery) (postback.DeliveryFilter, error) {
	filter, err := given.Read(prefix, s.Now())
	if err != nil {
		return filter, fmt.Errorf("read filter: %w", err)
	}
	if filter.Publisher, err = scope(ctx, prefix+"publisher", filter.Publisher); err != nil {
		return filter, err
	}
	return filter, s.checkEndpoint(ctx, prefix+"endpoint", filter.EndpointID)
}

// checkEndpoint refuses a filter's endpoint that never was, or is not the caller's:
// finding nothing would look like nothing having happened. Of a deleted one there is
// history.
func (s *server) checkEndpoint(ctx context.Context, field, id string) error {
	if id == "" {
		return nil
	}
	endpoint, err := s.EndpointReader.Endpoint(ctx, id)
	if postback.CodeOf(err) == postback.CodeNotFound || err == nil && !mayTouch(ctx, endpoint.Publisher) {
		return postback.Invalid(field, postback.CodeNotFound, "endpoint %.60q not found", id)
	}
	if err != nil {
		return fmt.Errorf("get endpoint: %w", err)
	}
	return nil
}

// replayFilter is a filter of deliveries as JSON.
type replayFilter struct {
	postback.DeliveryQuery
	given map[string]json.RawMessage // as it was written
}

// UnmarshalJSON reads a filter and notes what is given.
func (f *replayFilter) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &f.DeliveryQuery); err != nil {
		return err //nolint:wrapcheck // encoding/json adds where it was.
	}
	return json.Unmarshal(text, &f.given) //nolint:wrapcheck // encoding/json adds where it was.
}

// check refuses a filter that would filter less than it says, or nothing: no
// caller replays everything by a slip.
func (f *replayFilter) check() error {
	state, given := f.given["state"]
	switch {
	case len(f.given) == 0:
		return postback.Invalid("filter", postback.CodeInvalid, `filters nothing; name at least one filter, such as "state": "dead" for every dead letter`)
	case given && state[0] != '"' && state[0] != '[':
		return postback.Invalid("filter.state", postback.CodeInvalid, `write one state such as "dead", or a list such as ["dead", "cancelled"]`)
	case given && len(f.States) == 0:
		return postback.Invalid("filter.state", postback.CodeInvalid, "is an empty list: name at least one state, or leave the field out for dead letters")
	default:
		return nil
	}
}

// describeFilters says what is otherwise with filters in JSON than in a query: a single
// name may stand without a list, no text is empty, a state is one that a delivery ends
// in, and what is shown explains itself.
func (s *server) describeFilters() {
	schemas := s.huma.OpenAPI().Components.Schemas.Map()
	taken, shown := schemas["ReplayFilter"].Properties, schemas["ReplayFilterView"].Properties
	taken["status_code"].Items = statusSchema()
	for name, property := range taken {
		if property.Type == huma.TypeArray {
			taken[name] = oneOrSeveral(property)
			continue
		}
		property.MinLength = new(1)
		property.PrecomputeMessages()
	}
	taken["state"].Description = "One ended state (dead, succeeded, cancelled) or a list of them; left out: dead"
	for _, property := range shown {
		property.Description = ""
	}
	shown["status_code"].Items = statusSchema()
	shown["since"], shown["until"] = timestamp{}.Schema(nil), timestamp{}.Schema(nil)
}

// statusSchema describes a status in JSON, or a class of them.
func statusSchema() *huma.Schema {
	return &huma.Schema{Extensions: map[string]any{"anyOf": []*huma.Schema{
		{Type: huma.TypeInteger, Minimum: new(100.0), Maximum: new(599.0)}, {Type: huma.TypeString, Pattern: "^[1-5]([0-9]{2}|xx)$"},
	}}}
}

// oneOrSeveral describes both forms and checks neither: of a schema that allows both it
// could not be said what is wrong. DeliveryQuery.Read says it.
func oneOrSeveral(list *huma.Schema) *huma.Schema {
	return &huma.Schema{Description: list.Description, Extensions: map[string]any{
		"anyOf": []*huma.Schema{list.Items, {Type: huma.TypeArray, Items: list.Items, MinItems: new(1)}},
	}}
}
