package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// openAPI is the part of the document that says which filters there are.
type openAPI struct {
	Paths map[string]map[string]struct {
		Parameters []struct{ Name, In string }
	}
	Components struct {
		Schemas map[string]struct {
			Properties map[string]struct {
				Ref string `json:"$ref"`
			}
		}
	}
}

func (b *bundle) document(t *testing.T) openAPI {
	t.Helper()
	var document openAPI
	answer := b.call(t, "admin", http.MethodGet, "/openapi.json", "")
	if err := json.Unmarshal([]byte(answer.body), &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// Every query parameter of every listing that is given without a value, or with
// one that would count as none, is refused by its name.
func TestAQueryFilterIsNeverDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tried := 0
	for path, methods := range b.document(t).Paths {
		get, some := methods["get"]
		if !some {
			continue
		}
		for _, parameter := range get.Parameters {
			if parameter.In != "query" {
				continue
			}
			values := []string{""}
			switch parameter.Name {
			case "status_code", "limit":
				values = append(values, "0")
			case "since", "until":
				values = append(values, "0001-01-01T00:00:00Z", "0")
			case "unmatched", "rejected":
				values = append(values, "false", "0", "F")
			case "state", "error", "reason":
				values = append(values, ",")
			}
			for _, value := range values {
				tried++
				b.refuses(t, http.MethodGet, strings.ReplaceAll(path, "{id}", "dlv_1")+"?"+parameter.Name+"="+value, "", parameter.Name)
			}
		}
	}
	if tried < 20 {
		t.Errorf("only %d filters were tried", tried)
	}
}

// refuses checks that a call is refused for a field.
func (b *bundle) refuses(t *testing.T, method, path, body, field string) {
	t.Helper()
	answer := b.call(t, "admin", method, path, body)
	var problem struct{ Field string }
	if err := json.Unmarshal([]byte(answer.body), &problem); err != nil || answer.status != http.StatusUnprocessableEntity || problem.Field != field {
		t.Errorf("%s %s %s: got %d %s, want the field %s refused", method, path, body, answer.status, answer.body, field)
	}
}

func TestAReplayFilterIsNeverDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	names := b.document(t).Components.Schemas["ReplayFilter"].Properties
	if len(names) < 11 {
		t.Fatalf("the filter has %d fields: %v", len(names), names)
	}
	for name := range names {
		for _, value := range []string{`""`, `0`, `null`, `[]`, `[""]`, `false`, `{}`} {
			b.refuses(t, http.MethodPost, "/v1/replays", fmt.Sprintf(`{"filter":{"state":"dead",%q:%s}}`, name, value), "filter."+name)
		}
	}
	b.refuses(t, http.MethodPost, "/v1/replays", `{"filter":{"since":"0001-01-01T00:00:00Z"}}`, "filter.since")
	b.refuses(t, http.MethodPost, "/v1/replays", `{"filter":{}}`, "filter")
	b.refuses(t, http.MethodPost, "/v1/replays", `{"filter":null}`, "filter")
	b.refuses(t, http.MethodPost, "/v1/replays", `{}`, "filter")
	if len(b.jobs) != 0 {
		t.Errorf("%d replays were started", len(b.jobs))
	}
}

// Every field of the client's filter that is given without a value arrives, and is
// refused by its name, in a listing and in a replay.
func TestTheClientDropsNoFilter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.client(t, "admin")
	fields := reflect.TypeFor[client.DeliveryFilter]()
	for i := range fields.NumField() {
		filter := client.DeliveryFilter{States: []postback.State{postback.Dead}}
		field := reflect.ValueOf(&filter).Elem().Field(i)
		if field.Kind() == reflect.Slice {
			field.Set(reflect.MakeSlice(field.Type(), 0, 0))
		} else {
			field.Set(reflect.ValueOf(postback.Given("")))
		}
		name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		_, err := c.StartReplay(t.Context(), client.ReplayRequest{Filter: filter})
		expectField(t, err, "filter."+name)
		_, err = c.ListDeliveries(t.Context(), filter, client.PageRequest{})
		expectField(t, err, name)
	}
	_, err := c.StartReplay(t.Context(), client.ReplayRequest{})
	expectField(t, err, "filter")
	if len(b.jobs) != 0 {
		t.Errorf("%d replays were started", len(b.jobs))
	}
}

func expectField(t *testing.T, err error, field string) {
	t.Helper()
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Field != field {
		t.Errorf("got %v, want the field %s refused", err, field)
	}
}

// A filter by an endpoint that never was finds nothing because it is mistaken. What
// was sent to a deleted one is found.
func TestAFilterNamesAnEndpointThatThereWas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	deleted := b.endpoints["ep_1"]
	deleted.State = postback.EndpointDeleted
	b.endpoints["ep_1"] = deleted
	for _, path := range []string{"/v1/deliveries?endpoint=", "/v1/deliveries/export?format=csv&endpoint="} {
		if got := b.call(t, "publisher", http.MethodGet, path+"ep_1", ""); got.status != http.StatusOK || !strings.Contains(got.body, "dlv_1") {
			t.Errorf("%sep_1: got %d %s", path, got.status, got.body)
		}
		for who, id := range map[string]string{"admin": "ep_nope", "other": "ep_1"} {
			got := b.call(t, who, http.MethodGet, path+id, "")
			if got.status != http.StatusNotFound || got.problem(t).Field != "endpoint" || !strings.Contains(got.body, id) {
				t.Errorf("%s, %s%s: got %d %s", who, path, id, got.status, got.body)
			}
		}
	}
}
