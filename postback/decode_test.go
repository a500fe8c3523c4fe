package postback_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
)

type request struct {
	Name   string              `json:"name"`
	Count  int                 `json:"count"`
	Rate   float64             `json:"rate"`
	Small  uint8               `json:"small"`
	On     bool                `json:"on"`
	Tags   []string            `json:"tags"`
	Labels map[string]string   `json:"labels"`
	Wait   postback.Duration   `json:"wait"`
	Inner  struct{ Leaf *int } `json:"inner"`
}

func TestDecodeObjectReads(t *testing.T) {
	t.Parallel()
	var got request
	text := ` {"name":"a","count":3,"rate":0.5,"on":true,"tags":["x"],"labels":{"K":"v"},"wait":"1m30s"} `
	if err := postback.DecodeObject([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "a" || got.Count != 3 || got.Rate != 0.5 || !got.On || got.Tags[0] != "x" || got.Labels["K"] != "v" ||
		time.Duration(got.Wait) != 90*time.Second {
		t.Errorf("got %+v", got)
	}
}

func TestDecodeObjectRefuses(t *testing.T) {
	t.Parallel()
	const invalid, unknown = postback.CodeInvalid, postback.CodeUnknownField
	tests := []struct {
		name, text, field string
		code              postback.Code
	}{
		{"empty", "", "", invalid},
		{"white space", " \n", "", invalid},
		{"a list", `["` + hidden + `"]`, "", invalid},
		{"a text", `"` + hidden + `"`, "", invalid},
		{"two objects", `{} {"name":"` + hidden + `"}`, "", invalid},
		{"a comma too many", `{"name":"` + hidden + `",}`, "", invalid},
		{"not closed", `{"name":"` + hidden + `"`, "", invalid},
		{"not UTF-8", "{\"name\":\"" + hidden + "\xc3\x28\"}", "", invalid},
		{"unknown", `{"label":"` + hidden + `"}`, "label", unknown},
		{"unknown with the known value", `{"name":"a","other":"` + hidden + `"}`, "other", unknown},
		{"capitals", `{"NAME":"` + hidden + `"}`, "NAME", unknown},
		{"another spelling of s", "{\"tag\u017f\":[\"" + hidden + `"]}`, "tag\u017f", unknown},
		{"empty name", `{"":"` + hidden + `"}`, "", unknown},
		{"twice", `{"name":"a","name":"` + hidden + `"}`, "name", invalid},
		{"twice, once escaped", `{"name":"a","n\u0061me":"` + hidden + `"}`, "name", invalid},
		{"text for a number", `{"count":"` + hidden + `"}`, "count", invalid},
		{"fraction for an integer", `{"count":4711.5}`, "count", invalid},
		{"integer out of range", `{"small":4711}`, "small", invalid},
		{"number out of range", `{"rate":4711e400}`, "rate", invalid},
		{"number for a text", `{"name":4711}`, "name", invalid},
		{"text for a bool", `{"on":"` + hidden + `"}`, "on", invalid},
		{"text for a list", `{"tags":"` + hidden + `"}`, "tags", invalid},
		{"list for a map", `{"labels":["` + hidden + `"]}`, "labels", invalid},
		{"text for an object", `{"inner":"` + hidden + `"}`, "inner", invalid},
		{"duration in words", `{"wait":"` + hidden + `"}`, "", postback.CodeInvalidDuration},
		{"duration as a number", `{"wait":4711}`, "", postback.CodeInvalidDuration},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := postback.DecodeObject([]byte(tt.text), &request{})
			expectRefusal(t, err, tt.field, tt.code)
			if containsNumber(err, "4711") {
				t.Errorf("the error repeats a value: %v", err)
			}
		})
	}
}

func containsNumber(err error, number string) bool {
	for i := range len(err.Error()) - len(number) + 1 {
		if err.Error()[i:i+len(number)] == number {
			return true
		}
	}
	return false
}

func TestDecodeObjectSaysWhatIsWanted(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		`{"name":1}`:       "name: must be a string, not number",
		`{"count":"x"}`:    "count: must be a number, not string",
		`{"rate":[]}`:      "rate: must be a number, not array",
		`{"on":1}`:         "on: must be true or false, not number",
		`{"tags":{}}`:      "tags: must be a list, not object",
		`{"labels":false}`: "labels: must be an object, not bool",
	}
	for text, want := range tests {
		if err := postback.DecodeObject([]byte(text), &request{}); err == nil || err.Error() != want {
			t.Errorf("%s: got %q, want %q", text, err, want)
		}
	}
}

func TestEncodeJSONKeepsRawSpelling(t *testing.T) {
	t.Parallel()
	got, err := postback.EncodeJSON(map[string]any{"a": "<&>\u2028"})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":"<&>\u2028"}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := postback.EncodeJSON(make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
}

func TestDurationSpellsAsGoDoes(t *testing.T) {
	t.Parallel()
	encoded, err := postback.EncodeJSON(postback.RetryPolicy{MaxAge: postback.Duration(72 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"max_age":"72h0m0s"}`; string(encoded) != want {
		t.Errorf("got %s, want %s", encoded, want)
	}
}

func TestCodeOf(t *testing.T) {
	t.Parallel()
	refused := postback.Failure(postback.CodeNotFound, "there is no %s", "such thing")
	if code := postback.CodeOf(fmt.Errorf("read thing: %w", refused)); code != postback.CodeNotFound {
		t.Errorf("got %q", code)
	}
	if code := postback.CodeOf(errors.New("the disk is gone")); code != postback.CodeInternal {
		t.Errorf("got %q", code)
	}
	if got := postback.Invalid("retry.jitter", postback.CodeInvalid, "is %d", 2).Error(); got != "retry.jitter: is 2" {
		t.Errorf("got %q", got)
	}
	if got := refused.Error(); got != "there is no such thing" {
		t.Errorf("got %q", got)
	}
}
