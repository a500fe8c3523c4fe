package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func TestSuccessStatusesComeBackAsTheyWereGiven(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.client(t, "admin")
	spec := client.EndpointSpec{Publisher: "pub_1", Scheme: "standard-webhooks"}
	spec.URL, spec.SuccessStatuses = "https://example.com/", []int{200, 204}
	made, err := c.CreateEndpoint(t.Context(), spec)
	if err != nil || !slices.Equal(made.SuccessStatuses, spec.SuccessStatuses) {
		t.Fatalf("got %+v, %v", made, err)
	}
	kept, err := c.UpdateEndpoint(t.Context(), made.ID, postback.EndpointPatch{"description": "x"})
	if err != nil || !slices.Equal(kept.SuccessStatuses, spec.SuccessStatuses) {
		t.Errorf("got %+v, %v", kept, err)
	}
	cleared, err := c.UpdateEndpoint(t.Context(), made.ID, postback.EndpointPatch{"success_statuses": nil})
	if err != nil || len(cleared.SuccessStatuses) > 0 {
		t.Errorf("got %+v, %v", cleared, err)
	}
}

// A publisher could otherwise have what it did not process count as delivered.
func TestOnlyAnAdminWidensSuccess(t *testing.T) {
	t.Parallel()
	const widened = `{"success_statuses":[200,204]}`
	for _, tt := range []struct {
		who, method, path, body string
		status                  int
	}{
		{"publisher", "PATCH", "/v1/endpoints/ep_1", widened, 403},
		{"publisher", "POST", "/v1/endpoints", `{"publisher":"pub_1","url":"https://example.com","scheme":"standard-webhooks","success_statuses":[204]}`, 403},
		{"publisher", "PATCH", "/v1/endpoints/ep_1", `{"success_statuses":[200]}`, 200},
		{"publisher", "PATCH", "/v1/endpoints/ep_1", `{"success_statuses":null}`, 200},
		{"admin", "PATCH", "/v1/endpoints/ep_1", widened, 200},
	} {
		b := setup(t)
		b.fill()
		got := b.call(t, tt.who, tt.method, tt.path, tt.body)
		if got.status != tt.status {
			t.Errorf("%s, %s: got %d %s", tt.who, tt.body, got.status, got.body)
		}
		if got.status != 403 {
			continue
		}
		if problem := got.problem(t); problem.Code != postback.CodeForbidden || problem.Field != "success_statuses" || !strings.Contains(problem.Detail, "admin") {
			t.Errorf("%s, %s: got %s", tt.who, tt.body, got.body)
		}
		if b.patch != nil || b.spec.Publisher != "" {
			t.Errorf("%s: it was done", tt.body)
		}
	}
}

// A publisher's program reads an endpoint, changes one setting and sends all back.
func TestWhatIsThereMayBeSentBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	endpoint := b.endpoints["ep_1"]
	endpoint.SuccessStatuses = []int{200, 204}
	b.endpoints["ep_1"] = endpoint
	for body, status := range map[string]int{
		`{"success_statuses":[200,204],"description":"x"}`: 200,
		`{"success_statuses":[204,200,204]}`:               200,
		`{"success_statuses":[204]}`:                       403,
		`{"success_statuses":[200,202,204]}`:               403,
	} {
		got := b.call(t, "publisher", "PATCH", "/v1/endpoints/ep_1", body)
		if now := b.endpoints["ep_1"].SuccessStatuses; got.status != status || !slices.Equal(now, []int{200, 204}) {
			t.Errorf("%s: got %d %s, and %v", body, got.status, got.body, now)
		}
	}
}
