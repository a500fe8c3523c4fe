package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// bodySchema is the part of the document's schemas that says what a body holds.
type bodySchema struct {
	Ref                  string                `json:"$ref"`
	Type                 any                   `json:"type"` // a name, or a list of names
	Description          string                `json:"description"`
	Properties           map[string]bodySchema `json:"properties"`
	AdditionalProperties any                   `json:"additionalProperties"`
	Items                *bodySchema           `json:"items"`
	AnyOf                []bodySchema          `json:"anyOf"`
	OneOf                []bodySchema          `json:"oneOf"`
}

func (s bodySchema) nullable() bool {
	return strings.Contains(fmt.Sprint(s.Type), "null") || slices.ContainsFunc(slices.Concat(s.AnyOf, s.OneOf), bodySchema.nullable)
}

// nullPlace is where a body can have null, and a body that has it there.
type nullPlace struct {
	field, body string
	clears      bool
}

// nullPlaces are all places of a schema, with the members that lead to them.
func nullPlaces(schemas map[string]bodySchema, schema bodySchema, field, before, after string) []nullPlace {
	for schema.Ref != "" {
		schema = schemas[strings.TrimPrefix(schema.Ref, "#/components/schemas/")]
	}
	var places []nullPlace
	for name, member := range schema.Properties {
		path := strings.TrimPrefix(field+"."+name, ".")
		open := fmt.Sprintf("%s{%q:", before, name)
		places = append(places, nullPlace{path, open + "null}" + after, member.nullable()})
		if path != "data" && path != "events[0].data" {
			places = append(places, nullPlaces(schemas, member, path, open, "}"+after)...)
		}
	}
	if values, _ := schema.AdditionalProperties.(map[string]any); values["type"] == "string" {
		places = append(places, nullPlace{field + ".X-A", before + `{"X-A":null}` + after, false})
	}
	if schema.Items != nil {
		places = append(places, nullPlace{field + "[0]", before + "[null]" + after, false})
		places = append(places, nullPlaces(schemas, *schema.Items, field+"[0]", before+"[", "]"+after)...)
	}
	for _, form := range append(schema.AnyOf, schema.OneOf...) {
		places = append(places, nullPlaces(schemas, form, field, before, after)...)
	}
	return places
}

// Null in any member of any body is refused by its path, but where the document
// says what it means.
func TestNullIsNeverTakenForAbsent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	var document struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct{ Schema bodySchema }
			}
		}
		Components struct{ Schemas map[string]bodySchema }
	}
	if err := json.Unmarshal([]byte(b.call(t, "admin", http.MethodGet, "/openapi.json", "").body), &document); err != nil {
		t.Fatal(err)
	}
	refused, cleared := 0, 0
	for path, methods := range document.Paths {
		for method, operation := range methods {
			schema := operation.RequestBody.Content["application/json"].Schema
			for _, place := range nullPlaces(document.Components.Schemas, schema, "", "", "") {
				answer := b.call(t, "admin", strings.ToUpper(method), strings.ReplaceAll(path, "{id}", "ep_1"), place.body)
				switch {
				case path == "/v1/events/batch" && strings.HasPrefix(place.field, "events["):
					refused++
					b.expectRefusedEvent(t, answer, place)
				case place.clears:
					cleared++
					if answer.status != http.StatusOK || method != "patch" {
						t.Errorf("%s %s %s: got %d %s, want it cleared", method, path, place.body, answer.status, answer.body)
					}
				default:
					refused++
					expectNull(t, answer, place)
				}
			}
		}
	}
	if refused < 60 || cleared < 10 {
		t.Errorf("%d nulls were refused, %d cleared a field", refused, cleared)
	}
	if len(b.rematched)+len(b.keys) != 0 || len(b.jobs) != 1 || b.rotation.Replace {
		t.Error("something was done though its request had null")
	}
}

func expectNull(t *testing.T, answer reply, place nullPlace) {
	t.Helper()
	problem := answer.problem(t)
	if answer.status != http.StatusUnprocessableEntity || problem.Field != place.field || !strings.Contains(problem.Detail, "null") {
		t.Errorf("%s: got %d %s, want %s refused as null", place.body, answer.status, answer.body, place.field)
	}
}

// expectRefusedEvent checks that an event of a batch was refused; its fields are
// relative to it.
func (*bundle) expectRefusedEvent(t *testing.T, answer reply, place nullPlace) {
	t.Helper()
	var got struct {
		Results []struct {
			Status int
			Error  struct{ Field string }
		}
	}
	field := strings.TrimPrefix(strings.TrimPrefix(place.field, "events[0]"), ".")
	if err := json.Unmarshal([]byte(answer.body), &got); err != nil || len(got.Results) != 1 ||
		got.Results[0].Status != http.StatusUnprocessableEntity || got.Results[0].Error.Field != field {
		t.Errorf("%s: got %d %s, want the event refused", place.body, answer.status, answer.body)
	}
}

// Null that is written beside a value is found wherever it stands.
func TestNullBesideValues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	for _, test := range []struct{ path, body, field string }{
		{"/v1/replays", `{"filter":{"state":"dead"},"dry_run":null}`, "dry_run"},
		{"/v1/events/deliver", `{"filter":{"unmatched":true,"publisher":null}}`, "filter.publisher"},
		{"/v1/events/deliver", `{"filter":{"unmatched":null,"since":"1h"}}`, "filter.unmatched"},
		{"/v1/endpoints/ep_1/rotate-secret", `{"at":null,"replace":true}`, "at"},
		{"/v1/endpoints/ep_1/rotate-secret", `{"secret":null}`, "secret"},
		{"/v1/events", `{"id":null,"type":"conversion.completed","publisher":"pub_1","data":{"a":1}}`, "id"},
		{"/v1/events", `{"type":"conversion.completed","publisher":"pub_1","data":{},"occurred_at":null}`, "occurred_at"},
		{"/v1/schemes", `{"name":"acme","parts":[{"field":null}]}`, "parts[0].field"},
	} {
		b.refuses(t, http.MethodPost, test.path, test.body, test.field)
	}
	if answer := b.call(t, "admin", http.MethodPost, "/v1/events", `{"type":"conversion.completed","publisher":"pub_1","data":{"a":null}}`); answer.status != http.StatusAccepted {
		t.Errorf("null in data: %d %s", answer.status, answer.body)
	}
}
