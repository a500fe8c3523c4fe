package api_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

// badInput is a request that is refused, and how.
type badInput struct {
	name   string
	method string
	path   string
	body   string
	status int
	code   postback.Code
	field  string
}

const (
	invalid  = postback.CodeInvalid
	unknown  = postback.CodeUnknownField
	duration = postback.CodeInvalidDuration
	tooLarge = postback.CodeTooLarge
)

// hidden stands in every bad value: no log line may have it, and no answer but
// about a field that is repeated.
const hidden = "h1dden-s3cret"

// repeated are the fields whose values a refusal repeats, as they are no secrets.
func repeated(field string) bool {
	field = strings.TrimPrefix(field, "filter.")
	return slices.Contains([]string{"type", "event_type", "state", "since", "until", "limit", "occurred_at"}, field)
}

func badEvents() []badInput {
	post := func(name, body string, status int, code postback.Code, field string) badInput {
		return badInput{name, "POST", "/v1/events", body, status, code, field}
	}
	batch := func(name, body string, status int, code postback.Code, field string) badInput {
		return badInput{name, "POST", "/v1/events/batch", body, status, code, field}
	}
	return []badInput{
		post("no body", "", 400, invalid, ""),
		post("malformed", `{"type":"`+hidden, 400, invalid, ""),
		post("not UTF-8", "{\"type\":\"\xff\"}", 400, invalid, ""),
		post("a list", `["`+hidden+`"]`, 400, invalid, ""),
		post("two objects", `{} {}`, 400, invalid, ""),
		post("unknown field", `{"colour":"`+hidden+`"}`, 422, unknown, "colour"),
		post("field in capitals", `{"Type":"conversion.completed"}`, 422, unknown, "Type"),
		post("field twice", `{"type":"conversion.completed","type":"x"}`, 422, invalid, "type"),
		post("wrong kind", `{"type":7}`, 422, invalid, "type"),
		post("no type", `{"publisher":"pub_1","data":{}}`, 422, invalid, "type"),
		post("bad type", `{"type":"`+hidden+`","publisher":"pub_1","data":{}}`, 422, invalid, "type"),
		post("type of an operator's event", `{"type":"endpoint.disabled","publisher":"`+hidden+`","data":{}}`, 422, invalid, "type"),
		post("operator's type and name", `{"type":"endpoint.disabled","publisher":"@operator","data":{}}`, 422, invalid, "type"),
		post("reserved publisher", `{"type":"conversion.completed","publisher":"@operator","data":{"x":"`+hidden+`"}}`, 422, invalid, "publisher"),
		post("no publisher", `{"type":"conversion.completed","data":{}}`, 422, invalid, "publisher"),
		post("publisher that ends in white space", `{"type":"conversion.completed","publisher":"`+hidden+` ","data":{}}`, 422, invalid, "publisher"),
		post("publisher that begins with white space", `{"type":"conversion.completed","publisher":"\u3000`+hidden+`","data":{}}`, 422, invalid, "publisher"),
		post("publisher with a control character", `{"type":"conversion.completed","publisher":"pub_1\u0000`+hidden+`","data":{}}`, 422, invalid, "publisher"),
		post("no data", `{"type":"conversion.completed","publisher":"pub_1"}`, 422, invalid, "data"),
		post("data is no object", `{"type":"conversion.completed","publisher":"pub_1","data":["`+hidden+`"]}`, 422, invalid, "data"),
		post("bad id", `{"id":"a b `+hidden+`","type":"conversion.completed","publisher":"pub_1","data":{}}`, 422, invalid, "id"),
		post("bad time", `{"type":"conversion.completed","publisher":"pub_1","data":{},"occurred_at":"`+hidden+`"}`, 422, invalid, "occurred_at"),
		post("scheme refuses", `{"type":"conversion.completed","publisher":"pub_unsendable","data":{"x":"`+hidden+`"}}`, 422, "missing_field", "data.user_id"),
		post("too large", `{"data":"`+strings.Repeat("x", postback.MaxEventBytes)+`"}`, 413, tooLarge, ""),
		{"query", "POST", "/v1/events?dry_run=" + hidden, `{}`, 422, unknown, "dry_run"},
		batch("no body", "", 400, invalid, ""),
		batch("malformed", `{"events":[{]}`, 400, invalid, ""),
		batch("no events", `{}`, 422, invalid, "events"),
		batch("empty", `{"events":[]}`, 422, invalid, "events"),
		batch("not a list", `{"events":"`+hidden+`"}`, 422, invalid, "events"),
		batch("unknown field", `{"event":[]}`, 422, unknown, "event"),
		batch("too many", `{"events":[`+strings.Repeat("1,", 1000)+`1]}`, 413, tooLarge, "events"),
	}
}

func badEndpoints() []badInput {
	post := func(name, extra string, status int, code postback.Code, field string) badInput {
		body := `{"publisher":"pub_1","url":"https://example.com","scheme":"besitos",` + extra + `}`
		return badInput{name, "POST", "/v1/endpoints", body, status, code, field}
	}
	patch := func(name, body string, status int, code postback.Code, field string) badInput {
		return badInput{name, "PATCH", "/v1/endpoints/ep_1", body, status, code, field}
	}
	return []badInput{
		{"no body", "POST", "/v1/endpoints", "", 400, invalid, ""},
		{"malformed", "POST", "/v1/endpoints", `{"secret":"` + hidden + `"`, 400, invalid, ""},
		{"no url", "POST", "/v1/endpoints", `{"publisher":"pub_1","scheme":"besitos"}`, 422, invalid, "url"},
		{"no publisher", "POST", "/v1/endpoints", `{"url":"https://example.com","scheme":"besitos"}`, 422, invalid, "publisher"},
		{"misspelt", "POST", "/v1/endpoints", `{"publisher":"pub_1","ulr":"` + hidden + `","scheme":"besitos"}`, 422, unknown, "ulr"},
		{"body too large", "POST", "/v1/endpoints", `{"secret":"` + strings.Repeat("x", 1<<20) + `"}`, 413, tooLarge, ""},
		post("rate limit", `"rate_limit":"`+hidden+`"`, 422, invalid, "rate_limit"),
		post("rate limit half a burst", `"rate_limit":{"burst":1.5}`, 422, invalid, "rate_limit.burst"),
		post("rate limit field", `"rate_limit":{"per_second":5,"per_hour":5}`, 422, unknown, "rate_limit.per_hour"),
		post("rate limit burst", `"rate_limit":{"per_second":5,"burst":"`+hidden+`"}`, 422, invalid, "rate_limit.burst"),
		post("max in flight", `"max_in_flight":-1`, 422, invalid, "max_in_flight"),
		post("max in flight text", `"max_in_flight":"`+hidden+`"`, 422, invalid, "max_in_flight"),
		post("order by", `"order_by":["`+hidden+`"]`, 422, invalid, "order_by"),
		post("expect", `"expect":"`+hidden+`"`, 422, invalid, "expect"),
		post("expect field", `"expect":{"exactly":"OK"}`, 422, unknown, "expect.exactly"),
		post("expect nothing", `"expect":{"exact":""}`, 422, invalid, "expect.exact"),
		post("expect equals", `"expect":{"json_path":"a","equals":["`+hidden+`"]}`, 422, invalid, "expect.equals"),
		post("expect duplicate", `"expect":{"duplicate":7}`, 422, invalid, "expect.duplicate"),
		post("expect duplicates", `"expect":{"duplicate":["DUP",7]}`, 422, invalid, "expect.duplicate"),
		post("retry on", `"retry":{"on":"5xx"}`, 422, invalid, "retry.on"),
		post("retry on numbers", `"retry":{"on":[503]}`, 422, invalid, "retry.on[0]"),
		post("retry stop on", `"retry":{"stop_on":["403"]}`, 422, invalid, "retry.stop_on[0]"),
		post("twice", `"secret":"`+hidden+`","secret":"x"`, 422, invalid, "secret"),
		post("secret of another kind", `"secret":{"a":"`+hidden+`"}`, 422, invalid, "secret"),
		post("empty secret", `"secret":""`, 422, invalid, "secret"),
		post("long secret", `"secret":"`+strings.Repeat(hidden, 100)+`"`, 422, invalid, "secret"),
		post("event types", `"event_types":"`+hidden+`"`, 422, invalid, "event_types"),
		post("event types hold a number", `"event_types":["conversion.*",7]`, 422, invalid, "event_types[1]"),
		post("headers", `"headers":["`+hidden+`"]`, 422, invalid, "headers"),
		post("header is a number", `"headers":{"X-A":7}`, 422, invalid, "headers.X-A"),
		post("masked header", `"headers":{"X-Key":"[masked]"}`, 422, invalid, "headers.X-Key"),
		post("timeout is a number", `"timeout":15`, 422, invalid, "timeout"),
		post("timeout", `"timeout":"`+hidden+`"`, 422, duration, "timeout"),
		post("timeout of nothing", `"timeout":"0s"`, 422, duration, "timeout"),
		post("long timeout", `"timeout":"61s"`, 422, duration, "timeout"),
		post("retry", `"retry":"`+hidden+`"`, 422, invalid, "retry"),
		post("retry field", `"retry":{"schedul":[]}`, 422, unknown, "retry.schedul"),
		post("schedule", `"retry":{"schedule":["`+hidden+`"]}`, 422, duration, "retry.schedule[0]"),
		post("schedule, second", `"retry":{"schedule":["1s","5 s"]}`, 422, duration, "retry.schedule[1]"),
		post("schedule of numbers", `"retry":{"schedule":["1s",5]}`, 422, invalid, "retry.schedule[1]"),
		post("initial", `"retry":{"initial":"x"}`, 422, duration, "retry.initial"),
		post("max interval", `"retry":{"max_interval":"x"}`, 422, duration, "retry.max_interval"),
		post("max age", `"retry":{"max_age":"1 week"}`, 422, duration, "retry.max_age"),
		post("max attempts", `"retry":{"max_attempts":1.5}`, 422, invalid, "retry.max_attempts"),
		post("huge number", `"retry":{"jitter":1e999}`, 400, invalid, ""),
		post("control character", `"description":"a\u0000b"`, 422, invalid, "description"),
		post("initial of zero", `"retry":{"initial":"0s"}`, 422, duration, "retry.initial"),
		post("initial of nothing", `"retry":{"initial":"","max_attempts":3}`, 422, duration, "retry.initial"),
		post("multiplier of zero", `"retry":{"multiplier":0,"max_attempts":3}`, 422, invalid, "retry.multiplier"),
		post("max interval of zero", `"retry":{"max_interval":"0s","max_attempts":3}`, 422, duration, "retry.max_interval"),
		post("max attempts of zero", `"retry":{"max_attempts":0}`, 422, invalid, "retry.max_attempts"),
		post("max attempts of zero beside an age", `"retry":{"max_attempts":0,"max_age":"1h"}`, 422, invalid, "retry.max_attempts"),
		post("max age of zero", `"retry":{"max_age":"0s"}`, 422, duration, "retry.max_age"),
		post("jitter alone", `"retry":{"jitter":0}`, 422, invalid, "retry.max_attempts"),
		post("no retry", `"retry":{}`, 422, invalid, "retry"),
		post("empty method", `"method":""`, 422, invalid, "method"),
		post("empty timeout", `"timeout":""`, 422, duration, "timeout"),
		post("burst of zero", `"rate_limit":{"per_second":5,"burst":0}`, 422, invalid, "rate_limit.burst"),
		patch("no retry", `{"retry":{}}`, 422, invalid, "retry"),
		patch("retry on nothing", `{"retry":{"on":[]}}`, 422, invalid, "retry"),
		patch("stop on nothing", `{"retry":{"stop_on":[]}}`, 422, invalid, "retry"),
		patch("max attempts of zero", `{"retry":{"max_attempts":0}}`, 422, invalid, "retry.max_attempts"),
		patch("max age of zero beside a schedule", `{"retry":{"schedule":["5s"],"max_age":"0s"}}`, 422, duration, "retry.max_age"),
		patch("jitter alone", `{"retry":{"jitter":0}}`, 422, invalid, "retry.max_attempts"),
		patch("jitter without times", `{"retry":{"jitter":0,"stop_on":[403]}}`, 422, invalid, "retry.max_attempts"),
		patch("empty method", `{"method":""}`, 422, invalid, "method"),
		patch("burst of zero", `{"rate_limit":{"per_second":5,"burst":0}}`, 422, invalid, "rate_limit.burst"),
		patch("no body", "", 400, invalid, ""),
		patch("state", `{"state":"paused"}`, 422, unknown, "state"),
		patch("secret", `{"secret":"`+hidden+`"}`, 422, unknown, "secret"),
		patch("url null", `{"url":null}`, 422, invalid, "url"),
		patch("timeout null", `{"timeout":null}`, 422, invalid, "timeout"),
		patch("url of another kind", `{"url":7}`, 422, invalid, "url"),
		patch("retry", `{"retry":{"schedule":["x"]}}`, 422, duration, "retry.schedule[0]"),
		patch("retry field", `{"retry":{"x":1}}`, 422, unknown, "retry.x"),
		patch("timeout", `{"timeout":"-1s"}`, 422, duration, "timeout"),
		patch("masked header", `{"headers":{"X-Token":"[masked]"}}`, 422, invalid, "headers.X-Token"),
		{"pause with a field", "POST", "/v1/endpoints/ep_1/pause", `{"reason":"` + hidden + `"}`, 422, unknown, "reason"},
		{"rotate", "POST", "/v1/endpoints/ep_1/rotate-secret", `{"secret":7}`, 422, invalid, "secret"},
		{"rotate, malformed", "POST", "/v1/endpoints/ep_1/rotate-secret", `{"secret":"` + hidden, 400, invalid, ""},
		{"rotate at", "POST", "/v1/endpoints/ep_1/rotate-secret", `{"at":"tomorrow"}`, 422, invalid, "at"},
		{"rotate with overlap", "POST", "/v1/endpoints/ep_1/rotate-secret", `{"overlap":"a day"}`, 422, postback.CodeInvalidDuration, "overlap"},
		{"rotate, field", "POST", "/v1/endpoints/ep_1/rotate-secret", `{"secrt":"` + hidden + `"}`, 422, unknown, "secrt"},
		{"example type", "POST", "/v1/endpoints/ep_1/example", `{"event_type":"` + hidden + `"}`, 422, invalid, "event_type"},
		{"state", "GET", "/v1/endpoints?state=" + hidden, "", 422, invalid, "state"},
		{"cursor", "GET", "/v1/endpoints?cursor=garbage", "", 422, invalid, "cursor"},
		{"no such endpoint", "GET", "/v1/endpoints/" + hidden, "", 404, postback.CodeNotFound, ""},
		{"NUL in an id", "GET", "/v1/endpoints/a%00b", "", 404, postback.CodeNotFound, ""},
	}
}

func badReads() []badInput {
	get := func(name, query string, status int, code postback.Code, field string) badInput {
		return badInput{name, "GET", "/v1/deliveries" + query, "", status, code, field}
	}
	replay := func(name, body string, status int, code postback.Code, field string) badInput {
		return badInput{name, "POST", "/v1/replays", body, status, code, field}
	}
	return []badInput{
		get("state", "?state="+hidden, 422, invalid, "state"),
		get("state in a list", "?state=dead,"+hidden, 422, invalid, "state"),
		get("limit is a word", "?limit="+hidden, 422, invalid, "limit"),
		get("limit 0", "?limit=0", 422, invalid, "limit"),
		get("limit 1001", "?limit=1001", 422, invalid, "limit"),
		get("cursor", "?cursor="+hidden, 422, invalid, "cursor"),
		get("status code", "?status_code=99", 422, invalid, "status_code"),
		get("type", "?type="+hidden, 422, invalid, "type"),
		get("since", "?since="+hidden, 422, invalid, "since"),
		get("since with a raw plus", "?since=2026-01-31T12:00:00+01:00", 422, invalid, "since"),
		get("since in the future", "?since=-1h", 422, invalid, "since"),
		get("until", "?until=1d2", 422, invalid, "until"),
		get("until before since", "?since=1h&until=2h", 422, invalid, "until"),
		get("unknown", "?endpoint_id="+hidden, 422, unknown, "endpoint_id"),
		get("capitals", "?State=dead", 422, unknown, "State"),
		get("twice", "?endpoint=a&endpoint=b", 422, invalid, "endpoint"),
		get("without a value", "?endpoint", 422, invalid, "endpoint"),
		get("without a value, then another", "?endpoint&limit=5", 422, invalid, "endpoint"),
		get("NUL", "?endpoint=a%00", 422, invalid, "endpoint"),
		get("badly encoded", "?endpoint=%zz", 400, invalid, ""),
		get("no such delivery", "/nope", 404, postback.CodeNotFound, ""),
		get("export format", "/export?format=xml", 422, invalid, "format"),
		get("export state", "/export?state=x", 422, invalid, "state"),
		get("export page", "/export?limit=5", 422, unknown, "limit"),
		{"no such event", "GET", "/v1/events/nope", "", 404, postback.CodeNotFound, ""},
		{"rejected", "GET", "/v1/events?rejected=maybe", "", 422, invalid, "rejected"},
		{"events type", "GET", "/v1/events?type=x", "", 422, invalid, "type"},
		{"not ended", "POST", "/v1/deliveries/dlv_2/replay", "", 409, postback.CodeNotEnded, ""},
		replay("no body", "", 400, invalid, ""),
		replay("no filter", `{}`, 422, invalid, "filter"),
		replay("filter null", `{"filter":null}`, 422, invalid, "filter"),
		replay("open state", `{"filter":{"state":"pending"}}`, 422, invalid, "filter.state"),
		replay("state of another kind", `{"filter":{"state":{"a":"`+hidden+`"}}}`, 422, invalid, "filter.state"),
		replay("unknown state", `{"filter":{"state":"`+hidden+`"}}`, 422, invalid, "filter.state"),
		replay("open state in a list", `{"filter":{"state":["dead","parked"]}}`, 422, invalid, "filter.state"),
		replay("filter field", `{"filter":{"colour":"`+hidden+`"}}`, 422, unknown, "filter.colour"),
		replay("filter type", `{"filter":{"type":"`+hidden+`"}}`, 422, invalid, "filter.type"),
		replay("filter since", `{"filter":{"since":"`+hidden+`"}}`, 422, invalid, "filter.since"),
		replay("filter NUL", `{"filter":{"event":"a\u0000"}}`, 422, invalid, "filter.event"),
		replay("filter reference", `{"filter":{"reference":"a\u0000"}}`, 422, invalid, "filter.reference"),
		replay("rate", `{"filter":{},"rate":-1}`, 422, invalid, "rate"),
		replay("rate of another kind", `{"filter":{},"rate":"`+hidden+`"}`, 422, invalid, "rate"),
		{"no such replay", "GET", "/v1/replays/nope", "", 404, postback.CodeNotFound, ""},
		{"key role", "POST", "/v1/keys", `{"role":"` + hidden + `"}`, 422, invalid, "role"},
		{"key without a role", "POST", "/v1/keys", `{}`, 422, invalid, "role"},
		{"key without a publisher", "POST", "/v1/keys", `{"role":"publisher"}`, 422, invalid, "publisher"},
		{"key with a publisher", "POST", "/v1/keys", `{"role":"viewer","publisher":"pub_1"}`, 422, invalid, "publisher"},
		{"no such key", "DELETE", "/v1/keys/nope", "", 404, postback.CodeNotFound, ""},
		{"unknown route", "GET", "/v2/" + hidden, "", 404, postback.CodeNotFound, ""},
		{"unknown route below", "GET", "/v1/events/", "", 404, postback.CodeNotFound, ""},
		{"wrong method", "PUT", "/v1/events", "", 405, "method_not_allowed", ""},
		{"wrong method, id", "POST", "/v1/endpoints/ep_1", "", 405, "method_not_allowed", ""},
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	for group, table := range map[string][]badInput{"events": badEvents(), "endpoints": badEndpoints(), "reads": badReads()} {
		for _, test := range table {
			t.Run(group+"/"+test.method+" "+test.name, func(t *testing.T) {
				t.Parallel()
				got := b.call(t, "admin", test.method, test.path, test.body)
				problem := got.problem(t)
				if got.status != test.status || problem.Code != test.code || problem.Field != test.field {
					t.Errorf("got %s\nwant %d %s %q", got.body, test.status, test.code, test.field)
				}
				if test.field != "" && (len(problem.Errors) == 0 || problem.Errors[0].Field != test.field || problem.Errors[0].Message == "") {
					t.Errorf("errors do not say what is wrong with the field: %s", got.body)
				}
				if strings.Contains(got.body, hidden) && !repeated(test.field) {
					t.Errorf("the value comes back: %s", got.body)
				}
			})
		}
	}
	t.Cleanup(func() {
		b.stop()
		for line := range strings.SplitSeq(b.logs.String(), "\n") {
			// Only an id that was looked up may be in a log line.
			if strings.Contains(line, hidden) && !strings.Contains(line, `"route":"/v1/endpoints/{id}"`) {
				t.Errorf("the log has a value: %s", line)
			}
		}
	})
}

func TestSeveralFaults(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.call(t, "admin", "POST", "/v1/endpoints", `{"ulr":"x","timeout":5}`).problem(t)
	var fields []string
	for _, one := range got.Errors {
		fields = append(fields, one.Field)
	}
	if strings.Join(fields, " ") != "ulr scheme timeout url" || got.Code != unknown {
		t.Errorf("got %+v", got)
	}
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, `"f%d":1,`, i)
	}
	got = b.call(t, "admin", "POST", "/v1/endpoints", `{`+many.String()+`"url":"x","scheme":"y"}`).problem(t)
	if len(got.Errors) != 20 {
		t.Errorf("%d errors", len(got.Errors))
	}
}

// A body whose length is not announced is bounded too.
func TestUnannouncedBody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for path, size := range map[string]int{"/v1/events": postback.MaxEventBytes + 1, "/v1/endpoints": 1<<20 + 1, "/v1/endpoints/x/pause": 1<<20 + 1} {
		body := struct{ io.Reader }{strings.NewReader(strings.Repeat(" ", size))}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+path, body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+keyPrefix+"admin")
		transport := &http.Transport{}
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		transport.CloseIdleConnections()
		if response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
}

// curl -d says that JSON is a form.
func TestContentTypeDoesNotMatter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := `{"publisher":"pub_1","url":"https://example.com","scheme":"besitos"}`
	for _, contentType := range []string{"application/x-www-form-urlencoded", "text/plain; charset=x", "+;", "application/json"} {
		if got := b.call(t, "admin", "POST", "/v1/endpoints", body, "Content-Type", contentType, "Accept", "text/html"); got.status != http.StatusCreated {
			t.Errorf("%s: %d %s", contentType, got.status, got.body)
		}
	}
}

func TestMethodNotAllowed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.call(t, "", "PUT", "/v1/endpoints/ep_1", "")
	if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET, PATCH, DELETE" {
		t.Errorf("got %d, %v", got.status, got.header)
	}
	got.problem(t)
}

// A scheme's message goes to the caller; what is no domain error does not.
func TestSecretsAreNotEchoed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.down = fmt.Errorf("seal secret: %w", fmt.Errorf("keyring is gone"))
	c := b.call(t, "admin", "POST", "/v1/endpoints", `{"publisher":"pub_1","url":"https://example.com","scheme":"besitos","secret":"`+hidden+`"}`)
	b.stop()
	if c.status != 503 || c.header.Get("Retry-After") == "" || strings.Contains(c.body, "keyring") || strings.Contains(c.body+b.logs.String(), hidden) {
		t.Errorf("got %d %s; %s", c.status, c.body, b.logs)
	}
}
