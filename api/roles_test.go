package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

// access is a call and the keys that may make it; every other key is
// forbidden to. The key "publisher" is pub_1's, "other" is pub_2's.
type access struct {
	method string
	path   string
	body   string
	good   int
	keys   string // with good as the answer
	hidden string // with 404 as the answer
}

func accessTable() []access {
	endpoint := `{"publisher":"pub_1","url":"https://example.com","scheme":"besitos"}`
	event := `{"type":"conversion.completed","publisher":"pub_1","data":{}}`
	return []access{
		{"POST", "/v1/events", event, 202, "admin producer", ""},
		{"POST", "/v1/events/batch", `{"events":[` + event + `]}`, 200, "admin producer", ""},
		{"POST", "/v1/events/deliver", `{"filter":{"unmatched":true}}`, 200, "admin publisher other", ""},
		{"POST", "/v1/events/deliver", `{"filter":{"publisher":"pub_1"}}`, 200, "admin publisher", ""},
		{"GET", "/v1/events", "", 200, "admin viewer publisher other", ""},
		{"GET", "/v1/events/e%2F1%3Fx=%23%25", "", 200, "admin viewer publisher", "other"},
		{"POST", "/v1/endpoints", endpoint, 201, "admin publisher", ""},
		{"GET", "/v1/endpoints", "", 200, "admin viewer publisher other", ""},
		{"GET", "/v1/endpoints?publisher=pub_1", "", 200, "admin viewer publisher", ""},
		{"GET", "/v1/endpoints/ep_1", "", 200, "admin viewer publisher", "other"},
		{"GET", "/v1/endpoints/ep_1/health", "", 200, "admin viewer publisher", "other"},
		{"PATCH", "/v1/endpoints/ep_1", `{"description":"x"}`, 200, "admin publisher", "other"},
		{"POST", "/v1/endpoints/ep_1/pause", "", 200, "admin publisher", "other"},
		{"POST", "/v1/endpoints/ep_1/resume", "{}", 200, "admin publisher", "other"},
		{"POST", "/v1/endpoints/ep_1/enable", "{}", 200, "admin publisher", "other"},
		{"POST", "/v1/endpoints/ep_1/rotate-secret", "", 200, "admin publisher", "other"},
		{"POST", "/v1/endpoints/ep_1/example", "{}", 200, "admin publisher", "other"},
		{"GET", "/v1/deliveries", "", 200, "admin viewer publisher other", ""},
		{"GET", "/v1/deliveries?publisher=pub_1", "", 200, "admin viewer publisher", ""},
		{"GET", "/v1/deliveries/dlv_1", "", 200, "admin viewer publisher", "other"},
		{"GET", "/v1/deliveries/export", "", 200, "admin viewer publisher other", ""},
		{"POST", "/v1/deliveries/dlv_1/replay", "", 202, "admin publisher", "other"},
		{"POST", "/v1/replays", `{"filter":{"state":"dead"}}`, 202, "admin publisher other", ""},
		{"POST", "/v1/replays", `{"filter":{"publisher":"pub_1"}}`, 202, "admin publisher", ""},
		{"GET", "/v1/replays", "", 200, "admin viewer publisher other", ""},
		{"GET", "/v1/replays?publisher=pub_1", "", 200, "admin viewer publisher", ""},
		{"GET", "/v1/replays/rpl_9", "", 200, "admin viewer publisher", "other"},
		{"POST", "/v1/replays/rpl_9/cancel", "", 200, "admin publisher", "other"},
		{"GET", "/v1/keys", "", 200, "admin", ""},
		{"POST", "/v1/keys", `{"role":"viewer"}`, 201, "admin", ""},
		{"DELETE", "/v1/keys/key_1", "", 204, "admin", ""},
		{"POST", "/v1/schemes", `{"name":"acme"}`, 201, "admin", ""},
		{"GET", "/v1/schemes", "", 200, "admin viewer publisher other", ""},
		{"GET", "/v1/schemes/besitos", "", 200, "admin viewer publisher other", ""},
		{"DELETE", "/v1/schemes/acme", "", 204, "admin", ""},
		{"GET", "/v1/egress", "", 200, "admin producer viewer publisher other", ""},
		{"GET", "/openapi.json", "", 200, "admin producer viewer publisher other", ""},
		{"GET", "/metrics", "", 200, "admin viewer", ""},
		{"DELETE", "/v1/endpoints/ep_1", "", 204, "admin publisher", "other"},
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	for _, row := range accessTable() {
		t.Run(row.method+" "+row.path, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			for _, who := range []string{"admin", "producer", "viewer", "publisher", "other", "nobody", "stranger", ""} {
				b.fill()
				b.keys = []postback.APIKey{{ID: "key_1"}}
				got := b.call(t, who, row.method, row.path, row.body)
				want := http.StatusForbidden
				switch {
				case who == "" || who == "stranger":
					want = http.StatusUnauthorized
				case contains(row.keys, who):
					want = row.good
				case contains(row.hidden, who):
					want = http.StatusNotFound
				}
				if got.status != want {
					t.Errorf("%q got %d, want %d: %s", who, got.status, want, got.body)
					continue
				}
				if want >= 400 {
					got.problem(t)
				}
				if want == http.StatusUnauthorized && !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
					t.Errorf("401 without WWW-Authenticate")
				}
			}
		})
	}
}

func contains(list, word string) bool {
	for one := range strings.FieldsSeq(list) {
		if one == word {
			return true
		}
	}
	return false
}

// What is refused to a key is refused before its body is looked at.
func TestKeyComesFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/v1/events", "/v1/endpoints", "/v1/events/batch"} {
		if got := b.call(t, "viewer", "POST", path+"?x=1", "{"); got.status != http.StatusForbidden {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

func TestPublisherIsScoped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	made := b.call(t, "other", "POST", "/v1/endpoints", `{"url":"https://example.com","scheme":"besitos"}`)
	if made.status != http.StatusCreated || b.spec.Publisher != "pub_2" {
		t.Errorf("made for %q: %d %s", b.spec.Publisher, made.status, made.body)
	}
	for _, path := range []string{"/v1/deliveries", "/v1/events"} {
		if got := b.call(t, "other", "GET", path, ""); got.body != `{"items":[]}`+"\n" {
			t.Errorf("%s shows %s", path, got.body)
		}
	}
	if got := b.call(t, "other", "GET", "/v1/replays", ""); strings.Contains(got.body, "rpl_") {
		t.Errorf("replays of others: %s", got.body)
	}
	if got := b.call(t, "publisher", "GET", "/v1/replays", ""); !strings.Contains(got.body, "rpl_9") {
		t.Errorf("own replays: %s", got.body)
	}
	if got := b.call(t, "other", "POST", "/v1/replays", `{"filter":{"endpoint":"ep_1"}}`); got.status != http.StatusNotFound || got.problem(t).Field != "filter.endpoint" {
		t.Errorf("replay to an endpoint of others: %s", got.body)
	}
	job := b.call(t, "other", "POST", "/v1/replays", `{"filter":{"type":"conversion.*"}}`)
	if job.status != http.StatusAccepted || !strings.Contains(job.body, `"publisher":"pub_2"`) {
		t.Errorf("replay: %s", job.body)
	}
	for _, call := range [][2]string{
		{"POST /v1/endpoints", `{"publisher":"@operator","url":"https://example.com","scheme":"standard-webhooks"}`},
		{"GET /v1/events?publisher=@operator", ""},
		{"GET /v1/deliveries?publisher=@operator", ""},
	} {
		method, path, _ := strings.Cut(call[0], " ")
		if got := b.call(t, "other", method, path, call[1]).problem(t); got.Status != http.StatusForbidden || got.Field != "publisher" {
			t.Errorf("%s: got %+v", call[0], got)
		}
	}
	foreign := b.call(t, "other", "POST", "/v1/replays", `{"filter":{"publisher":"pub_1"}}`).problem(t)
	if foreign.Status != http.StatusForbidden || foreign.Field != "filter.publisher" {
		t.Errorf("got %+v", foreign)
	}
}

func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for header, want := range map[string]int{
		"Bearer " + keyPrefix + "viewer":      200,
		"bearer " + keyPrefix + "viewer":      200,
		"Basic " + keyPrefix + "viewer":       401,
		keyPrefix + "viewer":                  401,
		"Bearer ":                             401,
		"Bearer " + strings.Repeat("x", 9):    401,
		"Bearer " + strings.Repeat("x", 9000): 401,
	} {
		got := b.call(t, "", "GET", "/v1/egress", "", "Authorization", header)
		if got.status != want {
			t.Errorf("%.20s: %d %s", header, got.status, got.body)
		}
	}
}
