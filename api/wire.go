package api

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// The API's answers are types of package client; what describes them is here.

// newRegistry gathers the schemas that the document describes.
func newRegistry() huma.Registry {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	registry.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[problem]())
	registry.RegisterTypeAlias(reflect.TypeFor[client.Time](), reflect.TypeFor[timestamp]())
	registry.RegisterTypeAlias(reflect.TypeFor[client.Parked](), reflect.TypeFor[parkedView]())
	registry.RegisterTypeAlias(reflect.TypeFor[client.Endpoint](), reflect.TypeFor[endpointView]())
	registry.RegisterTypeAlias(reflect.TypeFor[client.EndpointResult](), reflect.TypeFor[changedEndpoint]())
	registry.RegisterTypeAlias(reflect.TypeFor[postback.Duration](), reflect.TypeFor[string]())
	registry.RegisterTypeAlias(reflect.TypeFor[postback.Scalar](), reflect.TypeFor[scalar]())
	registry.RegisterTypeAlias(reflect.TypeFor[postback.Texts](), reflect.TypeFor[texts]())
	return registry
}

// schemaName is the name under which a type is described. Those of the client's types
// were published as they are here.
func schemaName(t reflect.Type, hint string) string {
	name, listed := strings.CutPrefix(huma.DefaultSchemaNamer(t, hint), "Page")
	name = cmp.Or(map[string]string{
		"Acceptance":      "AcceptedEvent",
		"Attempt":         "AttemptView",
		"AttemptRequest":  "RequestView",
		"AttemptResponse": "ResponseView",
		"Blocked":         "BlockedView",
		"CreatedKey":      "NewKey",
		"Delivery":        "DeliveryView",
		"DeliveryQuery":   "ReplayFilterView",
		"Endpoint":        "EndpointView",
		"EndpointHealth":  "EndpointHealthView",
		"Example":         "ExampleView",
		"Expect":          "ExpectBody",
		"FieldError":      "FieldProblem",
		"Key":             "KeyView",
		"KeySpec":         "KeyBody",
		"Latency":         "LatencyView",
		"Rematch":         "RematchView",
		"RetryPolicy":     "RetryBody",
		"ReplayJob":       "ReplayView",
		"Scheme":          "SchemeView",
		"SecretTimes":     "SecretView",
		"Traffic":         "TrafficView",
		"Waiting":         "WaitingView",
	}[name], name)
	if listed {
		return "List" + name
	}
	return name
}

// timestamp describes a client.Time.
type timestamp struct{}

// Schema documents the form.
func (timestamp) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Examples: []any{"2026-01-31T12:00:00.000Z"}}
}

// scalar describes a string, a number or a boolean.
type scalar struct{}

// Schema allows the three.
func (scalar) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeNumber}, {Type: huma.TypeBoolean}}}
}

// texts describe a string or a list of strings.
type texts struct{}

// Schema allows both.
func (texts) Schema(huma.Registry) *huma.Schema {
	text := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{OneOf: []*huma.Schema{text, {Type: huma.TypeArray, Items: text}}}
}

func stamp(t time.Time) client.Time { return client.Time{Time: t} }

type listOutput[T any] struct {
	Body client.Page[T]
}

// listOf turns a page of domain values into an answer.
func listOf[D, T any](items []D, next string, convert func(D) T) *listOutput[T] {
	return &listOutput[T]{Body: client.Page[T]{Items: convertAll(items, convert), NextCursor: next}}
}

func convertAll[D, T any](items []D, convert func(D) T) []T {
	all := make([]T, 0, len(items))
	for _, item := range items {
		all = append(all, convert(item))
	}
	return all
}

// IDInput is the input of calls about one thing.
type IDInput struct {
	ID string `path:"id"`
}

// PageInput asks for a part of a listing.
type PageInput struct {
	Cursor string `query:"cursor" doc:"next_cursor of the part before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
}

func (p PageInput) page() postback.Page {
	return postback.Page{Cursor: p.Cursor, Limit: p.Limit}
}

// readType checks a type or a pattern of types.
func readType(field, pattern string) error {
	if pattern == "" {
		return nil
	}
	if err := postback.CheckPattern(field, pattern); err != nil {
		return fmt.Errorf("check type: %w", err)
	}
	return nil
}

func readDuration(field, text string) (time.Duration, error) {
	read, err := postback.ParseAge(text)
	if err != nil {
		return 0, postback.Invalid(field, postback.CodeInvalidDuration, postback.UseAge)
	}
	return read, nil
}
