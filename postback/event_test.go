package postback_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func TestParseEventReadsEveryField(t *testing.T) {
	t.Parallel()
	event := parse(t, `{"id":"tx-1","type":"conversion.completed","publisher":"pub_1",
		"data":{"payout":1.50},"occurred_at":"2026-01-31T13:00:00.250+01:00"}`)
	if event.ID != "tx-1" || event.Type != "conversion.completed" || event.Publisher != "pub_1" {
		t.Errorf("got %q, %q, %q", event.ID, event.Type, event.Publisher)
	}
	want := time.Date(2026, 1, 31, 12, 0, 0, 250e6, time.UTC)
	if !event.OccurredAt.Equal(want) || event.OccurredAt.Location() != time.UTC {
		t.Errorf("occurred at %v, want %v", event.OccurredAt, want)
	}
	if len(event.Digest) == 0 {
		t.Error("the event has no digest")
	}
}

func TestParseEventLeavesOptionalFieldsOpen(t *testing.T) {
	t.Parallel()
	event := parse(t, `{"type":"exchange.finished","publisher":"pub_1","data":{}}`)
	if event.ID != "" || !event.OccurredAt.IsZero() {
		t.Errorf("got id %q, occurred at %v", event.ID, event.OccurredAt)
	}
	accepted := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	event.AcceptedAt = accepted
	if !event.When().Equal(accepted) {
		t.Errorf("happened at %v, want the time of acceptance", event.When())
	}
	event.OccurredAt = accepted.Add(-time.Hour)
	if !event.When().Equal(event.OccurredAt) {
		t.Errorf("happened at %v, want what the producer said", event.When())
	}
}

func TestParseEventKeepsTheSpellingOfData(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, data, want string }{
		{"numbers", `{"a":1.50,"b":1e2,"c":-0,"d":12345678901234567890}`, `{"a":1.50,"b":1e2,"c":-0,"d":12345678901234567890}`},
		{"white space between tokens", "{ \"a\" :\t1 ,\n\"b\" : [ 1 , 2 ] }", `{"a":1,"b":[1,2]}`},
		{"white space in a string", `{"a":" b  c "}`, `{"a":" b  c "}`},
		{"order", `{"b":1,"a":2}`, `{"b":1,"a":2}`},
		{"markup", `{"a":"<b>&</b>"}`, `{"a":"<b>&</b>"}`},
		{"escapes", `{"a":"\u003c\/\u00e9"}`, `{"a":"\u003c\/\u00e9"}`},
		{"line separators", "{\"a\":\"\u2028\u2029\"}", "{\"a\":\"\u2028\u2029\"}"},
		{"empty", `{ }`, `{}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			event := parse(t, `{"type":"conversion.completed","publisher":"pub_1","data":`+tt.data+`}`)
			if string(event.Data) != tt.want {
				t.Errorf("got %s, want %s", event.Data, tt.want)
			}
		})
	}
}

func TestParseEventRefuses(t *testing.T) {
	t.Parallel()
	const invalid, unknown = postback.CodeInvalid, postback.CodeUnknownField
	with := func(fields string) string {
		return `{"type":"conversion.completed","publisher":"pub_1","data":{"a":"` + hidden + `"},` + fields + `}`
	}
	typed := func(eventType string) string {
		return `{"type":` + eventType + `,"publisher":"pub_1","data":{}}`
	}
	data := func(data string) string {
		return `{"type":"conversion.completed","publisher":"pub_1","data":` + data + `}`
	}
	publisher := func(publisher string) string {
		return `{"type":"conversion.completed","publisher":` + publisher + `,"data":{}}`
	}
	tests := []struct {
		name, text, field string
		code              postback.Code
	}{
		{"nothing", ``, "", invalid},
		{"no JSON", hidden, "", invalid},
		{"an array", `["` + hidden + `"]`, "", invalid},
		{"null", `null`, "", invalid},
		{"two objects", typed(`"conversion.completed"`) + `{}`, "", invalid},
		{"text after the end", typed(`"conversion.completed"`) + hidden, "", invalid},
		{"cut off", `{"type":"` + hidden, "", invalid},
		{"not UTF-8", data("{\"a\":\"\xff\"}"), "", invalid},
		{"too large", data(`{"a":"` + strings.Repeat("x", postback.MaxEventBytes) + `"}`), "", postback.CodeTooLarge},
		{"unknown field", with(`"publsher":"` + hidden + `"`), "publsher", unknown},
		{"field in capitals", with(`"Publisher":"` + hidden + `"`), "Publisher", unknown},
		{"field that folds to a known one", with("\"publi\u017fher\":\"" + hidden + `"`), "publi\u017fher", unknown},
		{"field written twice", with(`"publisher":"` + hidden + `"`), "publisher", invalid},
		{"empty id", with(`"id":""`), "id", invalid},
		{"long id", with(`"id":"` + strings.Repeat("x", 201) + `"`), "id", invalid},
		{"id with a space", with(`"id":"` + hidden + ` 1"`), "id", invalid},
		{"id with a control character", with(`"id":"` + hidden + `\n"`), "id", invalid},
		{"id beyond ASCII", with(`"id":"` + hidden + `é"`), "id", invalid},
		{"id of a dot", with(`"id":"."`), "id", invalid},
		{"id of two dots", with(`"id":".."`), "id", invalid},
		{"number as id", with(`"id":7`), "id", invalid},
		{"no type", `{"publisher":"pub_1","data":{}}`, "type", invalid},
		{"null as type", typed(`null`), "type", invalid},
		{"object as type", typed(`{"a":"` + hidden + `"}`), "type", invalid},
		{"foreign family", typed(`"telemetry.completed"`), "type", invalid},
		{"family alone", typed(`"conversion"`), "type", invalid},
		{"no publisher", `{"type":"conversion.completed","data":{}}`, "publisher", invalid},
		{"empty publisher", publisher(`""`), "publisher", invalid},
		{"the operator as publisher", publisher(`"@operator"`), "publisher", invalid},
		{"a type that an operator is told", typed(`"endpoint.disabled"`), "type", invalid},
		{"long publisher", publisher(`"` + strings.Repeat("x", 201) + `"`), "publisher", invalid},
		{"publisher with a control character", publisher(`"` + hidden + `\u0000"`), "publisher", invalid},
		{"publisher with a delete", publisher(`"` + hidden + `\u007f"`), "publisher", invalid},
		{"publisher that begins with a space", publisher(`" ` + hidden + `"`), "publisher", invalid},
		{"publisher that ends in a space", publisher(`"` + hidden + ` "`), "publisher", invalid},
		{"publisher that ends in a no-break space", publisher(`"` + hidden + `\u00a0"`), "publisher", invalid},
		{"publisher with a line end", publisher(`"` + hidden + `\n` + hidden + `"`), "publisher", invalid},
		{"list as publisher", publisher(`["` + hidden + `"]`), "publisher", invalid},
		{"no data", `{"type":"conversion.completed","publisher":"pub_1"}`, "data", invalid},
		{"null as data", data(`null`), "data", invalid},
		{"list as data", data(`["` + hidden + `"]`), "data", invalid},
		{"text as data", data(`"` + hidden + `"`), "data", invalid},
		{"broken data", data(`{"a":01}`), "", invalid},
		{"date as time", with(`"occurred_at":"2026-01-31"`), "occurred_at", invalid},
		{"words as time", with(`"occurred_at":"yesterday"`), "occurred_at", invalid},
		{"number as time", with(`"occurred_at":1769860800`), "occurred_at", invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := postback.ParseEvent([]byte(tt.text))
			expectRefusal(t, err, tt.field, tt.code)
		})
	}
}

func TestParseEventTakesTheLargest(t *testing.T) {
	t.Parallel()
	text := `{"type":"conversion.completed","publisher":"pub_1","data":{"a":""}}`
	text = strings.Replace(text, `""`, `"`+strings.Repeat("x", postback.MaxEventBytes-len(text))+`"`, 1)
	if len(text) != postback.MaxEventBytes {
		t.Fatalf("the event has %d bytes", len(text))
	}
	parse(t, text)
}

func TestDigestTellsARepeatFromAChange(t *testing.T) {
	t.Parallel()
	event := func(eventType, publisher, data, rest string) string {
		return `{"type":"` + eventType + `","publisher":"` + publisher + `","data":` + data + rest + `}`
	}
	conversion := func(data string) string { return event("conversion.completed", "pub_1", data, "") }
	timed := func(at string) string { return event("conversion.completed", "pub_1", `{}`, `,"occurred_at":"`+at+`"`) }
	tests := []struct {
		name, one, other string
		same             bool
	}{
		{"another order", conversion(`{"a":1,"b":{"c":2,"d":3}}`), conversion(`{"b":{"d":3,"c":2},"a":1}`), true},
		{"white space", conversion(`{"a":1}`), conversion(`{ "a" : 1 }`), true},
		{"escapes of the same text", conversion(`{"a":"\u00e9"}`), conversion(`{"a":"é"}`), true},
		{"the same moment in another zone", timed("2026-01-31T12:00:00Z"), timed("2026-01-31T13:00:00+01:00"), true},
		{"the id is no content", conversion(`{}`), event("conversion.completed", "pub_1", `{}`, `,"id":"tx-1"`), true},
		{"spelling of a number", conversion(`{"a":1.5}`), conversion(`{"a":1.50}`), false},
		{"large integers", conversion(`{"a":9007199254740992}`), conversion(`{"a":9007199254740993}`), false},
		{"number and text", conversion(`{"a":1}`), conversion(`{"a":"1"}`), false},
		{"order of a list", conversion(`{"a":[1,2]}`), conversion(`{"a":[2,1]}`), false},
		{"null and absent", conversion(`{"a":null}`), conversion(`{}`), false},
		{"type", conversion(`{}`), event("conversion.pending", "pub_1", `{}`, ""), false},
		{"publisher", conversion(`{}`), event("conversion.completed", "pub_2", `{}`, ""), false},
		{"time", timed("2026-01-31T12:00:00Z"), timed("2026-01-31T12:00:00.001Z"), false},
		{"time or none", conversion(`{}`), timed("2026-01-31T12:00:00Z"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			same := bytes.Equal(parse(t, tt.one).Digest, parse(t, tt.other).Digest)
			if same != tt.same {
				t.Errorf("%s and %s: same digest %t, want %t", tt.one, tt.other, same, tt.same)
			}
		})
	}
}

// The usual event is read in one pass, and in what is unusual nothing is read wrong:
// both readers agree on all of it.
func TestTheUsualEventIsReadQuickly(t *testing.T) {
	t.Parallel()
	for text, quick := range map[string]bool{
		`{"id":"tx-1","type":"conversion.completed","publisher":"pub_1","data":{"user_id":"u-7","payout":0.10,"n":-3},"occurred_at":"2026-01-31T12:00:00Z"}`:                          true,
		"{\n \"data\": {\"z\": {\"y\": [1, 2, {\"b\": true, \"a\": null}], \"x\": {}}, \"a\": \"caf\u00e9 <b>&\"},\n \"publisher\": \"pub_1\", \"type\": \"conversion.completed\"}\n": true,
		`{"type":"exchange.finished","publisher":"p","data":{}}`:                                      true,
		`{"type":"exchange.finished","publisher":"p","data":{"a":"\u0041"}}`:                          false,
		`{"type":"exchange.finished","publisher":"p","data":{"a":1e3}}`:                               false,
		`{"type":"exchange.finished","publisher":"p","data":{"b":1,"a":2,"b":3}}`:                     false,
		`{"type":"exchange.finished","publisher":"p","data":{"a":"` + "\u2028" + `"}}`:                false,
		`{"type":"exchange.finished","publisher":"p","data":{"a":"` + "\xff" + `"}}`:                  false,
		`{"type":"exchange.finished","publisher":"p","data":{"a":` + strings.Repeat("1", 101) + `}}`:  false,
		`{"type":"exchange.finished","publisher":"p","data":{"a":` + strings.Repeat("[", 101) + `1}}`: false,
		`{"type":"exchange.finished","type":"exchange.finished","publisher":"p","data":{"a":"b"}}`:    false,
		`{"type":"exchange.finished","publisher":"p","data":{"a":"b"}}{}`:                             false,
		`{"type":"exchange.finished","publisher":"p","data":{"a":"b"},"extra":"x"}`:                   false,
		`{"type":"exchange.finished","publisher":null,"data":{"a":"b"}}`:                              false,
		`{"type":"exchange.finished","publisher":"p","data":{"a":"b"},}`:                              false,
		`{"type":"exchange.finished","publisher":"p","data":{"a":"b"`:                                 false,
	} {
		if got := postback.ReadsQuickly([]byte(text)); got != quick {
			t.Errorf("%s: read quickly is %t", text, got)
		}
		event, err := postback.ParseEvent([]byte(text))
		expectTheSame(t, []byte(text), event, err)
	}
}
