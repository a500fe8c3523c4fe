package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func TestWhatMayBeEmptyComesBackAsItWasGiven(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const made, changed = `"allow_empty":["REF","REASON"]`, `"allow_empty":["*"]`
	got := b.call(t, "admin", "POST", "/v1/endpoints", `{"publisher":"pub_1","url":"https://example.com/","scheme":"bitlabs",`+made+`}`)
	if got.status != 201 || !strings.Contains(got.body, made) {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	for _, step := range []struct{ change, want, gone string }{
		{`{"description":"x"}`, made, ""},
		{`{"allow_empty":["*"]}`, changed, made},
		{`{"allow_empty":null}`, `"id"`, `"allow_empty"`},
	} {
		got := b.call(t, "admin", "PATCH", "/v1/endpoints/ep_1", step.change)
		if got.status != 200 || !strings.Contains(got.body, step.want) || step.gone != "" && strings.Contains(got.body, step.gone) {
			t.Errorf("%s: got %d %s", step.change, got.status, got.body)
		}
	}
	c := b.client(t, "admin")
	shown, err := c.CreateEndpoint(t.Context(), client.EndpointSpec{Publisher: "pub_1", Scheme: "bitlabs", EndpointSettings: postback.EndpointSettings{URL: "https://example.com/", AllowEmpty: []string{"REF"}}})
	if err != nil || !slices.Equal(shown.AllowEmpty, []string{"REF"}) {
		t.Fatalf("got %+v, %v", shown, err)
	}
	if shown, err = c.UpdateEndpoint(t.Context(), shown.ID, postback.EndpointPatch{"allow_empty": []string{}}); err != nil || len(shown.AllowEmpty) > 0 {
		t.Errorf("got %+v, %v", shown, err)
	}
}
