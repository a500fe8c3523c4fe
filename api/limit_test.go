package api_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func TestPaceComesBackAsItWasGiven(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const pace = `"max_in_flight":4,"rate_limit":{"per_second":2.5,"burst":10},"order_by":"tx"`
	made := b.call(t, "admin", "POST", "/v1/endpoints", `{"publisher":"pub_1","url":"https://example.com/","scheme":"besitos",`+pace+`}`)
	if made.status != 201 || !strings.Contains(made.body, pace) {
		t.Fatalf("got %d %s", made.status, made.body)
	}
	for _, step := range []struct{ change, want, gone string }{
		{`{"description":"x"}`, pace, ""},
		{`{"rate_limit":20}`, `"rate_limit":{"per_second":20}`, ""},
		{`{"max_in_flight":8,"order_by":"publicId"}`, `"order_by":"publicId"`, `"max_in_flight":4`},
		{`{"rate_limit":null,"max_in_flight":null,"order_by":null}`, `"id"`, `"rate_limit"`},
		{`{}`, `"id"`, `"max_in_flight"`},
		{`{}`, `"id"`, `"order_by"`},
	} {
		got := b.call(t, "admin", "PATCH", "/v1/endpoints/ep_1", step.change)
		if got.status != 200 || !strings.Contains(got.body, step.want) || step.gone != "" && strings.Contains(got.body, step.gone) {
			t.Errorf("%s: got %d %s", step.change, got.status, got.body)
		}
	}
}

func TestTheClientCarriesPace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.client(t, "admin")
	want := &postback.RateLimit{PerSecond: 0.5, Burst: 3}
	spec := client.EndpointSpec{Publisher: "pub_1", Scheme: "besitos", EndpointSettings: postback.EndpointSettings{URL: "https://example.com/", MaxInFlight: 2, RateLimit: want, OrderBy: "tx"}}
	made, err := c.CreateEndpoint(t.Context(), spec)
	if err != nil || made.MaxInFlight != 2 || !reflect.DeepEqual(made.RateLimit, want) || made.OrderBy != "tx" {
		t.Fatalf("got %+v, %v", made, err)
	}
	changed, err := c.UpdateEndpoint(t.Context(), made.ID, postback.EndpointPatch{"max_in_flight": 0, "rate_limit": nil, "order_by": ""})
	if err != nil || changed.MaxInFlight != 0 || changed.RateLimit != nil || changed.OrderBy != "" {
		t.Errorf("got %+v, %v", changed, err)
	}
}
