package api_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func TestWhatIsExpectedComesBackAsItWasGiven(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"exact":"OK"}`, `{"contains":"OK"}`, `{"regex":"^(OK|1)$"}`,
		`{"json_path":"status","equals":"ok"}`, `{"json_path":"success","equals":true}`, `{"json_path":"code","equals":0}`,
		`{"exact":"OK","duplicate":"DUP"}`, `{"duplicate":["DUP","AGAIN"]}`,
	} {
		b := setup(t)
		made := b.call(t, "admin", "POST", "/v1/endpoints", `{"publisher":"pub_1","url":"https://example.com/","scheme":"besitos","expect":`+text+`}`)
		if made.status != 201 || !strings.Contains(made.body, `"expect":`+text) {
			t.Errorf("%s: got %d %s", text, made.status, made.body)
		}
		patched := b.call(t, "admin", "PATCH", "/v1/endpoints/ep_1", `{"expect":{"exact":"other"}}`)
		if patched.status != 200 || !strings.Contains(patched.body, `"expect":{"exact":"other"}`) {
			t.Errorf("%s: got %d %s", text, patched.status, patched.body)
		}
		if kept := b.call(t, "admin", "PATCH", "/v1/endpoints/ep_1", `{"description":"x"}`); !strings.Contains(kept.body, `"expect"`) {
			t.Errorf("%s: got %d %s", text, kept.status, kept.body)
		}
		if removed := b.call(t, "admin", "PATCH", "/v1/endpoints/ep_1", `{"expect":null}`); removed.status != 200 || strings.Contains(removed.body, `"expect"`) {
			t.Errorf("%s: got %d %s", text, removed.status, removed.body)
		}
	}
}

func TestTheClientCarriesWhatIsExpected(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.client(t, "admin")
	want := &postback.Expect{JSONPath: "status", Equals: `"ok"`, Duplicate: postback.Texts{"DUP"}}
	made, err := c.CreateEndpoint(t.Context(), client.EndpointSpec{Publisher: "pub_1", Scheme: "besitos", EndpointSettings: postback.EndpointSettings{URL: "https://example.com/", Expect: want}})
	if err != nil || !reflect.DeepEqual(made.Expect, want) || !reflect.DeepEqual(b.spec.Expect, want) {
		t.Fatalf("got %+v, %v", made.Expect, err)
	}
	var nothing *postback.Expect
	changed, err := c.UpdateEndpoint(t.Context(), made.ID, postback.EndpointPatch{"expect": nothing})
	if err != nil || changed.Expect != nil || !b.patch.Names("expect") {
		t.Errorf("got %+v, %v", changed.Expect, err)
	}
}
