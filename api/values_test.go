package api_test

import (
	"net/http"
	"strings"
	"testing"
)

// A refusal says which value is wrong and what to give instead.
func TestRefusalsRepeatTheValue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	get := func(query string) [3]string { return [3]string{http.MethodGet, "/v1/" + query} }
	post := func(path, body string) [3]string { return [3]string{http.MethodPost, "/v1/" + path, body} }
	event := func(members string) [3]string { return post("events", `{"publisher":"pub_1","data":{},`+members+`}`) }
	for want, request := range map[string][3]string{
		`state: invalid state "foo": use pending, retrying, parked, succeeded, dead or cancelled`:                                                                                                                get("deliveries?state=dead,foo"),
		`since: invalid time "1x": use RFC 3339, a date, or an age such as 90m, 7d or 1w`:                                                                                                                        get("deliveries?since=1x"),
		`until: invalid time "0": use RFC 3339, a date, or an age such as 90m, 7d or 1w`:                                                                                                                         get("events?until=0"),
		`since: invalid time "2026-02-30", whose day does not exist: use RFC 3339, a date, or an age such as 90m, 7d or 1w`:                                                                                      get("events?since=2026-02-30"),
		`since: invalid time "2026-01-31T12:00:00 01:00": use RFC 3339, a date, or an age such as 90m, 7d or 1w; in a query, write + as %2B`:                                                                     get("events?since=2026-01-31T12:00:00+01:00"),
		`status_code: invalid status "abc": use a status from 100 to 599, or a class such as 5xx`:                                                                                                                get("deliveries?status_code=abc"),
		`status_code: invalid status "99": use a status from 100 to 599, or a class such as 5xx`:                                                                                                                 get("deliveries?status_code=99"),
		`status_code: invalid status "6xx": use a status from 100 to 599, or a class such as 5xx`:                                                                                                                get("deliveries?status_code=5xx,6xx"),
		`error: invalid error code "dns": did you mean dns_error?`:                                                                                                                                               get("deliveries/export?error=timeout&error=dns"),
		`filter.error: is an empty list: name at least one, or leave the field out`:                                                                                                                              post("replays", `{"filter":{"error":[]}}`),
		`reason: invalid reason "exhausted": did you mean attempts_exhausted?`:                                                                                                                                   get("deliveries?reason=exhausted"),
		`filter.reason: invalid reason "7": use paused, disabled, circuit_open, over_limit, ordered, attempts_exhausted, not_retried, stopped, max_age, refused, unsendable, example_failed or endpoint_deleted`: post("replays", `{"filter":{"reason":7}}`),
		`filter.reason: deliveries that are parked (paused) cannot be replayed, only ended ones: use a reason of those, such as attempts_exhausted`:                                                              post("replays", `{"filter":{"reason":["stopped","paused"]}}`),
		`limit: invalid value 0: use a number >= 1`:                                                                                                                                                              get("deliveries?limit=0"),
		`cursor: has no value; give one or leave the parameter out`:                                                                                                                                              get("deliveries?cursor="),
		`rejected: invalid value "maybe": use true or false`:                                                                                                                                                     get("events?rejected=maybe"),
		`unmatched: is false, which filters nothing: give true, or leave it out`:                                                                                                                                 get("events?unmatched=false"),
		`filter.unmatched: is false, which filters nothing: give true, or leave it out`:                                                                                                                          post("events/deliver", `{"filter":{"unmatched":false}}`),
		`window: invalid value "2h": use one of 15m, 1h, 24h`:                                                                                                                                                    get("endpoints/ep_1/health?window=2h"),
		`type: no event type can match "x": use "conversion.*", "exchange.*", a full type such as "conversion.completed", or "*"`:                                                                                get("events?type=x"),
		`filter.state: is an empty list: name at least one state, or leave the field out for dead letters`:                                                                                                       post("replays", `{"filter":{"state":[]}}`),
		`filter.state: write one state such as "dead", or a list such as ["dead", "cancelled"]`:                                                                                                                  post("replays", `{"filter":{"state":7}}`),
		`filter.state: invalid state "foo": use pending, retrying, parked, succeeded, dead or cancelled`:                                                                                                         post("replays", `{"filter":{"state":["dead","foo"]}}`),
		`filter.state: deliveries that are parked cannot be replayed, only ended ones: use dead, succeeded or cancelled`:                                                                                         post("replays", `{"filter":{"state":"parked"}}`),
		`filter.status_code: invalid status "99": use a status from 100 to 599, or a class such as 5xx`:                                                                                                          post("replays", `{"filter":{"status_code":99}}`),
		`rate: invalid value 0: use a number >= 0.01`:                                                                                                                                                            post("replays", `{"filter":{"state":"dead"},"rate":0}`),
		`rate: invalid value -1: use a number >= 0.01`:                                                                                                                                                           post("replays", `{"filter":{"state":"dead"},"rate":-1}`),
		`at: invalid value "2026-02-30T00:00:00Z": use RFC 3339, such as "2026-01-31T12:00:00Z"`:                                                                                                                 post("endpoints/ep_1/rotate-secret", `{"at":"2026-02-30T00:00:00Z"}`),
		`type: invalid type "x": use a dotted lower-case name that begins with "conversion." or "exchange.", such as "conversion.completed"`:                                                                     event(`"type":"x"`),
		`occurred_at: invalid time "2026-02-30T00:00:00Z", whose day does not exist: use RFC 3339, such as "2026-01-31T12:00:00.000Z"`:                                                                           event(`"type":"conversion.completed","occurred_at":"2026-02-30T00:00:00Z"`),
	} {
		answer := b.call(t, "admin", request[0], request[1], request[2])
		if problem := answer.problem(t); answer.status != http.StatusUnprocessableEntity || problem.Detail != want {
			t.Errorf("%s: got %d\n%s\nwant\n%s", strings.Join(request[:], " "), answer.status, problem.Detail, want)
		}
	}
	if len(b.rematched) != 0 || len(b.jobs) != 1 {
		t.Error("something was done all the same")
	}
}
