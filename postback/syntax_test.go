package postback_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

// eventWith is an event's JSON with some data, on a line of its own.
func eventWith(data string) string {
	return "{\"type\":\"conversion.completed\",\"publisher\":\"pub_1\",\"data\":\n" + data + "}"
}

func nested(levels int) string {
	return strings.Repeat(`{"a":`, levels-1) + "{}" + strings.Repeat("}", levels-1)
}

func TestErrorsOfAnEventNameThePlace(t *testing.T) {
	t.Parallel()
	many := make([]string, 40)
	for i := range many {
		many[i] = fmt.Sprintf(`"n%d":%d`, i, i)
	}
	tests := []struct{ name, text, field, says string }{
		{"a byte order mark", "\xef\xbb\xbf" + eventWith("{}"), "", "byte order mark"},
		{"UTF-16", "\xff\xfe{\x00", "", "UTF-16"},
		{"a byte that is not UTF-8", eventWith("{\"a\":\"é\xff\"}"), "", "line 2, column 8 (byte 68)"},
		{"a comma too many", eventWith(`{"a":1,}`), "", "line 2, column 8 (byte 67)"},
		{"an end too early", "{\"type\":\n \"x\"", "", "ends too early, at line 2, column 5 (byte 14)"},
		{"nothing", " \n", "", "empty"},
		{"two objects in a line", eventWith("{}") + eventWith("{}"), "", "goes on behind its first JSON object, at line 2, column 4"},
		{"two lines", eventWith("{}") + "\n" + eventWith("{}"), "", "goes on behind its first JSON object, at line 3, column 1"},
		{"a name twice", `{"type":"conversion.completed","type":"x"}`, "type", "written twice"},
		{"a name twice in the data", eventWith(`{"a":1,"b":{"c":[0,{"d":1, "d" :2}]}}`), "data.b.c[1].d", "written twice"},
		{"a name twice in another spelling", eventWith(`{"ab":1,"\u0061b":2}`), "data.ab", "written twice"},
		{"one of many names twice", eventWith(`{` + strings.Join(many, ",") + `,"n39":0}`), "data.n39", "written twice"},
		{"a number that overflows", eventWith(`{"a":[1,-1e309]}`), "data.a[1]", "too large for a double"},
		{"a long number that overflows", eventWith(`{"a":` + strings.Repeat("9", 310) + `}`), "data.a", "too large for a double"},
		{"a number of many digits", eventWith(`{"a":0.` + strings.Repeat("1", 399) + `}`), "data.a", "more than 400 digits"},
		{"too deep", eventWith(nested(101)), "data", "deeper than 100 levels"},
		{"too deep in lists", eventWith(`{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`), "data", "deeper than 100 levels"},
	}
	for _, test := range tests {
		_, err := postback.ParseEvent([]byte(test.text))
		var refused *postback.Error
		if !errors.As(err, &refused) || refused.Field != test.field || !strings.Contains(refused.Message, test.says) {
			t.Errorf("%s: got %v, want field %q and %q", test.name, err, test.field, test.says)
		}
	}
	for name, data := range map[string]string{
		"100 levels": nested(100), "the largest double": `{"a":1.7e308,"b":-1.7E+308}`, "400 digits": `{"a":0.` + strings.Repeat("1", 398) + `}`,
		"the same name elsewhere": `{"a":{"b":1},"c":{"b":1},"b":[{"b":1},{"b":"a\\\"b"}]}`, "white space": "{ \"a\" : [ 1 , true , null , \"x\" ] , \"b\" : { } , \"c\" : [ ] }",
		"many names": `{` + strings.Join(many, ",") + `}`,
	} {
		if _, err := postback.ParseEvent([]byte(eventWith(data))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOccurredAtIsOfThisCentury(t *testing.T) {
	t.Parallel()
	for at, good := range map[string]bool{
		"1999-12-31T23:59:59Z": false, "2000-01-01T00:00:00Z": true, "2100-12-31T23:59:59Z": true, "2101-01-01T00:00:00Z": false, "0001-01-01T00:00:00Z": false,
	} {
		_, err := postback.ParseEvent([]byte(`{"type":"conversion.completed","publisher":"pub_1","data":{},"occurred_at":"` + at + `"}`))
		var refused *postback.Error
		if (err == nil) != good || err != nil && (!errors.As(err, &refused) || refused.Field != "occurred_at") {
			t.Errorf("%s: %v", at, err)
		}
	}
}

func TestCheckJSONNamesThePlace(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`{"Any":null,"name":1}`: "",
		" \n{} ":                "",
		"\xef\xbb\xbf{}":        "begins with a byte order mark",
		"{\n \"a\":}":           "is not valid JSON at line 2, column 6 (byte 8)",
		"{} {}":                 "goes on behind its first JSON object",
		"":                      "is empty",
		"[]":                    "must be a JSON object",
		"null":                  "must be a JSON object",
	} {
		err := postback.CheckJSON([]byte(text))
		if says == "" && err != nil || says != "" && (err == nil || !strings.HasPrefix(err.Error(), "the body "+says)) {
			t.Errorf("%q: got %v, want %q", text, err, says)
		}
	}
}
