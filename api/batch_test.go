package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/client"
)

// What is wrong with a line of NDJSON is named by its place in what was sent,
// whatever is before it: lines without an event, white space, and what takes more
// than a byte.
func TestALineIsNamedByItsPlaceInTheBody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const good = `{"type":"conversion.completed","publisher":"pub_ü","data":{}}`
	tests := []struct {
		line string
		says string // empty: it is accepted
	}{
		{good, ""},
		{"", ""},
		{"  \t", ""},
		{`{"type":}`, "the line is not valid JSON at line 4, column 9 (byte "},
		{"\t  " + `{"ü":"x",}`, "the line is not valid JSON at line 5, column 13 (byte "},
		{`{"type":"x"`, "the line is not valid JSON: it ends too early, at line 6, column 12 (byte "},
		{good + good, "the line goes on behind its first JSON object, at line 7, column "},
		{`["` + good + `"]`, "the line "},
		{"\xef\xbb\xbf" + good, "the line begins with a byte order mark"},
		{`{"a":"` + "\xff" + `"}`, "the line is not UTF-8 at line 10, column 7 (byte "},
		{good, ""},
		{`{"type":1}`, ""}, // names its field
	}
	for _, end := range []string{"\n", "\r\n"} {
		var lines []string
		for _, test := range tests {
			lines = append(lines, test.line)
		}
		body := strings.Join(lines, end)
		got := b.call(t, "producer", "POST", "/v1/events/batch", body, "Content-Type", "application/x-ndjson")
		var answer struct{ Results []client.BatchResult }
		if err := json.Unmarshal([]byte(got.body), &answer); err != nil || len(answer.Results) != len(tests)-2 {
			t.Fatalf("got %d %s", got.status, got.body)
		}
		for _, result := range answer.Results {
			want := tests[result.Line-1].says
			switch {
			case want == "" && result.Line != len(tests) && result.Error != nil:
				t.Errorf("line %d: %+v", result.Line, result.Error)
			case want != "" && (result.Error == nil || !strings.HasPrefix(result.Error.Message, want)):
				t.Errorf("line %d: got %+v, want %q", result.Line, result.Error, want)
			}
		}
		at := strings.Index(body, `:}`) + 2 // the byte, from 1, of the line that lacks a value
		if message := answer.Results[1].Error.Message; !strings.HasSuffix(message, fmt.Sprintf("(byte %d)", at)) {
			t.Errorf("got %q, want byte %d", message, at)
		}
	}
}

// An event of a list is no body.
func TestAnEventOfAListIsCalledSo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.call(t, "producer", "POST", "/v1/events/batch", `{"events":[1]}`)
	if !strings.Contains(got.body, "the event must be a JSON object") || strings.Contains(got.body, `"line"`) {
		t.Errorf("got %d %s", got.status, got.body)
	}
}
